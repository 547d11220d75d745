import { type Logger, pino } from 'pino'
import { lineWithoutSecrets } from './config/hidden.js'

export type { Logger } from 'pino'

export interface LogOptions {
  name: string
  /** `trace debug info warn error fatal silent`; default from SEALYARD_LOG, else from RUST_LOG when it is one word, else info. */
  level?: string
  /** One JSON object a line, or a line for people. Default: people on a terminal, JSON otherwise; SEALYARD_LOG_FORMAT=json|pretty decides. */
  format?: 'json' | 'pretty'
}

/**
 * The log of a daemon: one event a line on stderr, with the fields `sector`, `miner`, `stage`, `tookMs` where they apply. Secrets in addresses are hidden
 * here once for all who write, also for what a library puts into the text of an error.
 */
export function createLog(options: LogOptions): Logger {
  const level = options.level ?? levelIn(process.env)
  const format = options.format ?? process.env.SEALYARD_LOG_FORMAT ?? (process.stderr.isTTY ? 'pretty' : 'json')
  const base = {
    name: options.name,
    level,
    base: { pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    hooks: { streamWrite: lineWithoutSecrets },
  }
  if (format !== 'pretty') return pino(base, pino.destination({ fd: 2, sync: true }))
  return pino({
    ...base,
    transport: {
      target: 'pino-pretty',
      options: { destination: 2, ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss.l' },
    },
  })
}

/** Levels as programs in Rust call them. A filter for parts of such a program (`warn,bellperson=debug`) says nothing to this one. */
const RUST_LEVELS: Readonly<Record<string, string>> = {
  trace: 'trace',
  debug: 'debug',
  info: 'info',
  warn: 'warn',
  error: 'error',
  off: 'silent',
}

/** The level that an environment asks for. */
export const levelIn = (env: NodeJS.ProcessEnv): string =>
  env.SEALYARD_LOG ?? RUST_LEVELS[env.RUST_LOG?.toLowerCase() ?? ''] ?? 'info'

/** A log that says nothing, for tests and library use. */
export const silentLog: Logger = pino({ level: 'silent' })
