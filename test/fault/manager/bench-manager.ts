import { runDaemon } from '../../../daemon/kit/lifecycle.js'
import { createLog } from '../../../daemon/kit/log.js'
import { managerHome } from '../../../daemon/manager/config/home.js'
import { startManager } from '../../../daemon/manager/start-manager.js'
import { fastClock } from '../../daemon/manager/manager-bench.js'

/**
 * A manager as a process of its own that takes every proof which does not begin with a zero byte, and whose pauses are twenty times shorter:
 * `node bench-manager.js HOME LISTEN`.
 */
const [, , dir, listen] = process.argv as [string, string, string, string]
const log = createLog({ name: 'manager' })
const holds = (proof: Uint8Array): Promise<boolean> => Promise.resolve(proof[0] !== 0)
const [host, port] = listen.split(':') as [string, string]
const close = async (): Promise<void> => {}

await runDaemon({
  log,
  start: () =>
    startManager({
      home: managerHome({ home: dir }, {}),
      listen: { host, port: Number(port) },
      version: 'v0-test',
      log,
      clock: fastClock(20),
      verifier: { verify: ({ proof }) => holds(proof), close },
      updateVerifier: { verify: ({ proof }) => holds(proof), close },
      aggregator: {
        problem: async () => 'there are no aggregates in this test',
        aggregate: () => Promise.reject(new Error('not to be called')),
        close,
      },
    }),
})
