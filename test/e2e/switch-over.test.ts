import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { ensureParameters } from '../../plugins/prover/parameters.js'
import { METHODS } from '../../rpc-schema/actors/actor-methods.js'
import { eventually } from '../harness/eventually.js'
import { MANUAL_MINER, ManualYard } from '../harness/manual-yard.js'
import { SQLITE } from '../harness/on-each-database.js'
import { TestDaemon } from '../harness/test-yard.js'

const { PreCommitSectorBatch2: PRE_COMMIT, ProveCommitSectors3: PROVE_COMMIT } = METHODS.miner
const LIMIT_MS = 1_800_000
const STAGE_MS = 120_000
/** The pre-commit counts, and there is no seed yet. */
const AFTER_PRE_COMMIT: ReadonlySet<string> = new Set(['PCLanded', 'Persisted', 'PersistanceSubmitted'])

const MINER_CONFIG = `[Miners.Commitment]
Confidence = 3
[Miners.Commitment.Pre.Batch]
Threshold = 1
[Miners.Commitment.Prove.Batch]
Threshold = 1
`

describe('e2e: an operator goes from one manager to another in the middle of a sector', () => {
  let ways: ManualYard
  let successor: TestDaemon
  let home: string

  before(async function () {
    this.timeout(LIMIT_MS)
    await ensureParameters({ sectorSize: 2048 })
    ways = await ManualYard.start({ database: SQLITE, messager: false, minerConfig: MINER_CONFIG })
    home = join(ways.yard.dir, 'successor')
    mkdirSync(home)
    let listen = '127.0.0.1:0'
    successor = new TestDaemon('successor', join(ways.yard.dir, 'logs', 'successor.log'), () => ({
      bin: 'damocles-manager',
      args: ['--home', home, 'daemon', 'run', '--listen', listen],
    }))
    takeAddress = address => {
      listen = address
    }
  })
  after(async () => {
    await successor?.kill('SIGTERM')
    await ways?.stop()
  })
  let takeAddress: (address: string) => void

  /** `damocles-manager util …` of the new manager. */
  const util = (...args: string[]) => ways.utilOf(home, successor.listen, ...args)

  it('its configuration is taken as it is, its state by its API, and the worker goes on where it was', async function () {
    this.timeout(LIMIT_MS)
    const { yard } = ways
    // The old manager: damocles speaks the same API.
    const worker = await ways.worker('one', 1)
    await ways.inPool(PRE_COMMIT)
    await ways.advance(6)
    await eventually('the worker waits for the seed', STAGE_MS, async () => {
      const record = await yard.managerApi.FindSectorInAllStates({ Miner: MANUAL_MINER, Number: 1 })
      return AFTER_PRE_COMMIT.has(record?.LatestState?.StateChange.Next ?? '') || undefined
    })
    await worker.kill('SIGTERM')

    writeFileSync(
      join(home, 'sector-manager.cfg'),
      readFileSync(join(yard.dir, 'manager', 'sector-manager.cfg'), 'utf8'),
    )
    await successor.start()
    const migrate = ['migrate', 'from-damocles', '--api', yard.manager.listen]
    expect(await util(...migrate, '--dry-run')).to.match(/nothing has been changed\n$/)
    expect(await util(...migrate, '--finish')).to.match(
      /sectors: new 1, [\s\S]*finished: stop the other manager for good, restart this one/,
    )
    const address = yard.manager.listen
    await yard.manager.kill('SIGTERM')
    await successor.kill('SIGTERM')
    takeAddress(address)
    await successor.start()

    await worker.start()
    await ways.advance(24)
    await ways.inPool(PROVE_COMMIT)
    await ways.advance(10)
    await ways.finished(1)
    expect([await ways.landed(PRE_COMMIT, 1), await ways.landed(PROVE_COMMIT, 1)]).to.deep.equal([1, 1])
    const next = await yard.managerApi.AllocateSector({ AllowedMiners: [], AllowedProofTypes: [] })
    expect(next!.ID.Number, 'no number is given twice').to.be.greaterThan(1)
    await worker.kill('SIGTERM')
  })
})
