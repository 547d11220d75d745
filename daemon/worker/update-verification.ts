import type { StageProver } from '../../plugins/stages/stage-context.js'
import { SealError } from '../../rpc-schema/seal-error.js'
import type { PlanEnvironment } from './engine/plan.js'

/** By the native prover, whoever made the proof. */
export const updateVerification =
  (prover: StageProver): PlanEnvironment['verifyUpdate'] =>
  async request => {
    try {
      return await prover.call('updateVerify', request)
    } catch (cause) {
      throw new SealError('permanent', 'cannot verify the proof of the update', { cause })
    }
  }
