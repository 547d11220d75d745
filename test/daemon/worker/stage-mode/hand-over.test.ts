import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { attachPath } from '../../../../daemon/kit/sealing/path-identity.js'
import { handOver } from '../../../../daemon/worker/stage-mode/hand-over.js'
import { eventually } from '../../../harness/eventually.js'
import { WorkerBench } from '../support/bench.js'
import { StageBench } from './stage-bench.js'

const LIMIT_MS = 60_000

describe('worker: a sector of a thread is handed over to stage workers', function () {
  this.timeout(120_000)
  let threads: WorkerBench
  let stages: StageBench
  beforeEach(async () => {
    threads = await WorkerBench.make()
    stages = await StageBench.make()
  })
  afterEach(async () => {
    await threads.close()
    await stages.close()
  })

  for (const stage of ['pc1', 'pc2', 'c2'] as const)
    it(`before ${stage}: its files stay where they are, and it is finished once`, async () => {
      const stopped = new Promise<void>(resolve => {
        threads.processors.gate(async call => {
          if (call.stage !== stage) return
          resolve()
          await new Promise(() => {})
        })
      })
      await threads.start()
      await stopped
      const adopt = {
        AdoptStageSector: (
          ...[sector, state, record, path]: Parameters<Parameters<typeof handOver>[1]['AdoptStageSector']>
        ) => stages.desk.desk.adopt(sector, { state, record, path }),
      }
      const busy = await handOver(threads.store, adopt).catch((error: Error) => error.message)
      expect(busy).to.match(/store/)
      expect(await stages.desk.view.tasks()).to.deep.equal([])
      await threads.stop()
      const { path, sector } = await handOver(threads.store, adopt)
      expect(sector).to.equal('s-t010000-1')
      // The manager of the stage workers knows the same sector.
      stages.takeFrom(threads.manager)
      const worker = await stages.worker('A', ['AP', 'PC1', 'PC2', 'WAIT', 'C1', 'C2', 'FINALIZE'])
      await attachPath(worker.home, path, { init: false, seal: true, store: false, weight: 1 })
      await worker.attach('store', { store: true })
      await worker.start()
      await stages.allDone()
      const done = threads.manager.sector(1)
      expect(done.finalized).to.equal(true)
      expect([done.preCommits.length, done.proofs.length]).to.deep.equal([1, 1])
      await eventually('an empty path', LIMIT_MS, () =>
        access(join(path, 'sealed', 's-t010000-1')).then(
          () => undefined,
          () => true,
        ),
      )
      const again = await handOver(threads.store, adopt).catch((error: Error) => error.message)
      expect(again).to.match(/holds no sector/)
    })
})
