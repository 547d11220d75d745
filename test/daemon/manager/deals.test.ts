import { expect } from 'chai'
import { METHODS } from '../../../rpc-schema/actors/actor-methods.js'
import { ProveCommitSectors3Params } from '../../../rpc-schema/actors/miner-prove-commit.js'
import type { DealImport, ImportedDeal } from '../../../rpc-schema/devnet/index.js'
import { ON_CHAIN_STATE, SUBMIT_RESULT } from '../../../rpc-schema/manager/commitment.js'
import { sealyardService } from '../../../rpc-schema/manager/sealyard.js'
import { rpcClient } from '../../../rpc-schema/rpc/client.js'
import { connectRpc } from '../../../rpc-schema/rpc/connection.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { uint } from '../../../rpc-schema/wire/cbor.js'
import { eventually } from '../../harness/eventually.js'
import { onEachDatabase } from '../../harness/on-each-database.js'
import { goodProof, ManagerBench, MINER, PIECE_COMMITMENT, SECTOR_SIZE } from './manager-bench.js'

const NO_LIMIT = { MaxDeals: null, MinUsedSpace: null }

const CONFIG = `[Miners.Commitment]
Confidence = 2
[Miners.Commitment.Pre.Batch]
Threshold = 1
[Miners.Commitment.Prove.Batch]
Threshold = 1
[Miners.Sealing]
RequireNotificationSuccess = true
`

