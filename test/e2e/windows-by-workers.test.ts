import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect } from 'chai'
import { ensureParameters } from '../../plugins/prover/parameters.js'
import { METHODS } from '../../rpc-schema/actors/actor-methods.js'
import { type BriefWdPoStJob, WDPOST_JOB_STATE, type WdPoStPart } from '../../rpc-schema/manager/wdpost-job.js'
import { Address } from '../../rpc-schema/wire/address.js'
import { fastClock, ManagerBench, MINER } from '../daemon/manager/manager-bench.js'
import { QUICK_COMMITMENT } from '../daemon/manager/post/quick-miner.js'
import { eventually } from '../harness/eventually.js'
import { startWindowWorker } from '../harness/window-worker.js'
import { RealSectors, windowVerifier } from './real-sectors.js'

const LIMIT_MS = 600_000
/** At a second an epoch, which is what the manager reckons with: time for proofs, and for workers that die, on a busy machine. */
const WINDOW_EPOCHS = 1_200

/** Which workers there are, and which of them comes in place of one that was killed in the midst of its work. */
const YARDS: readonly {
  readonly title: string
  readonly split: boolean
  readonly workers: readonly { readonly name: string; readonly part: WdPoStPart; readonly heir: string }[]
}[] = [
  {
    title: 'two workers share the windows',
    split: false,
    workers: [
      { name: 'w1', part: 'whole', heir: 'w3' },
      { name: 'w2', part: 'whole', heir: 'w4' },
    ],
  },
  {
    title: 'one with disks reads the windows, one without a store proves them',
    split: true,
    workers: [
      { name: 'disks', part: 'read', heir: 'disks2' },
      { name: 'gpu', part: 'prove', heir: 'gpu2' },
    ],
  },
]

for (const { title, split, workers } of YARDS) {
  describe(`e2e: windows by workers: ${title}`, function () {
    this.timeout(2 * LIMIT_MS)
    const running = new Map<string, ChildProcess>()
    let bench: ManagerBench
    let real: RealSectors

    before(async () => {
      await ensureParameters({ sectorSize: 2048 })
      bench = await new ManagerBench({
        clock: fastClock(1),
        windowProofs: 'workers',
        poster: {},
        commonConfig: `[Common.Proving.WorkerProver]
JobMaxTry = 10
HeartbeatTimeout = "15s"
Split = ${split}
`,
        minerConfig: `[Miners.Proof]\nEnabled = true\n${QUICK_COMMITMENT}`,
        devnet: {
          challengeWindow: WINDOW_EPOCHS,
          deadlines: 4,
          startEpoch: 50_000,
          manual: true,
          verifier: windowVerifier(),
        },
      }).start()
      real = new RealSectors(bench, 10)
    })
    after(async () => {
      for (const worker of running.values()) worker.kill('SIGKILL')
      await real?.close()
      await bench?.stop()
    })

    function start(name: string, part: WdPoStPart): void {
      const port = Number(bench.manager.address.split(':').at(-1))
      const store = { name: 'persist', location: bench.storeDir }
      const worker = { name, port, part, ...(part !== 'prove' && { store }) }
      running.set(name, startWindowWorker(join(bench.dir, `${name}.toml`), worker))
    }
    const jobs = async (): Promise<readonly BriefWdPoStJob[]> => (await bench.api.WdPoStAllJobs()).Jobs ?? []

    it('S001-22: each is killed while it is at a job, another comes in its place, and the chain has every proof in time', async () => {
      for (const { name, part } of workers) start(name, part)
      await real.prove(3)
      for (const { name, part, heir } of workers) {
        await eventually(`${name} is at a job`, LIMIT_MS, async () =>
          (await jobs()).some(({ State, WorkerName }) => State === WDPOST_JOB_STATE.running && WorkerName === name)
            ? true
            : undefined,
        )
        const worker = running.get(name)!
        const gone = once(worker, 'exit')
        worker.kill('SIGKILL')
        await gone
        start(heir, part)
      }
      await real.active(3, LIMIT_MS)
      const sent = await bench.admin.Messages({ Miner: MINER, Method: METHODS.miner.SubmitWindowedPoSt })
      expect(sent.every(({ Receipt }) => Receipt?.ExitCode === 0)).to.equal(true)
      expect((await bench.chain.StateMinerFaults(Address.fromId(MINER), [])).isEmpty).to.equal(true)
      const outcomes = (await bench.own.PostTimeline(MINER, 20)).map(({ Outcome }) => Outcome)
      expect(outcomes).to.not.include('missed')
      expect(outcomes).to.not.include('partly')
      const proven = (await jobs()).filter(({ Part }) => Part !== 'read')
      expect(
        proven.some(({ State, ErrorReason }) => State === WDPOST_JOB_STATE.finished && ErrorReason === ''),
      ).to.equal(true)
    })
  })
}
