import { type Logger, pino } from 'pino'

export type { Logger } from 'pino'

/** The log of a processor: stderr only, for stdout is the protocol. JSON, which the parent's log takes apart again. */
export function createProcessorLog(stage: string): Logger {
  return pino(
    {
      name: `processor ${stage}`,
      level: process.env.SEALYARD_LOG ?? 'info',
      base: { pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
    },
    pino.destination({ fd: 2, sync: true }),
  )
}
