/**
 * Why a call of the proofs failed.
 *
 * | code | meaning |
 * |---|---|
 * | INVALID_ARGUMENT | the request does not say what to do: unknown proof, wrong size, wrong type |
 * | UNKNOWN_METHOD | the addon does not know the call (it is older or newer than this package) |
 * | IO | a file or directory is missing or unreadable; the message names it |
 * | DISK_FULL | no space is left where a file is written, or in a quota; the message names the file |
 * | FAULTY_SECTORS | some replicas cannot be proven: `faultySectors` has their ids, `causes` the reasons |
 * | PARAMETERS_MISSING | no parameter file, verifying key or SRS; the message says how to get it |
 * | INVALID_PARAMETERS | a parameter file is damaged or not the right one |
 * | ALREADY_CONFIGURED | settings were changed after the proofs had read them |
 * | PROOFS | any other refusal of the proofs library |
 * | PANIC | a bug in the proofs; the process goes on |
 * | NOT_BUILT | there is no native addon to load |
 * | CANCELLED | the caller gave up waiting |
 */
export type ProofsErrorCode =
  | 'INVALID_ARGUMENT'
  | 'UNKNOWN_METHOD'
  | 'IO'
  | 'DISK_FULL'
  | 'FAULTY_SECTORS'
  | 'PARAMETERS_MISSING'
  | 'INVALID_PARAMETERS'
  | 'ALREADY_CONFIGURED'
  | 'PROOFS'
  | 'PANIC'
  | 'NOT_BUILT'
  | 'CANCELLED'

/** An error as the addon writes it into its envelope. */
export interface ProofsFailure {
  readonly code: ProofsErrorCode
  readonly message: string
  readonly causes: readonly string[]
  readonly faultySectors?: readonly number[]
}

export class ProofsError extends Error {
  override readonly name = 'ProofsError'
  readonly code: ProofsErrorCode
  /** What led to it, outermost first. */
  readonly causes: readonly string[]
  /** Sector numbers, with FAULTY_SECTORS. */
  readonly faultySectors?: readonly number[]

  constructor(failure: ProofsFailure, options?: ErrorOptions) {
    super([failure.message, ...failure.causes].join(': '), options)
    this.code = failure.code
    this.causes = failure.causes
    if (failure.faultySectors !== undefined) this.faultySectors = failure.faultySectors
  }
}

/** These tell nothing of the sector. */
const NOT_OF_THE_SECTOR: ReadonlySet<ProofsErrorCode> = new Set([
  'UNKNOWN_METHOD',
  'PARAMETERS_MISSING',
  'INVALID_PARAMETERS',
  'ALREADY_CONFIGURED',
  'NOT_BUILT',
  'DISK_FULL',
])

/** Whether an error of the prover tells something of the sector that was read. */
export const sectorsTrouble = ({ code }: ProofsError): boolean => !NOT_OF_THE_SECTOR.has(code)
