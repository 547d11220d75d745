import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { ensureParameters } from '../../plugins/prover/parameters.js'
import { Address } from '../../rpc-schema/wire/address.js'
import { eventually } from '../harness/eventually.js'
import { GateProxy } from '../harness/gate-proxy.js'
import { type TestDaemon, TestYard } from '../harness/test-yard.js'

type When = 'before' | 'after'
type Victim = 'worker' | 'manager'
type Kill = readonly [Victim, When]
/** `kills`: both parties on both sides of the call, unless the call comes only once in this place. */
type Step = { call: string; kills?: readonly Kill[] } | { stage: string } | { push: string }

const ALL_KILLS: readonly Kill[] = [
  ['worker', 'before'],
  ['worker', 'after'],
  ['manager', 'before'],
  ['manager', 'after'],
]

/** One sector's way, step by step, and with it everything that is killed around it. */
const WAY: readonly Step[] = [
  { call: 'AllocateSector' },
  { call: 'AcquireDeals' },
  { stage: 'add_pieces' },
  { call: 'ReportState', kills: [['worker', 'before']] },
  { stage: 'tree_d' },
  { call: 'ReportState', kills: [['worker', 'after']] },
  { call: 'AssignTicket' },
  { stage: 'pc1' },
  { call: 'ReportState', kills: [['manager', 'before']] },
  { stage: 'pc2' },
  { call: 'ReportState', kills: [['manager', 'after']] },
  { call: 'SubmitPreCommit' },
  { push: 'pre-commit' },
  { call: 'PollPreCommitState' },
  { call: 'StoreReserveSpace' },
  { stage: 'transfer' },
  { call: 'SubmitPersistedEx' },
  { call: 'WaitSeed' },
  { stage: 'c2' },
  { call: 'SubmitProof' },
  { push: 'prove-commit' },
  { call: 'PollProofState' },
  { call: 'ReportFinalized' },
]

const MINER = 1000
const PUSH = 'Filecoin.MpoolPushMessage'
/** A real C2 is among them, on two busy cores. */
const STEP_MS = 300_000

/**
 * The worker and the manager die on both sides of every call between them, the manager on both sides of every message it pushes, the child and
 * then the worker in every stage that runs in a child. What the chain has seen afterwards decides.
 */
