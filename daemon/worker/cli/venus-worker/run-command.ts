import { Command, InvalidArgumentError, Option } from 'commander'
import { leaveProcess } from '../../../../plugins/prover/addon.js'
import type { ListenAddress } from '../../../kit/http/http-server.js'
import { runDaemon } from '../../../kit/lifecycle.js'
import { createLog } from '../../../kit/log.js'
import { wholeNumber } from '../numbers.js'
import { isOn, KIND_FLAGS, type KindFlag, kindsOf } from './kind-flags.js'

interface RunFlags extends Partial<Record<KindFlag | 'unseal', boolean>> {
  minerAddr: string
  minerToken?: string
  localStorage: boolean
  listen?: ListenAddress
  name?: string
  parallelFetchLimit: number
  tasksAtOnce: number
  cores?: string
}

const FETCH_LIMIT = 5
const TASKS_AT_ONCE = 100

function listenOption(text: string): ListenAddress {
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(text)
  if (!match) throw new InvalidArgumentError('expected HOST:PORT.')
  return { host: match[1] ?? (match[2] || '0.0.0.0'), port: Number(match[3]) }
}

/** `run`: a worker that does the kinds of tasks that it is told to, for a manager. */
export function runCommand(version: string, homeOf: () => string): Command {
  const run = new Command('run')
    .description(
      'Run the worker; what it does is chosen by flags that are all on: =false switches one off. C1, the way to the store and waiting for the chain are done by every worker',
    )
    .requiredOption('--miner-addr <address>', 'where the sealer is, as in /ip4/127.0.0.1/tcp/2345')
    .option('--miner-token <token>', 'its token (`venus-sealer auth create-token --perm write`)')
    .option('--no-local-storage', 'a new home is no path to seal on: paths are attached with `storage attach`')
    .option(
      '--listen <host:port>',
      'where other workers fetch files; default 0.0.0.0:3456, or a free port',
      listenOption,
    )
    .option('--name <name>', 'as the sealer shows it; default: the name of the machine')
    .option('--parallel-fetch-limit <n>', 'most sectors that are fetched at once', wholeNumber, FETCH_LIMIT)
    .option('--tasks-at-once <n>', 'most tasks at once, whatever memory and cores permit', wholeNumber, TASKS_AT_ONCE)
    .option(
      '--cores <share>',
      'processors for this worker and all that it starts: 75% (the first cores), 75-100% (the rest), or a list as 0-47',
    )
  for (const [flag, { about }] of Object.entries(KIND_FLAGS))
    run.addOption(new Option(`--${flag} [bool]`, about).argParser(isOn).default(true))
  return run
    .addOption(
      new Option('--unseal [bool]', 'read pieces back from sectors on attached stores').argParser(isOn).default(true),
    )
    .action(async (flags: RunFlags) => {
      const home = homeOf()
      const log = createLog({ name: 'venus-worker' })
      if (flags.cores !== undefined) {
        // Before anything is started: threads and processes stay where their parent is.
        const { limitCores } = await import('../../stage-mode/core-limit.js')
        await limitCores(flags.cores)
      }
      const { startStageWorker } = await import('../../stage-mode/start-stage-worker.js')
      const { openWorkerHome } = await import('../../stage-mode/worker-home.js')
      await openWorkerHome(home, flags.localStorage)
      await runDaemon({
        log,
        start: () =>
          startStageWorker({
            home,
            manager: { address: flags.minerAddr, token: flags.minerToken },
            kinds: kindsOf(flags),
            unseals: flags.unseal ?? true,
            name: flags.name,
            listen: flags.listen,
            fetchLimit: flags.parallelFetchLimit,
            tasksAtOnce: flags.tasksAtOnce,
            limitsCores: flags.cores !== undefined,
            version,
            log,
          }),
        exit: leaveProcess,
      })
    })
}