onEachDatabase('manager: sectors with data', database => {
  let bench: ManagerBench

  before(async function () {
    this.timeout(60_000)
    bench = await new ManagerBench({ deals: true, database: await database.fresh(), minerConfig: CONFIG }).start()
  })
  after(() => bench?.stop())

  const offer = async (): Promise<number> =>
    (await bench.admin.ImportDeal({ Miner: MINER, Data: new Uint8Array(1900).fill(5) })).AllocationID

  /** Nothing is left over from the test before. */
  async function drainMarket(): Promise<void> {
    for (let pieces: unknown[] | null = [0]; pieces?.length !== 0; ) {
      const { sid } = await bench.sealed()
      pieces = await bench.api.AcquireDeals(sid, NO_LIMIT)
    }
  }

  it('get their pieces from the market once, and bring them to the chain', async () => {
    const { api } = bench
    const { sector, sid, pre } = await bench.sealed()
    expect(await api.AcquireDeals(sid, NO_LIMIT), 'nothing offered').to.deep.equal([])
    const allocation = await offer()
    const pieces = (await api.AcquireDeals(sid, NO_LIMIT))!
    expect(pieces).to.have.length(1)
    expect(pieces[0]!.DealInfo).to.deep.include({
      AllocationID: allocation,
      IsBuiltinMarket: false,
      PieceSize: SECTOR_SIZE,
    })
    expect(await api.AcquireDeals(sid, NO_LIMIT)).to.deep.equal(pieces)

    const empty = await api.SubmitPreCommit(sector, pre, false)
    expect(empty.Res, 'comm_d of zeros').to.equal(SUBMIT_RESULT.mismatchedSubmission)
    expect((await api.SubmitPreCommit(sector, { ...pre, CommD: PIECE_COMMITMENT }, false)).Res).to.equal(1)
    await bench.preCommitState(sid, ON_CHAIN_STATE.landed)
    await bench.seed(sid, 5)
    expect((await api.SubmitProof(sid, { Proof: goodProof(1) }, false)).Res).to.equal(1)
    await bench.proofState(sid, ON_CHAIN_STATE.landed)
    const { Deals } = await bench.admin.Status()
    expect(Deals.find(deal => deal.AllocationID === allocation)).to.deep.include({
      State: 'active',
      Sector: sid.Number,
    })
  })

  it('give their deals back when they are given up', async () => {
    const { sid } = await bench.sealed()
    const allocation = await offer()
    await bench.api.AcquireDeals(sid, NO_LIMIT)
    const stateOf = async (): Promise<string> =>
      (await bench.admin.Status()).Deals.find(deal => deal.AllocationID === allocation)!.State
    expect(await stateOf()).to.equal('sealing')
    await bench.api.ReportAborted(sid, 'test')
    expect(await stateOf()).to.equal('allocated')
    expect((await bench.api.FindSector('offline', sid))!.Pieces, 'the pieces stay in the record').to.have.length(1)
  })

  it('when the market does not take them back, nothing has changed', async () => {
    const { sid } = await bench.sealed()
    await offer()
    await bench.api.AcquireDeals(sid, NO_LIMIT)
    await bench.admin.Fail({ Method: 'VENUS_MARKET.ReleaseDirectDeals', Kind: 'error', Times: 1 })
    const error = await bench.api.ReportAborted(sid, 'test').catch((thrown: unknown) => thrown)
    expect(error).to.include({ code: 1 })
    expect((await bench.api.FindSectorInAllStates(sid))!.Finalized).to.equal(false)
  })

  const publish = (more: Partial<DealImport> = {}): Promise<ImportedDeal> =>
    bench.admin.ImportDeal({ Miner: MINER, Data: new Uint8Array(1900).fill(5), Builtin: true, ...more })
  const publishedState = async (id: number) => (await bench.admin.Status()).Deals.find(({ DealID }) => DealID === id)!

  /** From the pre-commit to the proof on the chain. */
  async function proven({ sector, sid, pre }: Awaited<ReturnType<ManagerBench['sealed']>>): Promise<void> {
    const { api } = bench
    expect((await api.SubmitPreCommit(sector, { ...pre, CommD: PIECE_COMMITMENT }, false)).Res).to.equal(1)
    await bench.preCommitState(sid, ON_CHAIN_STATE.landed)
    await bench.seed(sid, 5)
    expect((await api.SubmitProof(sid, { Proof: goodProof(1) }, false)).Res).to.equal(1)
    await bench.proofState(sid, ON_CHAIN_STATE.landed)
  }

  for (const Verified of [false, true]) {
    it(`a ${Verified ? 'verified' : 'plain'} deal of the built-in market becomes active with its sector`, async function () {
      this.timeout(60_000)
      const { api, chain } = bench
      await drainMarket()
      const sealed = await bench.sealed()
      const deal = await publish({ Verified })
      const pieces = (await api.AcquireDeals(sealed.sid, NO_LIMIT))!
      const { DealID, AllocationID, IsBuiltinMarket } = pieces[0]!.DealInfo!
      expect([pieces.length, DealID, AllocationID, IsBuiltinMarket]).to.deep.equal([1, deal.DealID, 0, true])
      expect(`${pieces[0]!.DealInfo!.PublishCid}`).to.equal(`${deal.PublishCid}`)
      const ID = await chain.StateGetAllocationIdForPendingDeal(DealID, [])
      await proven(sealed)
      const [message] = (await bench.admin.Messages({ Miner: MINER, Method: METHODS.miner.ProveCommitSectors3 })).slice(
        -1,
      )
      const { SectorActivations } = ProveCommitSectors3Params.decode(message!.Message.Params)
      expect(SectorActivations[0]!.Pieces).to.deep.equal([
        {
          CID: deal.PieceCID,
          Size: SECTOR_SIZE,
          VerifiedAllocationKey: Verified ? { Client: deal.Client.id, ID } : null,
          Notify: [{ Address: Address.fromId(5), Payload: uint.encode(DealID) }],
        },
      ])
      expect(await publishedState(DealID)).to.deep.include({ State: 'active', Sector: sealed.sid.Number })
      expect((await chain.StateMarketStorageDeal(DealID, [])).State.SectorNumber).to.equal(sealed.sid.Number)
      const sector = (await chain.StateSectorGetInfo(Address.fromId(MINER), sealed.sid.Number, []))!
      expect(sector.Expiration, 'lives as long as its deal').to.be.at.least(deal.EndEpoch)
      expect([sector.VerifiedDealWeight > 0n, sector.DealWeight > 0n]).to.deep.equal([Verified, !Verified])
      expect((await api.FindSectorsWithDeal('online', DealID))!.map(record => record.ID)).to.deep.equal([sealed.sid])
      const refusal = await api.ReportAborted(sealed.sid, 'too late').catch((error: Error) => error.message)
      expect(refusal, 'the market keeps it').to.include(`deal ${DealID} is active`)
    })
  }

  it('give deals of the built-in market back, all or nothing', async () => {
    await drainMarket()
    const { sid } = await bench.sealed()
    const { DealID } = await publish()
    await bench.api.AcquireDeals(sid, NO_LIMIT)
    expect(await publishedState(DealID)).to.deep.include({ State: 'sealing', Sector: sid.Number })
    await bench.admin.Fail({ Method: 'VENUS_MARKET.ReleaseDeals', Kind: 'error', Times: 1 })
    const error = await bench.api.ReportAborted(sid, 'test').catch((thrown: unknown) => thrown)
    expect(error).to.include({ code: 1 })
    expect((await bench.api.FindSectorInAllStates(sid))!.Finalized).to.equal(false)
    await bench.api.ReportAborted(sid, 'test')
    expect(await publishedState(DealID)).to.deep.include({ State: 'allocated', Sector: null })
  })

  it('never hold deals of both kinds', async () => {
    await drainMarket()
    const { DealID } = await publish({ Data: new Uint8Array(200).fill(5) })
    const allocation = (await bench.admin.ImportDeal({ Miner: MINER, Data: new Uint8Array(200).fill(6) })).AllocationID
    const kinds = async () => {
      const { sid } = await bench.sealed()
      const pieces = (await bench.api.AcquireDeals(sid, NO_LIMIT))!
      return pieces.flatMap(({ DealInfo }) => {
        const { DealID, AllocationID } = DealInfo!
        return DealID + AllocationID > 0 ? [{ DealID, AllocationID }] : []
      })
    }
    expect(await kinds()).to.deep.equal([{ DealID: 0, AllocationID: allocation }])
    expect(await kinds()).to.deep.equal([{ DealID, AllocationID: 0 }])
  })

  it('whose deal had to start by now are rejected, and their deals are not sealed at all', async () => {
    await drainMarket()
    const { sector, sid, pre } = await bench.sealed()
    const { DealID, StartEpoch } = await publish({ StartIn: 2000 })
    expect(await bench.api.AcquireDeals(sid, NO_LIMIT)).to.have.length(1)
    const head = await bench.chain.ChainHead()
    await bench.admin.NullRounds(StartEpoch - head.Height)
    const answer = await bench.api.SubmitPreCommit(sector, { ...pre, CommD: PIECE_COMMITMENT }, false)
    expect(answer.Res).to.equal(SUBMIT_RESULT.rejected)
    expect(answer.Desc).to.include(`expired deals: deal ${DealID}`)
    expect((await publishedState(DealID)).State).to.equal('expired')
    await bench.api.ReportAborted(sid, answer.Desc!)
  })

  it('the old deals of an imported record are given back before it gets new ones', async () => {
    await drainMarket()
    const first = await publish({ Data: new Uint8Array(1900).fill(7) })
    const { sid } = await bench.sealed()
    await bench.api.AcquireDeals(sid, NO_LIMIT)
    const record = (await bench.api.FindSector('online', sid))!
    const legacy = {
      ID: first.DealID,
      PayloadSize: 1900,
      Piece: { Size: SECTOR_SIZE, Offset: 0, Cid: first.PieceCID },
      Proposal: null,
      IsCompatible: false,
    }
    expect(await bench.api.ImportSector('online', { ...record, Pieces: null, Deals: [legacy] }, true)).to.equal(true)
    expect(await publishedState(first.DealID)).to.deep.include({ State: 'sealing' })
    const pieces = (await bench.api.AcquireDeals(sid, NO_LIMIT))!
    expect(pieces[0]!.DealInfo!.DealID, 'free again, and given again').to.equal(first.DealID)
    expect((await bench.api.FindSector('online', sid))!.Deals).to.equal(null)
  })

  it('the piece store sends workers to the market for what it does not have', async () => {
    const { sid } = await bench.sealed()
    await offer()
    const [piece] = (await bench.api.AcquireDeals(sid, NO_LIMIT))!
    const url = `http://${bench.manager.address}/piecestore/${piece!.Piece.PieceCID}`
    const answer = await fetch(url, { redirect: 'manual' })
    expect(answer.status).to.equal(302)
    expect(answer.headers.get('location')).to.equal(
      `${bench.devnet.address}/resource?resource-id=${piece!.Piece.PieceCID}`,
    )
    expect((await fetch(`http://${bench.manager.address}/piecestore/nope`)).status).to.equal(400)
    expect((await fetch(url, { method: 'DELETE' })).status).to.equal(405)
  })
})

