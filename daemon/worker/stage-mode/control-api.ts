import type { Handlers } from '../../../rpc-schema/rpc/method.js'
import type { stageWorkerService } from '../../../rpc-schema/worker/stage-worker.js'
import type { StagePaths } from './stage-paths.js'
import type { StageWorker } from './stage-worker.js'

interface Controlled {
  readonly worker: StageWorker
  readonly paths: StagePaths
  /** Address of the manager, without a token. */
  readonly manager: string
  stop(): void
}

/** What `venus-worker` asks a running stage worker for. */
export function controlHandlers({
  worker,
  paths,
  manager,
  stop,
}: Controlled): Handlers<typeof stageWorkerService.methods> {
  return {
    Status: async () => {
      const { ID, Name, Version, Machine, MemoryBytes, Cores, GPUs } = worker.identity
      return {
        ID,
        Name,
        Version,
        Machine,
        Manager: manager,
        ManagerAnswers: worker.managerAnswers,
        Quiet: worker.quiet,
        Kinds: [...worker.kinds],
        MemoryBytes,
        Cores,
        GPUs,
        Paths: await paths.report(),
        Tasks: worker.tasks,
      }
    },
    EnableKinds: (kinds, enable) => {
      for (const kind of kinds) {
        if (enable) worker.kinds.add(kind)
        else worker.kinds.delete(kind)
      }
      worker.wake()
      return [...worker.kinds]
    },
    SetQuiet: quiet => {
      worker.quiet = quiet
      worker.wake()
    },
    Stop: () => stop(),
  }
}
