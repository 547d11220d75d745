import type { Clock } from '../kit/clock.js'
import type { ListenAddress } from '../kit/http/http-server.js'
import type { Logger } from '../kit/log.js'
import type { SealAggregator } from './commitment/aggregation/seal-aggregator.js'
import type { SealVerifier } from './commitment/seal-verifier.js'
import type { ManagerHome } from './config/home.js'
import type { TrialReads } from './post/provers/local/trial-reads.js'
import type { WindowProofs } from './post/provers/open-window-prover.js'
import type { WindowProver } from './post/window-prover.js'
import type { WindowVerifier } from './post/window-verifier.js'
import type { WinningProver } from './post/winning/winning-prover.js'
import type { WinningVerifier } from './post/winning/winning-verifier.js'
import type { UpdateVerifier } from './snapup/update-verifier.js'

export interface ManagerOptions {
  home: ManagerHome
  listen: ListenAddress
  version: string
  log: Logger
  clock?: Clock
  /** Another manager whose sector index is read instead of ours. */
  proxy?: { address: string; token?: string }
  /** Default: the native prover in a thread. */
  verifier?: SealVerifier
  /** For the proofs of upgrades; the default is the same. */
  updateVerifier?: UpdateVerifier
  /** Default: the native prover in another thread. */
  aggregator?: SealAggregator
  /** Who makes window proofs; default: this machine. */
  windowProofs?: WindowProofs
  /** Prove won blocks to the block producers behind the gateways: with `--miner`. */
  winning?: { prover?: WinningProver; verifier?: WinningVerifier; warmUp: boolean; limitMs?: number }
  /** Prove the windows of the miners: with `--poster`. */
  poster?: {
    prover?: WindowProver
    verifier?: WindowVerifier
    /** How sectors are read in rehearsals; default: natively, and with a prover of one's own not at all. */
    trialReads?: TrialReads
  }
}
