import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { systemClock } from '../../../../daemon/kit/clock.js'
import { sealerProgram } from '../../../../daemon/manager/cli/venus-sealer/program.js'
import { METHODS } from '../../../../rpc-schema/actors/actor-methods.js'
import type { AllocatedSector } from '../../../../rpc-schema/manager/allocation.js'
import { ON_CHAIN_STATE } from '../../../../rpc-schema/manager/commitment.js'
import { sealyardService } from '../../../../rpc-schema/manager/sealyard.js'
import type { StageGrant, StageLeftover } from '../../../../rpc-schema/manager/stages.js'
import { rpcClient } from '../../../../rpc-schema/rpc/client.js'
import { type Connection, connectRpc } from '../../../../rpc-schema/rpc/connection.js'
import { zeroPieceCommitment } from '../../../../rpc-schema/wire/piece.js'
import { eventually } from '../../../harness/eventually.js'
import { goodProof, ManagerBench, MINER, SECTOR_SIZE } from '../manager-bench.js'
import { type Outcome, runHere } from './run-cli.js'

const ROOM = 2 ** 50
const LIMIT_MS = 60_000
const { PreCommitSectorBatch2: PRE_COMMIT, ProveCommitSectors3: PROVE_COMMIT } = METHODS.miner

describe('venus-sealer sectors remove', function () {
  this.timeout(2 * LIMIT_MS)
  let bench: ManagerBench
  let home: string
  let connection: Connection
  const claims: StageGrant['Claim'][] = []
  const own = () => rpcClient(sealyardService, connection)

  before(async () => {
    bench = await new ManagerBench({ devnet: { manual: true }, clock: systemClock }).start()
    home = join(bench.dir, 'sealer')
    mkdirSync(home)
    const { hostname, port } = new URL(`http://${bench.manager.address}`)
    const listen = `[API]\nListenAddress = "/ip4/${hostname}/tcp/${port}/http"\n`
    writeFileSync(join(home, 'config.toml'), `Actor = "f0${MINER}"\n${listen}[Node]\nUrl = "${bench.devnet.address}"\n`)
    connection = connectRpc(`http://${bench.manager.address}`, { path: '/rpc/v0' })
  })
  after(async () => {
    await connection?.close()
    await bench?.stop()
  })

  const sectors = (...args: string[]): Promise<Outcome> =>
    runHere(sealerProgram('v0-test'), ['--repo', home, 'sectors', ...args])

  /** A stage worker, as the manager hears of it: what it is to remove. */
  async function report(): Promise<StageLeftover[]> {
    const { Remove, Lost } = await own().ReportStageWorker({
      ID: 'A',
      Boot: 'first',
      Name: 'worker A',
      Version: 'v0',
      Machine: 'machine',
      Kinds: ['AP'],
      Quiet: false,
      SectorSizes: [],
      Paths: [{ ID: 'path', Location: '/seal', CanSeal: true, CanStore: false, FreeBytes: ROOM }],
      MemoryBytes: ROOM,
      Cores: 8,
      GPUs: [],
      Posting: false,
      FetchLimit: 5,
      TasksAtOnce: 100,
      Url: 'http://127.0.0.1:1',
      Token: 'secret',
      Claims: claims,
    })
    for (const lost of Lost)
      claims.splice(
        claims.findIndex(({ Task }) => Task === lost),
        1,
      )
    return Remove
  }

  async function begun(): Promise<AllocatedSector> {
    await report()
    const grant = await own().ClaimStageTask('A', 'first')
    claims.push(grant!.Claim)
    return grant!.Sector
  }

  const inPool = (method: number): Promise<true> =>
    eventually(`a message of method ${method} in the pool`, LIMIT_MS, async () => {
      const pending = await bench.chain.MpoolPending([])
      return pending.some(({ Message }) => Message.Method === method) || undefined
    })

  /** A sector whose pre-commit is in the pool. */
  async function preCommitted(): Promise<AllocatedSector> {
    const sector = await begun()
    const Ticket = await bench.api.AssignTicket(sector.ID)
    const CommR = new Uint8Array(32).fill(sector.ID.Number)
    CommR[31] = 0
    await bench.api.SubmitPreCommit(sector, { CommR, CommD: zeroPieceCommitment(SECTOR_SIZE), Ticket }, false)
    await inPool(PRE_COMMIT)
    return sector
  }

  /** One whose pre-commit is old enough for its seed, and whose files are in the store. */
  async function stored(): Promise<AllocatedSector> {
    const sector = await preCommitted()
    await bench.admin.Advance(20)
    await bench.preCommitState(sector.ID, ON_CHAIN_STATE.landed)
    bench.writeFiles(sector.ID, sector.ProofType)
    expect(await bench.api.SubmitPersistedEx(sector.ID, 'persist', false)).to.equal(true)
    return sector
  }

  const isStored = (number: number): boolean => existsSync(join(bench.storeDir, 'sealed', `s-t01000-${number}`))
  const recordOf = async (store: 'online' | 'offline', number: number) =>
    (await bench.api.ListSectors(store, 0))?.find(({ ID }) => ID.Number === number)

  it('says what it costs, and does nothing, without --really-do-it', async () => {
    const { ID } = await begun()
    expect(ID.Number).to.equal(1)
    const told = await sectors('remove', '1')
    expect(told.code, told.stderr).to.equal(0)
    expect(told.stdout).to.include('Sector s-t01000-1').and.include('nothing of it is on the chain')
    expect(told.stdout).to.include('pass --really-do-it')
    expect(await recordOf('online', 1)).to.not.equal(undefined)
    expect(await report()).to.deep.equal([])
  })

  it('one of which nothing was sent: its files go, its worker is told, its number is never given again', async () => {
    const done = await sectors('remove', '1', '--really-do-it', '--reason', 'its data is not wanted')
    expect(done.stdout).to.equal('s-t01000-1 is given up; its files are removed by the worker that has them\n')
    const record = await recordOf('offline', 1)
    expect(record?.AbortReason).to.equal('its data is not wanted')
    const history = await own().SectorHistory({ Miner: MINER, Number: 1 })
    expect(history?.map(({ Actor, Event }) => `${Actor} ${Event}`)).to.include('operator aborted')
    const leftover = { Path: 'path', Sector: { Miner: MINER, Number: 1 } }
    expect(await report()).to.deep.equal([leftover])
    expect(claims).to.deep.equal([])
    await own().StageFilesRemoved(leftover)
    expect(await report()).to.deep.equal([])
    expect((await sectors('remove', '1', '--really-do-it')).stderr).to.include('s-t01000-1 is not being sealed')
    expect((await begun()).ID.Number).to.equal(2)
  })

  it('one that is pre-committed: the deposit is named, and nothing more of it is sent', async () => {
    const { ID } = await preCommitted()
    expect(ID.Number).to.equal(3)
    expect((await sectors('remove', '3')).stdout).to.include('the deposit of its pre-commit')
    await bench.admin.Advance(5)
    expect((await sectors('remove', '3')).stdout).to.include('the deposit of its pre-commit')
    expect((await sectors('remove', '3', '--really-do-it')).stdout).to.include('s-t01000-3 is given up')
    expect(await report()).to.deep.equal([{ Path: 'path', Sector: ID }])
    await own().StageFilesRemoved({ Path: 'path', Sector: ID })
    const refused = await bench.api.SubmitProof(ID, { Proof: goodProof(3) }, false).catch((error: Error) => error)
    expect(String(refused)).to.include('11001')
  })

  it('one whose files are in a store already: they go, too', async () => {
    const { ID } = await stored()
    expect(isStored(ID.Number)).to.equal(true)
    const done = await sectors('remove', String(ID.Number), '--really-do-it')
    expect(done.stderr).to.equal('')
    expect(isStored(ID.Number)).to.equal(false)
    expect((await recordOf('offline', ID.Number))?.Removed).to.equal(true)
  })

  it('one whose proof is on its way, or on the chain, is refused, and keeps its files', async () => {
    const { ID, ProofType } = await stored()
    const number = String(ID.Number)
    await bench.seed(ID, ProofType)
    await bench.api.SubmitProof(ID, { Proof: goodProof(ID.Number) }, false)
    await inPool(PROVE_COMMIT)
    for (const flags of [[], ['--really-do-it']]) {
      const refused = await sectors('remove', number, ...flags)
      expect(refused.code).to.equal(1)
      expect(refused.stderr).to.include('its proof is on its way to the chain')
    }
    await bench.admin.Advance(5)
    await bench.proofState(ID, ON_CHAIN_STATE.landed)
    const refused = await sectors('remove', number, '--really-do-it')
    expect(refused.stderr).to.include('it is proven on the chain')
    expect(isStored(ID.Number)).to.equal(true)
    expect((await report()).map(({ Sector }) => Sector.Number)).to.not.include(ID.Number)
    expect((await recordOf('online', ID.Number))?.AbortReason).to.equal('')
    expect((await sectors('terminate', number)).stdout).to.include('pass --really-do-it to terminate the sector')
  })

  it('one that a thread of another worker has, and one that nobody knows', async () => {
    const sector = await bench.api.AllocateSector({ AllowedMiners: [], AllowedProofTypes: [] })
    await bench.api.ReportState(sector!.ID, {
      Worker: { Instance: 'a damocles-worker', Location: '/store' },
      StateChange: { Prev: 'Empty', Next: 'Allocated', Event: 'Allocate' },
      Failure: null,
    })
    const refused = await sectors('remove', String(sector!.ID.Number), '--really-do-it')
    expect(refused.stderr).to.include('is not carried by stage workers: a damocles-worker has it')
    expect((await recordOf('online', sector!.ID.Number))?.AbortReason).to.equal('')
    expect((await sectors('remove', '99', '--really-do-it')).stderr).to.include('s-t01000-99 is not being sealed')
  })
})
