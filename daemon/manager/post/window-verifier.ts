import { nativePostVerifier, type PostVerifier } from './post-verifier.js'
import type { WindowProofRequest } from './window-prover.js'

/** Looks at a proof before it is sent: the chain itself does so only when somebody disputes it, and then it is dear. */
export type WindowVerifier = PostVerifier<WindowProofRequest>

export const nativeWindowVerifier = (): WindowVerifier => nativePostVerifier('verifyWindowPost')
