import type { ConfigProblem } from '../../kit/config/config-error.js'
import * as places from './check-places.js'
import * as rules from './check-rules.js'
import type { CheckSubject } from './check-subject.js'

export interface Check {
  readonly what: string
  /** What `config check` calls it: a problem gives exit code 1. */
  readonly found: 'problem' | 'warning'
  /**
   * What the daemon does. Where the original would have run, so do we: it only warns. `itself`: opening the store or reading the file
   * tells of it.
   */
  readonly atStart: 'refuse' | 'warn' | 'itself'
  find(subject: CheckSubject): ConfigProblem[] | Promise<ConfigProblem[]>
}

const check = (what: string, found: Check['found'], atStart: Check['atStart'], find: Check['find']): Check => ({
  what,
  found,
  atStart,
  find,
})

/** Beyond what the form of the file says: everything that is looked for, and how bad it is. */
export const CHECKS: readonly Check[] = [
  check('a sealing store is there, or can be made', 'problem', 'refuse', places.sealingStores),
  check('each thread has a store of its own', 'problem', 'itself', places.sharedSealingStores),
  check('a persist store is named', 'problem', 'refuse', places.noStoreNamed),
  check('attached stores are there', 'problem', 'refuse', places.attachedStores),
  check('their names differ', 'problem', 'refuse', places.attachedNames),
  check('they are writable, unless read-only', 'problem', 'warn', places.unwritableAttached),
  check('patterns of stores find some, with different names', 'problem', 'itself', places.scannedStores),
  check('directories of pieces are there', 'problem', 'warn', places.localPieces),
  check('static trees are there', 'problem', 'refuse', places.staticTrees),
  check('static trees have the size of a tree', 'problem', 'warn', places.treeSizes),
  check('programs are there and executable', 'problem', 'refuse', places.programs),
  check('sealing daemons have a program', 'problem', 'refuse', rules.daemonsWithoutProgram),
  check('the API and the metrics have different ports', 'problem', 'refuse', rules.sharedPort),
  check('locks are declared', 'problem', 'warn', rules.undeclaredLocks),
  check('no limit is 0', 'problem', 'warn', rules.limitsOfZero),
  check('some processor of a stage has a weight', 'problem', 'warn', rules.weightsOfZero),
  check('declared locks are taken', 'warning', 'warn', rules.unusedLocks),
  check('staggered starts are at least 1s apart', 'warning', 'warn', rules.smallStaggers),
  check('limits are for stages that exist', 'warning', 'warn', rules.unknownStages),
  check('threads that wait for deals ask for some', 'warning', 'warn', rules.waitsForDealsInVain),
  check('who proves windows that others have read can do so', 'warning', 'warn', rules.foreignProvers),
  check('parts of window proofs are for threads that prove windows', 'warning', 'warn', rules.partsOfOtherPlans),
  check('processors can be placed as they are to be', 'problem', 'itself', rules.placementErrors),
  check('processors are placed well', 'warning', 'itself', rules.placementWarnings),
]
