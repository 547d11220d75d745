/** Longer than any window. */
const NONE_MS = 24 * 3_600_000

/** `SingleCheckTimeout` or `PartitionCheckTimeout` as it is meant: 0 is no limit, and not a check that nothing can pass. */
export const checkLimitMs = (setting: number): number => (setting > 0 ? setting : NONE_MS)
