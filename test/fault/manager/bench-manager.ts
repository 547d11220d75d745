import { existsSync } from 'node:fs'
import { systemClock } from '../../../daemon/kit/clock.js'
import { runDaemon } from '../../../daemon/kit/lifecycle.js'
import { createLog } from '../../../daemon/kit/log.js'
import { managerHome } from '../../../daemon/manager/config/home.js'
import type { WindowProver } from '../../../daemon/manager/post/window-prover.js'
import { startManager } from '../../../daemon/manager/start-manager.js'
import { fastClock } from '../../daemon/manager/manager-bench.js'
import {
  believingVerifier,
  PretendedWindowProver,
  pretendedProof,
} from '../../daemon/manager/post/pretended-window-prover.js'

const LOOK_MS = 50

/**
 * A manager as a process of its own that takes every proof which does not begin with a zero byte, and whose pauses are twenty times shorter:
 * `node bench-manager.js HOME LISTEN [FILE]`: with a file it proves windows, and its proofs are finished as soon as that is there.
 */
const [, , dir, listen, file] = process.argv as [string, string, string, string, string?]
const log = createLog({ name: 'manager' })
const holds = (proof: Uint8Array): Promise<boolean> => Promise.resolve(proof[0] !== 0)
const [host, port] = listen.split(':') as [string, string]
const close = async (): Promise<void> => {}

function heldProver(until: string): WindowProver {
  const prover = new PretendedWindowProver()
  prover.answer = async (request, signal) => {
    while (!existsSync(until)) await systemClock.sleep(LOOK_MS, signal)
    return pretendedProof(request)
  }
  return prover
}

await runDaemon({
  log,
  start: () =>
    startManager({
      home: managerHome({ home: dir }, {}),
      listen: { host, port: Number(port) },
      version: 'v0-test',
      log,
      clock: fastClock(20),
      ...(file !== undefined && { poster: { prover: heldProver(file), verifier: believingVerifier } }),
      verifier: { verify: ({ proof }) => holds(proof), close },
      updateVerifier: { verify: ({ proof }) => holds(proof), close },
      aggregator: {
        problem: async () => 'there are no aggregates in this test',
        aggregate: () => Promise.reject(new Error('not to be called')),
        close,
      },
    }),
})
