import type { ProverCalls, ProverMethod, ProverRequest, ProverResult } from '../../../plugins/prover/calls.js'
import type { StageContext, StageProver } from '../../../plugins/stages/stage-context.js'

/** A prover of which a test answers the calls it expects; any other is a mistake. */
export function fakeProver(
  calls: { [M in ProverMethod]?: (request: ProverRequest<M>) => Promise<ProverResult<M>> } = {},
): StageProver {
  return {
    call: <M extends keyof ProverCalls>(method: M, request: ProverRequest<M>): Promise<ProverResult<M>> => {
      const answer = calls[method] as ((request: ProverRequest<M>) => Promise<ProverResult<M>>) | undefined
      return answer?.(request) ?? Promise.reject(new Error(`the prover was not expected to be asked for ${method}`))
    },
  }
}

export const stageContext = (context: Partial<StageContext> = {}): StageContext => ({
  prover: fakeProver(),
  env: {},
  ...context,
})

/** The error that `work` fails with. */
export async function failureOf(work: Promise<unknown>): Promise<Error & { class?: string }> {
  return await work.then(
    () => {
      throw new Error('it should have failed')
    },
    error => error,
  )
}
