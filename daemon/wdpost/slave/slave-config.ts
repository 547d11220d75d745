import { hostname } from 'node:os'
import { z } from 'zod'
import { Duration } from '../../kit/config/duration.js'
import { Token } from '../token.js'

/** `wdpost_slave.toml`. Times in ms. */
export const SlaveConfig = z.object({
  master: z.object({
    /** HOST:PORT of the master. */
    server_addr: z.string().regex(/^(\[[^\]]+\]|[^:/\s[\]]+):\d{1,5}$/, 'expected HOST:PORT'),
    /** Before the next try when the master does not answer. */
    reconnect_interval: Duration.default(3_000),
    /** Between two signs of life. */
    heartbeat_interval: Duration.default(5_000),
    /** As in the `[server]` of the master. */
    token: Token.optional(),
  }),
  slave: z
    .object({
      /** Tasks at the same time, each in a process of its own. */
      concurrent: z.int().positive().default(1),
      /** Between two questions for a task when there was none. */
      pull_interval: Duration.default(5_000),
      /** How the tables of the master call it; several slaves of one machine need names of their own. */
      name: z
        .string()
        .min(1)
        .max(100)
        .default(() => `${hostname().slice(0, 80)}-${process.pid}`),
    })
    .prefault({}),
  /** What proves; without `bin` this same program. */
  processor: z
    .object({
      bin: z.string().min(1).optional(),
      args: z.array(z.string()).default(['processor', 'window_post']),
      envs: z.record(z.string(), z.string()).default({}),
      /** Until it says that it is ready. */
      ready_timeout: Duration.default(60_000),
      /** Without an answer or a sign of life for so long it is taken for hung; absent: never, the master's `timeout` ends the task. */
      stall_timeout: Duration.optional(),
    })
    .prefault({}),
})
export type SlaveConfig = z.output<typeof SlaveConfig>
