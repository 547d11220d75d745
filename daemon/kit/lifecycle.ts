import type { Logger } from './log.js'

/** What a started daemon offers to its process. */
export interface Running {
  /** Where it listens, as an operator would write it. */
  readonly address: string
  stop(): Promise<void>
  /** Reads its configuration again, at SIGHUP and SIGUSR1; tells the log what came of it. A daemon without it stops at SIGHUP. */
  reload?(): void
  /** Settles when the daemon has ended by itself; a rejection says why. */
  readonly ended?: Promise<void>
}

export interface RunOptions {
  log: Logger
  start(): Promise<Running>
  /** How long a graceful stop may take before the process leaves anyway, ms. */
  stopLimitMs?: number
  /** SIGHUP and SIGUSR1 are for reading the configuration again, see {@link Running.reload}. */
  reloads?: boolean
  /** Ends the process; for daemons with threads that `process.exit` would wait for. */
  exit?: (code: number) => never
}

const STOP_LIMIT_MS = 15_000
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGQUIT', 'SIGABRT', 'SIGHUP'] as const
const RELOAD_SIGNALS = ['SIGHUP', 'SIGUSR1'] as const

/** Set for a daemon whose starter holds its stdin open: it stops when the starter is gone, however that ended. */
export const STOP_AT_STDIN_END = 'SEALYARD_STOP_AT_STDIN_END'

/**
 * Runs a daemon as the whole purpose of this process: starts it, prints one JSON line `{"ready":true,"address":…}` on stdout, stops it on a signal
 * (a second signal leaves at once) and exits: 0 after a stop that was asked for, 1 with the reason logged otherwise.
 */
export async function runDaemon(options: RunOptions): Promise<never> {
  const { log, stopLimitMs = STOP_LIMIT_MS, exit = code => process.exit(code) } = options
  const fail = (error: unknown, what: string): never => {
    log.fatal({ err: error }, `${what}: ${error instanceof Error ? error.message : String(error)}`)
    return exit(1)
  }
  const asked = new Promise<string>(resolve => {
    let count = 0
    for (const signal of SIGNALS) {
      if (options.reloads && signal === 'SIGHUP') continue
      process.on(signal, () => {
        count += 1
        if (count > 1) exit(130)
        resolve(signal)
      })
    }
    if (process.env[STOP_AT_STDIN_END] !== undefined) {
      process.stdin.once('end', () => resolve('end of stdin')).once('error', () => resolve('end of stdin'))
      process.stdin.resume()
    }
  })
  process.on('uncaughtException', error => fail(error, 'uncaught error'))
  process.on('unhandledRejection', error => fail(error, 'unhandled rejection'))
  let running: Running | undefined
  const never = new Promise<never>(() => {})
  if (options.reloads)
    for (const signal of RELOAD_SIGNALS)
      process.on(signal, () => {
        log.info({ signal }, 'reading the configuration again')
        running?.reload?.()
      })
  try {
    // What has not started has nothing to be stopped; what has is stopped below.
    running = await Promise.race([options.start(), asked.then(() => (running === undefined ? exit(0) : never))])
  } catch (error) {
    return fail(error, 'cannot start')
  }
  process.stdout.write(`${JSON.stringify({ ready: true, address: running.address, pid: process.pid })}\n`)
  log.info({ address: running.address }, 'ready')
  try {
    const why = await Promise.race([asked, running.ended ?? never])
    log.info({ signal: why ?? undefined }, 'stopping')
  } catch (error) {
    return fail(error, 'ended with an error')
  }
  const late = setTimeout(() => fail(new Error(`not stopped within ${stopLimitMs} ms`), 'leaving'), stopLimitMs)
  await running.stop()
  clearTimeout(late)
  log.info('stopped')
  return exit(0)
}
