import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { ensureParameters } from '../../plugins/prover/parameters.js'
import { METHODS } from '../../rpc-schema/actors/actor-methods.js'
import { Address } from '../../rpc-schema/wire/address.js'
import { cidToCommR } from '../../rpc-schema/wire/cid.js'
import { eventually } from '../harness/eventually.js'
import { MANUAL_MINER, ManualYard } from '../harness/manual-yard.js'
import { onEachDatabase, SQLITE, type TestDatabase } from '../harness/on-each-database.js'

const {
  PreCommitSectorBatch2: PRE_COMMIT,
  ProveCommitSectors3: PROVE_COMMIT,
  ProveReplicaUpdates3: UPDATE,
  TerminateSectors: TERMINATE,
  ExtendSectorExpiration2: EXTEND,
} = METHODS.miner
const LIMIT_MS = 1_800_000
const STAGE_MS = 120_000
/** Windows for which the proofs of a deadline can be disputed. */
const DISPUTED_WINDOWS = 31

const MINER_CONFIG = `[Miners.Sector]
EnableDeals = true
[Miners.SnapUp]
Enabled = true
[Miners.SnapUp.Retry]
PollInterval = "500ms"
APIFailureWait = "500ms"
LocalFailureWait = "500ms"
[Miners.Commitment]
Confidence = 3
[Miners.Commitment.Pre.Batch]
Threshold = 1
[Miners.Commitment.Prove.Batch]
Threshold = 1
[Miners.Commitment.Terminate.Batch]
Threshold = 1
CheckInterval = "1s"
`
const DEALS_ONLY = 'sealing.enable_deals = true\nsealing.disable_cc = true\nsealing.seal_interval = "1s"'
const SOON = 'sealing.seal_interval = "1s"'
const FIRST_DATA = Buffer.from('what a client wants to have kept for years\n'.repeat(20))
const LATER_DATA = Buffer.from('what comes into a sector that was empty\n'.repeat(20))

onEachDatabase('e2e: what becomes of proven sectors', database => laterLife(database, false))
describe('e2e: what becomes of proven sectors, by the messager', () => laterLife(SQLITE, true))

