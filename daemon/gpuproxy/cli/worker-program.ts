import { Command, Option } from 'commander'
import { leaveProcess } from '../../../plugins/prover/addon.js'
import { runDaemon } from '../../kit/lifecycle.js'
import { createLog } from '../../kit/log.js'
import { durationMs, logLevel, logLevelOption, positiveNumber, serverUrl, switchOption, taskType } from './options.js'

interface RunOptions {
  gpuproxyUrl: string
  dbDsn: string
  maxTasks: number
  logLevel: string
  resourceType: string
  fsResourcePath: string
  allowType?: number[]
  manualIp?: string
  gpu: boolean
  token?: string
  c2Bin?: string
  c2Args?: string[]
  lease: number
}

/** The command line of `gpuproxy_worker`. */
export function gpuproxyWorkerProgram(version: string): Command {
  const program = new Command('gpuproxy_worker')
    .description('proves C2 tasks of a gpuproxy')
    .version(version, '-V, --version', 'print the version')
  program
    .command('run')
    .description('run the worker')
    .addOption(
      new Option('--gpuproxy-url <url>', 'where gpuproxy is')
        .env('C2PROXY_LISTEN_URL')
        .default('http://127.0.0.1:18888'),
    )
    .addOption(
      new Option('--db-dsn <dsn>', "keeps the worker's id and results that have not been handed in")
        .env('C2PROXY_DSN')
        .default('sqlite://gpuproxy-worker.db'),
    )
    .addOption(
      new Option('--max-tasks <n>', 'tasks at once: one for each GPU')
        .env('C2PROXY_MAX_TASKS')
        .argParser(positiveNumber)
        .default(1),
    )
    .addOption(logLevelOption())
    .addOption(
      new Option('--resource-type <type>', 'where documents come from: rpc (the server) or fs (a shared directory)')
        .env('C2PROXY_RESOURCE_TYPE')
        .default('rpc'),
    )
    .addOption(
      new Option('--fs-resource-path <dir>', 'the shared directory').env('C2PROXY_FS_RESOURCE_PATH').default(''),
    )
    .option('--allow-type <types...>', 'what this worker takes: 0 is C2', taskType)
    .addOption(switchOption('--debug-sql', 'accepted, without effect', 'C2PROXY_DEBUG_SQL'))
    .addOption(
      new Option('--manual-ip <ip>', 'reported in place of the addresses of this machine').env('C2PROXY_MANUAL_IP'),
    )
    .addOption(new Option('--no-gpu', 'use no GPU').env('C2PROXY_NO_GPU'))
    .addOption(new Option('--token <token>', 'for a server that wants one').env('C2PROXY_TOKEN'))
    .option('--c2-bin <path>', 'a c2 processor that proves in place of the built-in prover')
    .option('--c2-args <args...>', 'its arguments')
    .option(
      '--lease <duration>',
      'how long the server waits for a sign of life; it is renewed all the time',
      durationMs,
      90_000,
    )
    .action(run)
  return program
}

async function run(options: RunOptions): Promise<void> {
  const { resourceType } = options
  if (resourceType === 'db') throw new Error('db type in worker is deprecated, use rpc instead')
  if (!options.gpu) process.env.BELLMAN_NO_GPU = '1'
  const log = createLog({ name: 'gpuproxy-worker', ...logLevel(options.logLevel) })
  const { startGpuProxyWorker } = await import('../worker/start-worker.js')
  await runDaemon({
    log,
    // A proof that is being made is left: its task goes to another worker, or to this one again.
    exit: leaveProcess,
    start: async () => {
      const url = serverUrl(options.gpuproxyUrl)
      const worker = await startGpuProxyWorker({
        url,
        token: options.token,
        dsn: options.dbDsn,
        maxTasks: options.maxTasks,
        types: options.allowType === undefined ? null : [0],
        resourceDir: resourceType === 'rpc' ? undefined : options.fsResourcePath || '.',
        processor: options.c2Bin === undefined ? undefined : { bin: options.c2Bin, args: options.c2Args ?? [] },
        ips: options.manualIp,
        log,
        leaseMs: options.lease,
      })
      return { address: url, stop: () => worker.stop() }
    },
  })
}
