import { SealError } from '../../rpc-schema/seal-error.js'
import { ProofsError } from '../prover/errors.js'

/**
 * Handler for a call of the proofs library that failed: says on which files, keeps the library's error as the cause. Only a full disk
 * passes by itself.
 */
export const failed =
  (what: string) =>
  (error: unknown): never => {
    const full = error instanceof ProofsError && error.code === 'DISK_FULL'
    throw new SealError(full ? 'temporary' : 'permanent', what, { cause: error })
  }
