import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { ensureParameters } from '../../plugins/prover/parameters.js'
import { METHODS } from '../../rpc-schema/actors/actor-methods.js'
import { Address } from '../../rpc-schema/wire/address.js'
import { eventually } from '../harness/eventually.js'
import { REMEMBERING } from '../harness/manual-yard.js'
import { SEALER_MINER, SealerYard } from '../harness/sealer-yard.js'

const { PreCommitSectorBatch2: PRE_COMMIT, ProveCommitSectors3: PROVE_COMMIT } = METHODS.miner
const LIMIT_MS = 3_600_000
const STEP_MS = 300_000
const HOLDING = fileURLToPath(new URL('../../../test/fixtures/held-processor.mjs', import.meta.url))
const WORKER = fileURLToPath(new URL('../../bin/damocles-worker.js', import.meta.url))

/** The way of a sector: its stages, and the messages that the chain waits for in between. */
const WAY = [
  { stage: 'add_pieces' },
  { stage: 'tree_d' },
  { stage: 'pc1' },
  { stage: 'pc2' },
  { message: PRE_COMMIT, epochs: 30 },
  { stage: 'c1' },
  { stage: 'c2' },
  { stage: 'transfer' },
  { message: PROVE_COMMIT, epochs: 15 },
] as const
const STAGES = WAY.flatMap(step => ('stage' in step ? [step.stage] : []))

const processorOf = (stage: string, marks: string): string => {
  const command = stage === 'c2' ? [REMEMBERING, stage] : [WORKER, 'processor', stage]
  return `[[processors.${stage}]]
bin = ${JSON.stringify(process.execPath)}
args = ${JSON.stringify([HOLDING, stage, marks, process.execPath, ...command])}
stable_wait = "60s"
`
}

/** In every stage the child that computes is killed, then the sealer, then the worker: the sector is proven all the same, once. */
describe('fault: kill -9 of each process in each stage of a sector that stage workers carry', function () {
  this.timeout(LIMIT_MS)
  let yard: SealerYard
  let marks: string
  const file = (stage: string, what: 'hold' | 'held'): string => join(marks, `${stage}.${what}`)

  before(async () => {
    await ensureParameters({ sectorSize: 2048 })
    yard = new SealerYard('the stages of sectors')
    marks = join(yard.dir, 'marks')
    mkdirSync(marks)
    for (const stage of STAGES) writeFileSync(file(stage, 'hold'), '')
    await yard.start({ maxSealing: 0, processors: processorOf('transfer', marks) })
    const processors = STAGES.map(stage => processorOf(stage, marks)).join('')
    await yard.worker('worker', [], ['+seal', 'store'], processors)
  })
  after(() => yard?.stop())

  /** The living child that holds a request of a stage; `not`: one that was told of before. */
  const holderOf = (stage: string, not?: number): Promise<number> =>
    eventually(`a request in ${stage}`, STEP_MS, async () => {
      const parked = (await yard.own.StageTasks()).find(({ State }) => State === 'parked')
      if (parked !== undefined) throw new Error(`${parked.ID} is parked: ${parked.Error}`)
      const pid = existsSync(file(stage, 'held')) ? Number(readFileSync(file(stage, 'held'), 'utf8')) : 0
      return pid > 0 && pid !== not && isAlive(pid) ? pid : undefined
    })

  async function killedInEachWay(stage: string): Promise<void> {
    const first = await holderOf(stage)
    process.kill(first, 'SIGKILL')
    const second = await holderOf(stage, first)
    await yard.sealer.kill()
    await yard.sealer.start()
    // Of the worker it is held still; of the sealer itself another one holds it.
    const third = await holderOf(stage)
    const worker = yard.workers.get('worker')!
    await worker.kill()
    await worker.start()
    await holderOf(stage)
    expect([second, third]).to.not.include(first)
    rmSync(file(stage, 'hold'))
  }

  it('one pre-commit, one proof, and the files in the store', async () => {
    await yard.sealerCli('sectors', 'pledge')
    for (const step of WAY) {
      if ('stage' in step) await killedInEachWay(step.stage)
      else {
        await yard.inPool(step.message, 1)
        await yard.admin.Advance(step.epochs)
      }
    }
    await eventually('a finished sector', STEP_MS, async () => {
      const all = (await yard.manager.ListSectors('offline', 0)) ?? []
      return all.some(({ ID, AbortReason }) => ID.Number === 1 && AbortReason === '') || undefined
    })
    for (const method of [PRE_COMMIT, PROVE_COMMIT]) {
      const landed = await yard.admin.Messages({ Miner: SEALER_MINER, Method: method })
      expect(landed.flatMap(({ Sectors }) => Sectors)).to.deep.equal([1])
    }
    expect(await yard.chain.StateSectorGetInfo(Address.fromId(SEALER_MINER), 1, [])).to.not.equal(null)
    expect(existsSync(join(yard.path('store'), 'sealed', 's-t01000-1'))).to.equal(true)
    expect((await yard.own.StageTasks()).map(({ ID }) => ID)).to.deep.equal([])
  })
})

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
