import { SealError } from '../../rpc-schema/seal-error.js'
import type { StageProver } from './prover-port.js'

/** The native prover in a pool of threads. */
export function createPoolProver(): StageProver & { close(): Promise<void> } {
  const missing = (): never => {
    throw new SealError('critical', 'the native prover is not part of this build')
  }
  return new Proxy({} as StageProver & { close(): Promise<void> }, {
    get: (_target, name) => (name === 'close' ? async () => {} : async () => missing()),
  })
}
