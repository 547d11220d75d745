import type { ConfigProblem } from '../../kit/config/config-error.js'
import * as places from './check-places.js'
import * as rules from './check-rules.js'
import type { CheckSubject } from './check-subject.js'

export interface Check {
  readonly what: string
  /** What `config check` calls it: a problem gives exit code 1. */
  readonly found: 'problem' | 'warning'
  find(subject: CheckSubject): ConfigProblem[] | Promise<ConfigProblem[]>
}

const check = (what: string, found: Check['found'], find: Check['find']): Check => ({ what, found, find })

/** Beyond what the form of the file says: everything that is looked for, and how bad it is. */
export const CHECKS: readonly Check[] = [
  check('addresses of services can be read', 'problem', rules.addresses),
  check('a chain node is named', 'problem', rules.noChain),
  check('stores are there', 'problem', places.missingStores),
  check('stores are writable, unless read-only', 'problem', places.unwritableStores),
  check('plugins of stores are there', 'problem', places.missingPlugins),
  check('no two stores of a kind are one directory', 'problem', places.sharedStores),
  check('no miner is allowed and denied in one store', 'problem', rules.allowedAndDenied),
  check('gas limits are not below the estimate', 'problem', rules.gasBelowEstimate),
  check('batches are not larger than the network takes', 'problem', rules.batchSizes),
  check('confidences of proofs lie within a deadline', 'problem', rules.postConfidences),
  check('old files of an upgrade stay until it is sure', 'problem', rules.snapConfidences),
  check('limits of time for proofs do not contradict each other', 'problem', rules.provingTimes),
  check('a lifetime is one the network gives', 'warning', rules.lifetime),
  check('GasFeeCap and its old name MaxFeeCap agree', 'warning', rules.feeCapTwice),
  check('MinNumber and its old name InitNumber agree', 'warning', rules.startNumberTwice),
  check('batches are looked at more often than sectors wait', 'warning', rules.batchTimes),
  check('upgrades get deals', 'warning', rules.snapWithoutDeals),
  check('deals have a market', 'warning', rules.dealsWithoutMarket),
  check('stores are for miners that are configured', 'warning', rules.strangersAllowed),
  check('a miner is configured', 'warning', rules.noMiner),
  check('a persist store is configured', 'warning', rules.noPersistStore),
]
