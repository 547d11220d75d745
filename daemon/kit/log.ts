import { type Logger, pino } from 'pino'

export type { Logger } from 'pino'

export interface LogOptions {
  name: string
  /** `trace debug info warn error fatal silent`; default from SEALYARD_LOG, else info. */
  level?: string
  /** One JSON object a line, or a line for people. Default: people on a terminal, JSON otherwise; SEALYARD_LOG_FORMAT=json|pretty decides. */
  format?: 'json' | 'pretty'
}

/** The log of a daemon: one event a line on stderr, with the fields `sector`, `miner`, `stage`, `tookMs` where they apply. */
export function createLog(options: LogOptions): Logger {
  const level = options.level ?? process.env.SEALYARD_LOG ?? 'info'
  const format = options.format ?? process.env.SEALYARD_LOG_FORMAT ?? (process.stderr.isTTY ? 'pretty' : 'json')
  const base = { name: options.name, level, base: { pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime }
  if (format !== 'pretty') return pino(base, pino.destination({ fd: 2, sync: true }))
  return pino({
    ...base,
    transport: {
      target: 'pino-pretty',
      options: { destination: 2, ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss.l' },
    },
  })
}

/** A log that says nothing, for tests and library use. */
export const silentLog: Logger = pino({ level: 'silent' })
