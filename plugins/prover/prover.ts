import { callText, readEnvelope } from './addon.js'
import type { ProverCalls, ProverMethod, ProverRequest, ProverResult } from './calls.js'
import { decodeValue, encodeRequest } from './codec.js'

/** Calls whose result is a phase output: opaque JSON, not to be walked through. */
const OPAQUE_RESULTS: ReadonlySet<ProverMethod> = new Set(['pc1', 'c1'])

/** The typed value of an envelope that a call answered with. Throws a ProofsError. */
export function decodeResult<M extends ProverMethod>(method: M, envelope: string): ProverResult<M> {
  const value = readEnvelope(envelope)
  return (OPAQUE_RESULTS.has(method) ? value : decodeValue(value)) as ProverResult<M>
}

/** One call on this thread. Heavy ones belong into a pool or a process of their own. */
export function callProver<M extends ProverMethod>(method: M, request: ProverRequest<M>): ProverResult<M> {
  return decodeResult(method, callText(method, encodeRequest(request)))
}

export type Prover = Readonly<ProverCalls>

/** The calls on this thread: `prover.verifySeal({…})`. The addon is loaded at the first call. */
export const prover: Prover = new Proxy({} as Prover, {
  get: (_, method) => (request: ProverRequest<ProverMethod>) => callProver(method as ProverMethod, request),
})
