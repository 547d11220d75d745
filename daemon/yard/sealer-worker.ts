import { mkdirSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { OwnWorker } from '../manager/cli/venus-sealer/run-command.js'
import { kindsOf } from '../worker/cli/venus-worker/kind-flags.js'
import { startStageWorker } from '../worker/stage-mode/start-stage-worker.js'

/** The stage worker inside of `venus-sealer run`: it works on the paths of the sealer, and always waits for the chain and brings sectors to the stores. */
export const sealerWorker: OwnWorker = ({ home, address, token, host, ownWork, version, log }) => {
  const { addPiece, preCommit1, preCommit2, commit, unseal, fetchLimit } = ownWork
  const workerHome = join(home, 'stage-worker')
  mkdirSync(workerHome, { recursive: true })
  return startStageWorker({
    home: workerHome,
    pathsOf: home,
    manager: { address, token },
    kinds: kindsOf({ addpiece: addPiece, precommit1: preCommit1, precommit2: preCommit2, commit }),
    unseals: unseal,
    name: `sealer on ${hostname()}`,
    listen: { host, port: 0 },
    fetchLimit,
    tasksAtOnce: 1_000,
    version,
    log: log.child({ part: 'stage worker' }),
  })
}
