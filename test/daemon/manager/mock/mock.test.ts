import { expect } from 'chai'
import type { Running } from '../../../../daemon/kit/lifecycle.js'
import { silentLog } from '../../../../daemon/kit/log.js'
import { startMock } from '../../../../daemon/manager/mock/start-mock.js'
import { managerService } from '../../../../rpc-schema/manager/index.js'
import { rpcClient } from '../../../../rpc-schema/rpc/client.js'
import { connectRpc } from '../../../../rpc-schema/rpc/connection.js'

describe('manager: mock', () => {
  let mock: Running
  const connections: { close(): Promise<void> }[] = []
  before(async () => {
    mock = await startMock({
      miner: 1000,
      sectorSize: 2048,
      version: 'v1',
      listen: { host: '127.0.0.1', port: 0 },
      log: silentLog,
    })
  })
  after(async () => {
    for (const connection of connections) await connection.close()
    await mock.stop()
  })
  const api = () => {
    const connection = connectRpc(`http://${mock.address}`, { path: '/rpc/v0' })
    connections.push(connection)
    return rpcClient(managerService, connection)
  }

  it('takes a sector all the way, and counts from 1', async () => {
    const manager = api()
    const sector = (await manager.AllocateSector({ AllowedMiners: [1000], AllowedProofTypes: [5] }))!
    expect(sector).to.deep.equal({ ID: { Miner: 1000, Number: 1 }, ProofType: 5 })
    expect(await manager.AllocateSector({ AllowedMiners: [7], AllowedProofTypes: [] })).to.equal(null)
    expect(await manager.AllocateSector({ AllowedMiners: [], AllowedProofTypes: [8] })).to.equal(null)
    expect((await manager.AllocateSector({ AllowedMiners: [], AllowedProofTypes: [] }))?.ID.Number).to.equal(2)
    const Ticket = await manager.AssignTicket(sector.ID)
    expect([Ticket.Epoch, Ticket.Ticket.length]).to.deep.equal([0, 32])
    const info = { CommR: new Uint8Array(32), CommD: new Uint8Array(32), Ticket }
    expect((await manager.PollPreCommitState(sector.ID)).State).to.equal(4)
    expect((await manager.SubmitPreCommit(sector, info, false)).Res).to.equal(1)
    expect((await manager.SubmitPreCommit(sector, info, false)).Res).to.equal(2)
    expect((await manager.SubmitPreCommit(sector, info, true)).Res).to.equal(1)
    expect((await manager.PollPreCommitState(sector.ID)).State).to.equal(3)
    expect((await manager.WaitSeed(sector.ID, 5)).ShouldWait).to.equal(false)
    expect((await manager.SubmitProof(sector.ID, { Proof: new Uint8Array(192) }, false)).Res).to.equal(1)
    expect((await manager.PollProofState(sector.ID)).State).to.equal(3)
    expect((await manager.StoreReserveSpace(sector.ID, 1, ['a']))?.Name).to.equal('a')
    expect(await manager.StoreReserveSpace(sector.ID, 1, [])).to.equal(null)
  })

  it('answers every method of the wire with nothing but "not found" for other miners', async () => {
    const manager = api()
    const sid = { Miner: 1000, Number: 1 }
    expect((await manager.ProvingSectorInfo(sid)).OnChain.SealedCID).to.equal(null)
    expect(await manager.PollTerminateSectorState(sid)).to.deep.equal({
      TerminateCid: null,
      TerminatedAt: 0,
      AddedHeight: 0,
    })
    expect(await manager.ListSectors('online', 0)).to.equal(null)
    expect((await manager.GetInfo(1000)).SectorSize).to.equal(2048)
    expect((await manager.GetInfo(1000)).WindowPoStProofType).to.equal(10)
    expect((await manager.GetMinerConfig(1000)).Actor).to.equal(1000)
    const other = await manager.GetInfo(7).catch((error: Error) => error.message)
    expect(other).to.include("miner id '7' not found")
  })
})
