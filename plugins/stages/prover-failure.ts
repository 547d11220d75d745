import { SealError } from '../../rpc-schema/seal-error.js'

/** Handler for a call of the proofs library that failed: says on which files, keeps the library's error as the cause. */
export const failed =
  (what: string) =>
  (error: unknown): never => {
    throw new SealError('permanent', what, { cause: error })
  }
