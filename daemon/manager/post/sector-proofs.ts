import { errorText } from '../../../rpc-schema/seal-error.js'
import type { PoStProof } from '../../../rpc-schema/wire/block-header.js'
import type { WindowProofResult } from './window-prover.js'

/** A proof, and the sectors that it is about. */
export interface MadeProof {
  readonly numbers: readonly number[]
  readonly proofs: readonly PoStProof[]
}

export type ProofOutcome =
  | { readonly kind: 'made'; readonly proof: MadeProof }
  /** No sector is left that could be proven. */
  | { readonly kind: 'nothing' }
  /** Nobody is to blame yet; it is tried again later. */
  | { readonly kind: 'again'; readonly why: string }
  /** Some sectors could not be read yet, and there is time: what waits behind goes first. */
  | { readonly kind: 'late'; readonly why: string }
  /** Something in it cannot be proven, and nobody says what: its partitions are to be proven each by itself. */
  | { readonly kind: 'split'; readonly why: string }

export interface ProofTrial {
  /** One call of the prover, about these sectors. */
  prove(numbers: readonly number[]): Promise<WindowProofResult>
  /** Whether there is time for another call. */
  hasTime(): boolean
  /** Whether sectors that could not be read yet are worth waiting for; when not, they are left out as those that a prover names. */
  isPatient(): boolean
  /** Sectors that a prover has named: they are left out from now on. */
  readonly blamed: Set<number>
  /** Calls for the same partitions that ended before without naming anybody. */
  readonly failures: number
  /** Whether these are several partitions. */
  readonly canSplit: boolean
}

/** Calls that may each name some more bad sectors, before the partitions are separated or halved. */
const MOST_ROUNDS = 8
/** A prover that fails without a name is asked once more later: most such failures are the machine's. */
const PATIENT_FAILURES = 2

/** Proves what can be proven of some sectors, leaving out what the prover names; a prover that names nobody is found out by halving. */
export async function proveWhatCanBe(numbers: readonly number[], trial: ProofTrial): Promise<ProofOutcome> {
  let wanted = without(numbers, trial.blamed)
  let why = 'the prover names other faulty sectors each time'
  for (let round = 0; round < MOST_ROUNDS; round++) {
    if (wanted.length === 0) return { kind: 'nothing' }
    if (!trial.hasTime()) return { kind: 'again', why: 'no time is left' }
    const tried = await attempt(wanted, trial)
    if (tried.kind === 'made' || tried.kind === 'late') return tried
    why = tried.why
    if (tried.kind === 'failed') {
      if (trial.failures < PATIENT_FAILURES) return { kind: 'again', why }
      break
    }
    wanted = without(wanted, trial.blamed)
  }
  if (trial.canSplit) return { kind: 'split', why }
  return halve(wanted, trial, why)
}

/**
 * The largest part of the sectors that can be found by adding halves, quarters and so on to those that are proven already. Every success is a proof that
 * can be sent, so it may end at any time.
 */
async function halve(numbers: readonly number[], trial: ProofTrial, why: string): Promise<ProofOutcome> {
  let best: MadeProof | undefined
  const parts = halves(numbers)
  let calls = 4 + 4 * Math.ceil(Math.log2(numbers.length + 1))
  while (parts.length > 0 && calls > 0 && trial.hasTime()) {
    const part = without(parts.shift()!, trial.blamed)
    if (part.length === 0) continue
    calls -= 1
    const together = [...(best?.numbers ?? []), ...part].sort((a, b) => a - b)
    // What was made of the other halves is not to wait.
    const tried = await attempt(without(together, trial.blamed), { ...trial, isPatient: () => false })
    if (tried.kind === 'made') best = tried.proof
    else if (tried.kind === 'named') parts.unshift(part)
    else if (part.length > 1) parts.unshift(...halves(part))
  }
  return best === undefined ? { kind: 'again', why } : { kind: 'made', proof: best }
}

type Attempt =
  | { readonly kind: 'made'; readonly proof: MadeProof }
  | { readonly kind: 'named'; readonly why: string }
  | { readonly kind: 'late'; readonly why: string }
  | { readonly kind: 'failed'; readonly why: string }

async function attempt(numbers: readonly number[], trial: ProofTrial): Promise<Attempt> {
  let result: WindowProofResult
  try {
    result = await trial.prove(numbers)
  } catch (error) {
    return { kind: 'failed', why: errorText(error) }
  }
  const isPatient = trial.isPatient()
  const late = (result.late ?? []).filter(number => numbers.includes(number))
  const named = [...result.faults, ...(isPatient ? [] : late)].filter(number => numbers.includes(number))
  for (const number of named) trial.blamed.add(number)
  if (isPatient && late.length > 0) return { kind: 'late', why: `not read yet: sectors ${late.join(', ')}` }
  if (named.length > 0) return { kind: 'named', why: `the prover cannot prove ${named.join(', ')}` }
  if (result.proofs.length === 0) return { kind: 'failed', why: 'the prover gave neither a proof nor a faulty sector' }
  return { kind: 'made', proof: { numbers, proofs: result.proofs } }
}

const without = (numbers: readonly number[], left: ReadonlySet<number>): number[] =>
  numbers.filter(number => !left.has(number))

function halves(numbers: readonly number[]): number[][] {
  const half = Math.ceil(numbers.length / 2)
  return [numbers.slice(0, half), numbers.slice(half)].filter(part => part.length > 0)
}
