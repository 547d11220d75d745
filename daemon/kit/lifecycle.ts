import type { Logger } from './log.js'

/** What a started daemon offers to its process. */
export interface Running {
  /** Where it listens, as an operator would write it. */
  readonly address: string
  stop(): Promise<void>
  /** Settles when the daemon has ended by itself; a rejection says why. */
  readonly ended?: Promise<void>
}

export interface RunOptions {
  log: Logger
  start(): Promise<Running>
  /** How long a graceful stop may take before the process leaves anyway, ms. */
  stopLimitMs?: number
}

const STOP_LIMIT_MS = 15_000
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGQUIT'] as const

/**
 * Runs a daemon as the whole purpose of this process: starts it, prints one JSON line `{"ready":true,"address":…}` on stdout, stops it on a signal
 * (a second signal leaves at once) and exits: 0 after a stop that was asked for, 1 with the reason logged otherwise.
 */
export async function runDaemon(options: RunOptions): Promise<never> {
  const { log, stopLimitMs = STOP_LIMIT_MS } = options
  const asked = new Promise<string>(resolve => {
    let count = 0
    for (const signal of SIGNALS) {
      process.on(signal, () => {
        count += 1
        if (count > 1) process.exit(130)
        resolve(signal)
      })
    }
  })
  process.on('uncaughtException', error => fail(log, error, 'uncaught error'))
  process.on('unhandledRejection', error => fail(log, error, 'unhandled rejection'))
  let running: Running
  try {
    running = await Promise.race([options.start(), asked.then(() => process.exit(0))])
  } catch (error) {
    return fail(log, error, 'cannot start')
  }
  process.stdout.write(`${JSON.stringify({ ready: true, address: running.address, pid: process.pid })}\n`)
  log.info({ address: running.address }, 'ready')
  const never = new Promise<never>(() => {})
  try {
    const why = await Promise.race([asked, running.ended ?? never])
    log.info({ signal: why ?? undefined }, 'stopping')
  } catch (error) {
    return fail(log, error, 'ended with an error')
  }
  const late = setTimeout(() => fail(log, new Error(`not stopped within ${stopLimitMs} ms`), 'leaving'), stopLimitMs)
  await running.stop()
  clearTimeout(late)
  log.info('stopped')
  process.exit(0)
}

function fail(log: Logger, error: unknown, what: string): never {
  log.fatal({ err: error }, `${what}: ${error instanceof Error ? error.message : String(error)}`)
  process.exit(1)
}