function laterLife(database: TestDatabase, messager: boolean): void {
  let ways: ManualYard
  const miner = Address.fromId(MANUAL_MINER)
  const onChain = (number: number) => ways.yard.chain.StateSectorGetInfo(miner, number, [])
  const store = (...path: string[]): string => join(ways.yard.dir, 'persist', ...path)

  before(async function () {
    this.timeout(LIMIT_MS)
    await ensureParameters({ sectorSize: 2048 })
    ways = await ManualYard.start({ database, messager, minerConfig: MINER_CONFIG })
    await sealed('empty', 1, {})
    await ways.yard.admin.ImportDeal({ Miner: MANUAL_MINER, Data: FIRST_DATA, Duration: 1_000_000 })
    await sealed('full', 2, { sealing: DEALS_ONLY })
    await ways.activate()
  })
  after(() => ways?.stop())

  async function sealed(name: string, number: number, options: { sealing?: string }): Promise<void> {
    const worker = await ways.worker(name, 1, options)
    await ways.inPool(PRE_COMMIT)
    await ways.advance(30)
    await ways.inPool(PROVE_COMMIT)
    await ways.advance(10)
    await ways.finished(number)
    await worker.kill('SIGTERM')
  }

  it('an empty sector takes a deal: upgraded on the chain, its old files go when that is final', async function () {
    this.timeout(LIMIT_MS)
    // Its allocation must allow for all that is left of the sector's life.
    await ways.yard.admin.ImportDeal({ Miner: MANUAL_MINER, Data: LATER_DATA, Duration: 1_400_000 })
    const before = (await onChain(1))!
    const { Deadline } = await ways.yard.chain.StateSectorPartition(miner, 1, [])
    await ways.util('sealer', 'snap', 'fetch', String(MANUAL_MINER), String(Deadline))
    const worker = await ways.worker('snapup', 1, { plan: 'snapup', sealing: `sealing.enable_deals = true\n${SOON}` })
    await eventually('the proof of the update at the manager', LIMIT_MS, async () => {
      const record = await ways.yard.managerApi.FindSectorInAllStates({ Miner: MANUAL_MINER, Number: 1 })
      return record?.UpgradedInfo ?? undefined
    })
    await worker.kill('SIGTERM')
    await ways.inPoolAfter(UPDATE)
    await ways.advance(20)
    const upgraded = (await onChain(1))!
    expect(upgraded.SectorKeyCID?.equals(before.SealedCID)).to.equal(true)
    expect(ways.persisted('sealed', 's-t01000-1'), 'not before it is final').to.equal(true)
    await ways.advance(940)
    const [record] = await ways.finished(1)
    expect(record!.Upgraded).to.equal(true)
    expect(record!.UpgradedInfo!.SealedCID!.equals(upgraded.SealedCID)).to.equal(true)
    expect(ways.persisted('sealed', 's-t01000-1')).to.equal(false)
    expect(ways.persisted('update', 's-t01000-1')).to.equal(true)
    expect(await ways.landed(UPDATE, 1)).to.equal(1)
  })

  it('a sector whose files are lost is rebuilt as it was', async function () {
    this.timeout(STAGE_MS * 2)
    const name = 's-t01000-2'
    const contents = (): string[] => [
      readFileSync(store('sealed', name)).toString('base64'),
      ...readdirSync(store('cache', name)).toSorted(),
    ]
    const before = contents()
    rmSync(store('sealed', name))
    rmSync(store('cache', name), { recursive: true })
    await ways.util('sealer', 'sectors', 'rebuild', String(MANUAL_MINER), '2')
    const worker = await ways.worker('rebuild', 1, { plan: 'rebuild', sealing: SOON })
    await ways.finished(2)
    expect(contents()).to.deep.equal(before)
    await worker.kill('SIGTERM')
  })

  /** Sets the task for the piece of a sector; answers the file that it is to come into. */
  async function askForPiece(number: number): Promise<string> {
    const record = await ways.yard.managerApi.FindSectorInAllStates({ Miner: MANUAL_MINER, Number: number })
    const piece = record!.Pieces!.find(({ DealInfo }) => DealInfo?.AllocationID)!
    const output = join(ways.yard.dir, `unsealed-piece-${number}`)
    await ways.util('sealer', 'sectors', 'unseal', `${piece.Piece.PieceCID}`, '--dest', `file://${output}`)
    return output
  }

  async function unsealed(output: string, data: Buffer): Promise<void> {
    const bytes = await eventually('the piece', STAGE_MS, () => {
      try {
        const found = readFileSync(output)
        return found.length >= data.length ? found : undefined
      } catch {
        return undefined
      }
    })
    expect(Buffer.compare(bytes.subarray(0, data.length), data)).to.equal(0)
  }

  it('a piece is unsealed into a file, as it was', async function () {
    this.timeout(STAGE_MS * 2)
    const worker = await ways.worker('unseal', 1, { plan: 'unseal', sealing: SOON })
    await unsealed(await askForPiece(2), FIRST_DATA)
    await ways.finished(2)
    await worker.kill('SIGTERM')
  })

  it('a piece that came by the upgrade is unsealed, too, by a worker that can; until one comes it says what it waits for', async function () {
    this.timeout(STAGE_MS * 3)
    const output = await askForPiece(1)
    const spec = { AllowedMiners: [], AllowedProofTypes: [] }
    expect(await ways.yard.managerApi.AllocateUnsealSector(spec), 'a worker of damocles').to.equal(null)
    expect(await ways.util('sealer', 'queue', 'unseal')).to.match(/s-t01000-1 .*set_up .*the sector was upgraded/)
    const worker = await ways.worker('decode', 1, { plan: 'unseal', sealing: SOON })
    await unsealed(output, LATER_DATA)
    const [record] = await ways.finished(1)
    expect([record!.Upgraded, record!.Unsealing]).to.deep.equal([true, false])
    await worker.kill('SIGTERM')
  })

  it('is extended: shown first, done when it is said', async function () {
    this.timeout(STAGE_MS)
    const { Expiration } = (await onChain(1))!
    const numbers = join(ways.yard.dir, 'to-extend')
    writeFileSync(numbers, '1\n')
    const extend = ['sealer', 'sectors', 'extend', '--sector-file', numbers, '--extension', '50000']
    expect(await ways.util(...extend)).to.match(/"Extensions"[\s\S]*"Sectors": "1"[\s\S]*pass --really-do-it/)
    expect(await ways.yard.chain.MpoolPending([])).to.deep.equal([])
    expect(await ways.util(...extend, '--really-do-it')).to.include('1 sectors extended')
    await ways.inPoolAfter(EXTEND)
    await ways.advance(20)
    expect((await onChain(1))!.Expiration).to.be.greaterThan(Expiration)
  })

  it('is terminated, and its files are removed when nobody needs them any more', async function () {
    this.timeout(STAGE_MS * 2)
    const terminate = ['sealer', 'sectors', 'terminate', '--actor', String(MANUAL_MINER), '2']
    await ways.util(...terminate, '--really-do-it')
    await ways.inPoolAfter(TERMINATE)
    await ways.advance(20)
    await eventually('the manager knows', STAGE_MS, async () => {
      const { TerminatedAt } = await ways.yard.managerApi.PollTerminateSectorState({ Miner: MANUAL_MINER, Number: 2 })
      return TerminatedAt > 0 || undefined
    })
    expect(
      (await ways.yard.chain.StateMinerActiveSectors(miner, [])).map(({ SectorNumber }) => SectorNumber),
    ).to.deep.equal([1])
    const remove = ['sealer', 'sectors', 'remove', '--actor', String(MANUAL_MINER), '2', '--really-do-it']
    expect(await ways.util(...remove).catch((error: Error) => error.message), 'a reorg may bring it back').to.match(
      /wait/,
    )
    expect(ways.persisted('sealed', 's-t01000-2')).to.equal(true)
    await ways.advance(910)
    await ways.util(...remove)
    expect(ways.persisted('sealed', 's-t01000-2')).to.equal(false)
    const record = await ways.yard.managerApi.FindSectorInAllStates({ Miner: MANUAL_MINER, Number: 2 })
    expect(record!.Removed).to.equal(true)
    expect(cidToCommR(record!.Pre!.CommR)).to.have.length(32)
  })

  it('its place and the numbers are compacted', async function () {
    this.timeout(STAGE_MS * 2)
    const { Deadline, Partition } = await ways.yard.chain.StateSectorPartition(miner, 2, [])
    const past = async (): Promise<boolean> => {
      const { Index, WPoStPeriodDeadlines } = await ways.yard.chain.StateMinerProvingDeadline(miner, [])
      return (Index - Deadline + WPoStPeriodDeadlines) % WPoStPeriodDeadlines > DISPUTED_WINDOWS
    }
    while (!(await past())) await ways.advance(60)
    const where = ['--deadline', String(Deadline), '--partitions', String(Partition), '--really-do-it']
    const proving = ['sealer', 'proving', '--miner', String(MANUAL_MINER)]
    expect(await ways.utilWhileEpochsPass(...proving, 'compact-partitions', ...where)).to.include(
      'compacted 1 partitions',
    )
    const parts = await ways.yard.chain.StateMinerPartitions(miner, Deadline, [])
    expect(parts.some(({ AllSectors }) => AllSectors.has(2))).to.equal(false)
    const mask = ['sealer', 'actor', '--miner', String(MANUAL_MINER), 'compact-allocated', '--mask-upto-n', '9']
    expect(await ways.utilWhileEpochsPass(...mask, '--really-do-it')).to.match(/CompactSectorNumbers Message ID: baf/)
    expect((await ways.yard.chain.StateMinerAllocated(miner, []))!.last).to.equal(8)
  })
}
