import { createProcessorLog } from '../../../plugins/sdk/processor-log.js'
import { serveProcessor } from '../../../plugins/sdk/serve-processor.js'
import { levelIn } from '../../kit/log.js'
import type { MasterConfig } from './master-config.js'
import { type RunningMaster, startMaster } from './start-master.js'

/** A stop that takes longer is not waited for: the next master wants the port, and the database keeps whatever counts. */
const STOP_MS = 1_000

/** The master as its manager sees it: a processor of `window_post` on stdin and stdout, which ends with its manager. */
export async function serveMaster(config: MasterConfig, version: string): Promise<void> {
  const log = createProcessorLog('wdpost master')
  log.level = levelIn(process.env)
  let master: RunningMaster | undefined
  await serveProcessor({
    stage: 'window_post',
    log,
    prepare: async () => {
      master = await startMaster({ config, version, log })
    },
    run: (task, { signal, progress }) => master!.prove(task, { signal, onSign: () => progress({}) }),
    onEnd: async () => {
      const late = setTimeout(() => process.exit(0), STOP_MS)
      await master?.stop()
      clearTimeout(late)
      process.exit(0)
    },
  })
}
