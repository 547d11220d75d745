import { nativePostVerifier, type PostVerifier } from '../post-verifier.js'
import type { WinningProofRequest } from './winning-prover.js'

/** Looks at a winning proof before it is handed out: a block with a wrong one is nobody's. */
export type WinningVerifier = PostVerifier<WinningProofRequest>

export const nativeWinningVerifier = (): WinningVerifier => nativePostVerifier('verifyWinningPost')
