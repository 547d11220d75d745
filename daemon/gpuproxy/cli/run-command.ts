import { Command, Option } from 'commander'
import { leaveProcess } from '../../../plugins/prover/addon.js'
import { tokensIn } from '../../kit/access/token-secret.js'
import { runDaemon } from '../../kit/lifecycle.js'
import { createLog } from '../../kit/log.js'
import type { OwnWorkerOptions } from '../start-gpuproxy.js'
import { tokenSecretOption } from './auth-command.js'
import { durationMs, listenAddress, logLevel, positiveNumber, switchOption, taskType } from './options.js'

interface RunOptions {
  dbDsn: string
  maxTasks: number
  disableWorker: boolean
  resourceType: string
  fsResourcePath: string
  allowType?: number[]
  debugSql: boolean
  gpu: boolean
  lease: number
  maxAttempts: number
  keep: number
  c2Bin?: string
  requireToken: boolean
  tokenSecret: string
  c2Args?: string[]
}

const MINUTE = 60_000

/** `gpuproxy run` */
export function runCommand(globals: () => { url: string; logLevel: string }): Command {
  return new Command('run')
    .description('run the server')
    .addOption(
      new Option('--db-dsn <dsn>', 'sqlite://FILE or mysql://user:password@host:port/database')
        .env('C2PROXY_DSN')
        .default('sqlite://gpuproxy.db'),
    )
    .addOption(
      new Option('--max-tasks <n>', 'parallel tasks of the worker in this process')
        .env('C2PROXY_MAX_TASKS')
        .argParser(positiveNumber)
        .default(1),
    )
    .addOption(switchOption('--disable-worker', 'no worker in this process', 'C2PROXY_DISABLE_WORKER'))
    .addOption(
      new Option('--resource-type <type>', 'where documents are kept: fs (files) or db (the database)')
        .env('C2PROXY_RESOURCE_TYPE')
        .default('fs'),
    )
    .addOption(
      new Option('--fs-resource-path <dir>', 'directory of the documents; default: the working directory')
        .env('C2PROXY_FS_RESOURCE_PATH')
        .default(''),
    )
    .option('--allow-type <types...>', 'what the worker in this process takes: 0 is C2', taskType)
    .addOption(switchOption('--debug-sql', 'log every statement', 'C2PROXY_DEBUG_SQL'))
    .addOption(new Option('--no-gpu', 'the worker in this process uses no GPU').env('C2PROXY_NO_GPU'))
    .option('--lease <duration>', 'for workers that know no leases; they report every minute', durationMs, 5 * MINUTE)
    .option('--max-attempts <n>', 'attempts of a task before it is parked in state 3', positiveNumber, 3)
    .option(
      '--keep <duration>',
      'finished tasks are archived, documents of no task removed, after',
      durationMs,
      7 * 24 * 60 * MINUTE,
    )
    .option(
      '--c2-bin <path>',
      'a c2 processor that proves in place of the built-in prover of the worker in this process',
    )
    .option('--c2-args <args...>', 'its arguments')
    .addOption(
      switchOption('--require-token', 'refuse calls without a token (see `gpuproxy auth`)', 'C2PROXY_REQUIRE_TOKEN'),
    )
    .addOption(tokenSecretOption())
    .action((options: RunOptions) => run(options, globals()))
}

async function run(options: RunOptions, { url, logLevel: level }: { url: string; logLevel: string }): Promise<void> {
  if (options.resourceType === 'rpc') throw new Error('--resource-type: rpc is for workers, expected fs or db')
  const log = createLog({ name: 'gpuproxy', ...logLevel(level) })
  const listen = listenAddress(url)
  const tokens = options.requireToken ? tokensIn(options.tokenSecret) : undefined
  if (tokens === undefined && !['127.0.0.1', '::1'].includes(listen.host))
    log.warn(
      { host: listen.host },
      'everyone who can reach this machine can submit tasks and hand in proofs: see --require-token',
    )
  const { startGpuProxy, DEFAULT_RETRY } = await import('../start-gpuproxy.js')
  if (!options.gpu) process.env.BELLMAN_NO_GPU = '1'
  await runDaemon({
    log,
    // A proof that is being made is left: its task is given back.
    exit: options.disableWorker ? code => process.exit(code) : leaveProcess,
    start: () =>
      startGpuProxy({
        dsn: options.dbDsn,
        listen,
        resourceDir: options.resourceType === 'db' ? undefined : options.fsResourcePath,
        log,
        leaseMs: options.lease,
        keepMs: options.keep,
        retry: { ...DEFAULT_RETRY, maxAttempts: options.maxAttempts },
        debugSql: options.debugSql,
        tokens,
        worker: options.disableWorker ? undefined : ownWorker(options),
      }),
  })
}

const ownWorker = ({ maxTasks, allowType, c2Bin, c2Args }: RunOptions): OwnWorkerOptions => ({
  maxTasks,
  types: allowType === undefined ? null : [0],
  ...(c2Bin !== undefined && { processor: { bin: c2Bin, args: c2Args ?? [] } }),
})
