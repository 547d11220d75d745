import { errorText } from '../../../../rpc-schema/seal-error.js'
import type { Logger } from '../../../kit/log.js'
import type { Topology } from '../../hardware/topology.js'
import type { ProcessorsConfig } from '../processors-config.js'
import { placementProblems } from './placement-problems.js'

export interface CheckPlacementDeps {
  /** What children inherit. */
  readonly env: NodeJS.ProcessEnv
  readonly log: Logger
  readonly topology: () => Promise<Topology>
}

/** Entries that would run where they cannot, with all reasons at once. */
export class PlacementError extends Error {
  constructor(reasons: readonly string[]) {
    super(reasons.join('\n'))
    this.name = 'PlacementError'
  }
}

/** Before children are started: throws PlacementError when one cannot run as its entry says, and warns of what is not advisable. */
export async function checkPlacement(children: ProcessorsConfig['children'], deps: CheckPlacementDeps): Promise<void> {
  const entries = Object.values(children).flatMap(each => each ?? [])
  if (entries.every(entry => entry.cgroup.cpuset === undefined && entry.numaPreferred === undefined)) return
  const topology = await deps.topology().catch((error: unknown) => {
    const fields = { reason: errorText(error) }
    deps.log.warn(
      fields,
      'the processors of this machine cannot be read: cgroup.cpuset and numa_preferred are not checked',
    )
    return undefined
  })
  const problems = placementProblems(children, topology, deps.env)
  for (const { severity, path, message } of problems) if (severity === 'warning') deps.log.warn(`${path}: ${message}`)
  const errors = problems.filter(({ severity }) => severity === 'error')
  if (errors.length > 0) throw new PlacementError(errors.map(({ path, message }) => `${path}: ${message}`))
}
