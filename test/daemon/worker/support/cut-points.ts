import type { StageName } from '../../../../daemon/worker/processors/processors.js'
import type { WorkerBench } from './bench.js'
import type { MethodName } from './scripted-manager.js'

/** A promise that never settles: what is held by it is gone with the process. */
export const forever = (): Promise<void> => new Promise(() => {})

export interface CutPoint {
  readonly name: string
  /** Holds the worker there for ever, and tells of it. */
  hold(bench: WorkerBench, held: () => void): void
}

/** Each call and each stage, by which occurrence, cut off before and after it takes effect. */
export function cutPoints(
  calls: readonly (readonly [MethodName, occurrence: number])[],
  stages: readonly (readonly [StageName, occurrence: number])[],
): CutPoint[] {
  const numbered = (name: string, occurrence: number): string => (occurrence > 1 ? `${name} #${occurrence}` : name)
  return (['before', 'after'] as const).flatMap(when => [
    ...calls.map(([method, occurrence]): CutPoint => {
      const matches = nth(occurrence)
      return {
        name: `${when} ${numbered(method, occurrence)}`,
        hold: (bench, held) =>
          bench.manager.gate((call, at) => {
            if (call.method !== method || at !== when || !matches()) return
            held()
            return forever()
          }),
      }
    }),
    ...stages.map(([stage, occurrence]): CutPoint => {
      const matches = nth(occurrence)
      return {
        name: `${when} the stage ${numbered(stage, occurrence)}`,
        hold: (bench, held) =>
          bench.processors.gate((call, at) => {
            if (call.stage !== stage || at !== when || !matches()) return
            held()
            return forever()
          }),
      }
    }),
  ])
}

function nth(occurrence: number): () => boolean {
  let seen = 0
  return () => ++seen === occurrence
}

/** Runs to the cut, kills the worker there, and starts it again. */
export async function cutAndRestart(bench: WorkerBench, point: CutPoint): Promise<void> {
  let held = false
  point.hold(bench, () => {
    held = true
  })
  await bench.start()
  await bench.until(() => held, point.name)
  await bench.stop()
  bench.manager.gate(undefined)
  bench.processors.gate(undefined)
  await bench.start()
}
