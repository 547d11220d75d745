import { array, type CborValue, tuple, uint } from '../wire/cbor.js'

/** Outcome of a batch: how many succeeded, and of the rest the index in the batch with its exit code. */
export const BatchReturn = tuple({
  SuccessCount: uint,
  FailCodes: array(tuple({ Idx: uint, Code: uint })),
})
export type BatchReturn = CborValue<typeof BatchReturn>

/** Items in the batch. */
export const batchSize = (batch: BatchReturn): number => batch.SuccessCount + batch.FailCodes.length

/** Exit code of every item, 0 for success, in the batch's order. Throws a RangeError when an index lies outside the batch or repeats. */
export function batchExitCodes(batch: BatchReturn): number[] {
  const codes = new Array<number>(batchSize(batch)).fill(0)
  const seen = new Set<number>()
  for (const { Idx, Code } of batch.FailCodes) {
    if (Idx >= codes.length || seen.has(Idx))
      throw new RangeError(`batch of ${codes.length}: fail code for item ${Idx} makes no sense`)
    seen.add(Idx)
    codes[Idx] = Code
  }
  return codes
}

/** The return value of a batch in which these items have these exit codes. */
export const batchReturn = (exitCodes: readonly number[]): BatchReturn => ({
  SuccessCount: exitCodes.filter(code => code === 0).length,
  FailCodes: exitCodes.flatMap((Code, Idx) => (Code === 0 ? [] : [{ Idx, Code }])),
})
