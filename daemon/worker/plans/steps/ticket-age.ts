import type { SealProofType } from '../../../../rpc-schema/wire/proof-types.js'

const SECOND = 1_000
/** Of mainnet and its test networks. A network with shorter epochs lets tickets grow old sooner than is reckoned here. */
const EPOCH_MS = 30 * SECOND
const EPOCHS_IN_DAY = 2_880

/** The age of a ticket when it is given out: managers draw it from an epoch that is final (policy `ChainFinality`). */
const SEAL_RANDOMNESS_LOOKBACK = 900
/** The oldest ticket that a pre-commit may have (builtin-actors, policy `MAX_PRE_COMMIT_RANDOMNESS_LOOKBACK`). */
const MAX_PRE_COMMIT_RANDOMNESS_LOOKBACK = EPOCHS_IN_DAY + 900
/** The oldest that a non-interactive proof may have (`MAX_PROVE_COMMIT_NI_RANDOMNESS_LOOKBACK`, FIP-0092). */
const MAX_PROVE_COMMIT_NI_RANDOMNESS_LOOKBACK = 180 * EPOCHS_IN_DAY

/** For what comes after PC2: the manager gathers a batch, and the message must land. Two hours. */
const MARGIN = 240

/** How old, counted from when it was given out, a ticket may be when PC2 ends, ms. */
export const ticketLifeMs = ({ feature }: Pick<SealProofType, 'feature'>): number => {
  const oldest =
    feature === 'nonInteractive' ? MAX_PROVE_COMMIT_NI_RANDOMNESS_LOOKBACK : MAX_PRE_COMMIT_RANDOMNESS_LOOKBACK
  return (oldest - SEAL_RANDOMNESS_LOOKBACK - MARGIN) * EPOCH_MS
}

export interface TicketOutlook {
  /** Since the ticket was given out, ms. */
  readonly ageMs: number
  readonly lifeMs: number
  /** Expected until the end of PC2 with this ticket, and with another, which costs what was computed with this one. */
  readonly remainingMs: number
  readonly afreshMs: number
}

/**
 * Whether to ask for another ticket. Where stages are so slow that a fresh one would be no younger in the end than this one will
 * be, what was computed is kept.
 */
export const isTicketTooOld = ({ ageMs, lifeMs, remainingMs, afreshMs }: TicketOutlook): boolean =>
  ageMs + remainingMs > lifeMs && ageMs + remainingMs > afreshMs
