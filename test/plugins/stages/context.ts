import type { StageProver } from '../../../plugins/stages/prover-port.js'
import type { StageContext } from '../../../plugins/stages/stage-context.js'

/** A prover of which a test uses the calls it gives; any other is a mistake. */
export function fakeProver(calls: Partial<StageProver> = {}): StageProver {
  return new Proxy(calls, {
    get: (target, name) =>
      Reflect.get(target, name) ??
      (() => Promise.reject(new Error(`the prover was not expected to be asked for ${String(name)}`))),
  }) as StageProver
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
