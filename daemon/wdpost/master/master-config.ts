import { z } from 'zod'
import { Duration } from '../../kit/config/duration.js'
import { mysqlDsn } from '../../kit/database.js'
import type { ListenAddress } from '../../kit/http/http-server.js'
import { Token } from '../token.js'

const Count = z.int().positive()
const MINUTE = 60_000
const HOUR = 60 * MINUTE

const Listen = z
  .string()
  .regex(/^(\[[^\]]+\]|[^:[\]]+):\d{1,5}$/, 'expected IP:PORT')
  .transform((text): ListenAddress => {
    const colon = text.lastIndexOf(':')
    return { host: text.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(text.slice(colon + 1)) }
  })

// What was found may be a secret in another form: it is not told.
const DatabaseUrl = z.string({ error: 'expected a string, found something else' }).transform((text, context) => {
  if (text.startsWith('sqlite:')) return text
  try {
    return mysqlDsn(text)
  } catch (error) {
    context.issues.push({ code: 'custom', input: '', message: `${(error as Error).message}, found another form` })
    return z.NEVER
  }
})

/** `wdpost_master.toml`. Times in ms. */
export const MasterConfig = z.object({
  server: z.object({
    /** Where slaves find the master. */
    listen: Listen,
    /** Slaves that may be connected at the same time. */
    max_connections: Count.default(200),
    /** What slaves have to show. Without it everyone who can reach the master may take tasks and hand in proofs. */
    token: Token.optional(),
  }),
  db: z.object({
    /** Of a database of its own. */
    url: DatabaseUrl,
    /** Connections that are kept open. */
    min_connections: z.int().nonnegative().default(3),
    max_connections: Count.default(20),
    /** Further ones are closed when they were idle for so long. */
    idle_timeout: Duration.default(10 * MINUTE),
  }),
  task: z
    .object({
      /** One attempt. */
      timeout: Duration.default(30 * MINUTE),
      /** Attempts after the first. */
      max_retry: z.int().nonnegative().default(2),
      /** A slave that is silent for longer is taken for dead. */
      heartbeat_timeout: Duration.default(15_000),
      /** Between two looks for tasks that have failed. */
      retry_job_interval: Duration.default(10_000),
      /** Between two looks for tasks that are old. */
      archive_job_interval: Duration.default(HOUR),
      /** Tasks that were made so long ago are old. */
      should_archive: Duration.default(48 * HOUR),
      /** Archived tasks that were made so long ago are forgotten; 0s: never. */
      forget_archived: Duration.default(30 * 24 * HOUR),
    })
    .prefault({}),
})
export type MasterConfig = z.output<typeof MasterConfig>