describe('fault: kill -9 at every step of one sector', function () {
  this.timeout(1_500_000)
  let yard: TestYard
  let managerGate: GateProxy
  let chainGate: GateProxy
  let marks: string
  let kills = 0

  before(async () => {
    await ensureParameters({ sectorSize: 2048 })
    managerGate = new GateProxy(() => yard.manager.origin)
    chainGate = new GateProxy(() => yard.devnet.origin)
    await Promise.all([managerGate.listen(), chainGate.listen()])
    yard = new TestYard({
      managerFor: () => managerGate.address,
      chainFor: () => `${chainGate.address}/rpc/v1`,
      workerConfig: dir => workerConfig(dir, marks),
    })
    marks = join(yard.dir, 'marks')
    mkdirSync(marks)
  })

  after(async () => {
    await yard?.stop()
    await Promise.all([managerGate.close(), chainGate.close()])
  })

  /** Kills a daemon and starts it again while nothing passes between worker and manager. */
  async function killAndRestart(daemon: TestDaemon): Promise<void> {
    await daemon.kill()
    kills++
    await daemon.start()
  }

  const STEPS = {
    async call(method: string, kills: readonly Kill[]): Promise<void> {
      for (const [victim, when] of kills) {
        const held = managerGate.hold(`Venus.${method}`, when)
        managerGate.open()
        const call = await within(`Venus.${method} (${victim}, ${when})`, held)
        managerGate.shut()
        call.cut()
        await killAndRestart(yard[victim])
      }
    },
    async push(): Promise<void> {
      for (const when of ['before', 'after'] as const) {
        const held = chainGate.hold(PUSH, when)
        managerGate.open()
        chainGate.open(PUSH)
        const call = await within(`${PUSH} (${when})`, held)
        managerGate.shut()
        chainGate.shut(PUSH)
        call.cut()
        await killAndRestart(yard.manager)
      }
      // What is pushed from here on passes: if the manager pushes the same thing again, the chain sees it twice.
      chainGate.open(PUSH)
      chainGate.shut(PUSH)
    },
    async stage(stage: string): Promise<void> {
      const [hold, held] = [join(marks, `${stage}.hold`), join(marks, `${stage}.held`)]
      for (const victim of ['child', 'worker'] as const) {
        managerGate.open()
        const child = await eventually(`a request in ${stage}`, STEP_MS, () =>
          existsSync(held) ? Number(readFileSync(held, 'utf8')) || undefined : undefined,
        )
        managerGate.shut()
        if (victim === 'worker') rmSync(hold)
        if (victim === 'worker') await killAndRestart(yard.worker)
        else {
          process.kill(child, 'SIGKILL')
          kills++
          await eventually(`the end of the child of ${stage}`, STEP_MS, () => (isAlive(child) ? undefined : true))
        }
        rmSync(held, { force: true })
      }
    },
  }

  it('finishes the sector with one pre-commit and one prove-commit, and gives no number twice', async () => {
    for (const step of WAY) if ('stage' in step) writeFileSync(join(marks, `${step.stage}.hold`), '')
    managerGate.shut()
    chainGate.shut(PUSH)
    await yard.start()
    for (const step of WAY) {
      if ('call' in step) await STEPS.call(step.call, step.kills ?? ALL_KILLS)
      else if ('stage' in step) await STEPS.stage(step.stage)
      else await STEPS.push()
    }
    managerGate.open()
    chainGate.open(PUSH)
    const finished = await eventually('a finished sector', STEP_MS, async () => {
      const offline = (await yard.managerApi.ListSectors('offline', 0)) ?? []
      return offline.find(record => record.Finalized && record.AbortReason === '')
    })
    await yard.worker.kill()

    const online = (await yard.managerApi.ListSectors('online', 0)) ?? []
    const offline = (await yard.managerApi.ListSectors('offline', 0)) ?? []
    const numbers = [...online, ...offline].map(record => record.ID.Number)
    expect(new Set(numbers).size, 'distinct numbers').to.equal(numbers.length)

    const landed = await yard.admin.Messages({ Miner: MINER })
    const count = (method: number, sector: number): number =>
      landed.filter(message => message.Method === method && message.Sectors.includes(sector)).length
    const number = finished.ID.Number
    expect(count(28, number), 'pre-commits on the chain').to.equal(1)
    expect(count(34, number), 'prove-commits on the chain').to.equal(1)
    expect(await yard.chain.StateSectorGetInfo(Address.fromId(MINER), number, [])).to.not.equal(null)
    for (const other of numbers) expect(count(28, other), `pre-commits of sector ${other}`).to.be.lessThanOrEqual(1)
    const planned = WAY.reduce((sum, step) => sum + ('call' in step ? (step.kills ?? ALL_KILLS).length : 2), 0)
    expect(kills, 'processes killed').to.equal(planned)
  })
})

function within<T>(what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not seen within ${STEP_MS} ms`)), STEP_MS)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

function workerConfig(dir: string, marks: string): string {
  const fixture = new URL('../../../test/fixtures/held-processor.mjs', import.meta.url).pathname
  const worker = new URL('../../bin/damocles-worker.js', import.meta.url).pathname
  const children = WAY.flatMap(step => ('stage' in step ? [step.stage] : [])).map(
    stage => `[[processors.${stage}]]
bin = ${JSON.stringify(process.execPath)}
args = ${JSON.stringify([fixture, stage, marks, process.execPath, worker, 'processor', stage])}
stable_wait = "60s"
`,
  )
  return `[sealing]
enable_deals = true
max_retries = 50
seal_interval = "1s"
recover_interval = "200ms"
rpc_polling_interval = "200ms"
[[sealing_thread]]
location = "${join(dir, 'worker', 'store')}"
${children.join('')}`
}