onEachDatabase('manager: a deal that the market does not take', database => {
  let bench: ManagerBench

  before(async function () {
    this.timeout(60_000)
    const minerConfig = CONFIG.replace('RequireNotificationSuccess = true', '')
    bench = await new ManagerBench({ deals: true, database: await database.fresh(), minerConfig }).start()
  })
  after(() => bench?.stop())

  it('is told in the history of its sector, which is proven all the same', async function () {
    this.timeout(60_000)
    const { api, admin } = bench
    const { sector, sid, pre } = await bench.sealed()
    const deal = await admin.ImportDeal({
      Miner: MINER,
      Data: new Uint8Array(1900).fill(5),
      Builtin: true,
      StartIn: 5000,
    })
    await api.AcquireDeals(sid, NO_LIMIT)
    expect((await api.SubmitPreCommit(sector, { ...pre, CommD: PIECE_COMMITMENT }, false)).Res).to.equal(1)
    await bench.preCommitState(sid, ON_CHAIN_STATE.landed)
    await bench.seed(sid, 5)
    await admin.PauseMining()
    expect((await api.SubmitProof(sid, { Proof: goodProof(1) }, false)).Res).to.equal(1)
    await eventually('the message waits', 20_000, async () => (await admin.Status()).Pending > 0 || undefined)
    // The block comes when the deal should have started.
    await admin.NullRounds(deal.StartEpoch - (await bench.chain.ChainHead()).Height)
    await admin.ResumeMining()
    await bench.proofState(sid, ON_CHAIN_STATE.landed)
    await bench.proofState(sid, ON_CHAIN_STATE.landed)
    const connection = connectRpc(`http://${bench.manager.address}`, { path: '/rpc/v0' })
    const history = (await rpcClient(sealyardService, connection).SectorHistory(sid)) ?? []
    await connection.close()
    const told = history.filter(({ Event }) => Event === 'deals not active')
    expect(told).to.have.length(1)
    expect(told[0]!.Detail).to.include(`deal ${deal.DealID} from`)
  })
})
