import { join } from 'node:path'
import { expect } from 'chai'
import { systemClock } from '../../../../daemon/kit/clock.js'
import { parseToml } from '../../../../daemon/kit/config/toml-file.js'
import { silentLog } from '../../../../daemon/kit/log.js'
import { loadWorkerConfig } from '../../../../daemon/worker/config/worker-config.js'
import type { Processors, StageName, StageOutput, StageTask } from '../../../../daemon/worker/processors/processors.js'
import type { WindowReads } from '../../../../daemon/worker/wdpost/reading/window-reads.js'
import { type RunningWorker, startWorker } from '../../../../daemon/worker/worker.js'
import { METHODS } from '../../../../rpc-schema/actors/actor-methods.js'
import { postProof } from '../../../../rpc-schema/wire/proof-types.js'
import { eventually } from '../../../harness/eventually.js'
import { FakeProver } from '../../worker/support/fake-prover.js'
import { finishedSector } from '../finished-sector.js'
import { ManagerBench, MINER } from '../manager-bench.js'
import { believingVerifier } from './pretended-window-prover.js'
import { QUICK_MINER } from './quick-miner.js'

const LIMIT_MS = 300_000

describe('the poster on a chain, with workers that read and workers that prove', function () {
  this.timeout(2 * LIMIT_MS)
  let bench: ManagerBench
  const workers: RunningWorker[] = []
  const proven: StageTask<'window_post'>[] = []
  const read = new Set<number>()

  before(async () => {
    bench = await new ManagerBench({
      clock: systemClock,
      devnet: { challengeWindow: 60, deadlines: 4, startEpoch: 5_000, epochMs: 100 },
      poster: { verifier: believingVerifier },
      windowProofs: 'workers',
      commonConfig: '[Common.Proving.WorkerProver]\nSplit = true\nHeartbeatTimeout = "2m"',
      minerConfig: QUICK_MINER,
    }).start()
    workers.push(await start('disks', 'read'), await start('gpu', 'prove'))
  })
  after(async () => {
    for (const worker of workers) await worker.stop()
    await bench?.stop()
  })

  const windowReads: WindowReads = {
    read: async ({ Input }, _stores, onRead) => {
      for (const { SectorId } of Input.Sectors) {
        read.add(SectorId)
        onRead(SectorId, new Uint8Array(20).fill(1))
      }
      return { faults: [], unread: [], reason: '' }
    },
  }
  const processors: Processors = {
    run: async <S extends StageName>(stage: S, task: StageTask<S>) => {
      if (stage !== 'window_post') throw new Error(`the stage ${stage} was not expected`)
      const window = task as StageTask<'window_post'>
      proven.push(window)
      const partitions = Math.ceil(window.replicas.length / postProof(window.proof_type).partitionSectors)
      return { proofs: [new Uint8Array(192 * partitions).fill(1)], faults: [] } as unknown as StageOutput<S>
    },
    acquire: async () => () => {},
    ready: async () => {},
    close: async () => {},
  }
  function start(name: string, part: 'read' | 'prove'): Promise<RunningWorker> {
    const attached = `[[attached]]\nname = "persist"\nlocation = "${bench.storeDir}"\n`
    const toml = `[worker]
name = "${name}"
rpc_server.host = "127.0.0.1"
rpc_server.port = 0
[sector_manager]
rpc_client.addr = "http://${bench.manager.address}"
[[sealing_thread]]
plan = "wdpost"
sealing.window_parts = ["${part}"]
sealing.recover_interval = "100ms"
${part === 'read' ? attached : ''}`
    const { config } = loadWorkerConfig(parseToml(toml, join(bench.dir, `${name}.toml`)))
    return startWorker({ config, log: silentLog, processors, prover: new FakeProver(), windowReads, env: {} })
  }

  it('windows are proven, and when everything was read is told', async () => {
    const sectors = [await finishedSector(bench), await finishedSector(bench)]
    const window = await eventually('a window that was read by one and proven by the other', LIMIT_MS, async () =>
      (await bench.own.PostTimeline(MINER, 100)).find(
        ({ Outcome, Steps }) => Outcome === 'proven' && Steps.some(({ Step }) => Step === 'read'),
      ),
    )
    const steps = window.Steps.map(({ Step }) => Step)
    expect(steps.indexOf('read')).to.be.lessThan(steps.indexOf('proven'))
    expect(sectors.map(({ ID }) => ID.Number)).to.include.members([...read])
    expect(proven.length).to.be.greaterThan(0)
    for (const { vanilla_files, replicas } of proven) {
      expect(vanilla_files).to.have.length.greaterThan(0)
      expect(replicas.every(({ sealed_file }) => sealed_file === '')).to.equal(true)
    }
    const messages = await bench.admin.Messages({ Miner: MINER, Method: METHODS.miner.SubmitWindowedPoSt })
    expect(messages.filter(({ Receipt }) => Receipt?.ExitCode === 0)).to.not.deep.equal([])
  })
})
