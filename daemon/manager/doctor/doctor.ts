import { errorText } from '../../../rpc-schema/seal-error.js'
import { withoutTokens } from '../../kit/config/hidden.js'
import { withDeadline } from '../concurrency/deadline.js'
import { alarms } from './alarm-check.js'
import * as chain from './chain-checks.js'
import { type DoctorFinding, fail } from './finding.js'
import * as machine from './machine-checks.js'
import type { Patient } from './patient.js'

export interface DoctorCheck {
  readonly name: string
  /** What to do when the check itself cannot be made. */
  readonly otherwise: string
  find(patient: Patient): Promise<DoctorFinding[]>
}

const NODE = 'see that the chain node answers at Common.API.Chain'

/** Everything that a manager needs to run well. */
export const DOCTOR_CHECKS: readonly DoctorCheck[] = [
  { name: 'configuration', otherwise: 'damocles-manager daemon init', find: machine.configuration },
  { name: 'open files', otherwise: 'look at `ulimit -n`', find: machine.openFiles },
  { name: 'disk', otherwise: 'see that the home directory can be read', find: machine.homeDisk },
  { name: 'stores', otherwise: 'see that the stores are mounted', find: machine.stores },
  { name: 'access', otherwise: 'see that the home directory can be read', find: machine.access },
  { name: 'database', otherwise: 'see that the database can be read', find: machine.database },
  { name: 'alarms', otherwise: 'see `damocles-manager util alarms`', find: alarms },
  { name: 'node', otherwise: NODE, find: chain.nodeSync },
  { name: 'network', otherwise: NODE, find: chain.network },
  { name: 'funds', otherwise: NODE, find: chain.balances },
  { name: 'parameters', otherwise: NODE, find: machine.parameters },
]

const LIMIT_MS = 30_000

/** Makes every check; one that breaks is a finding of its own. */
export async function examine(patient: Patient): Promise<(DoctorFinding & { readonly check: string })[]> {
  const all = await Promise.all(
    DOCTOR_CHECKS.map(async ({ name, otherwise, find }) => {
      const findings = await withDeadline(name, LIMIT_MS, find(patient)).catch((error: unknown) => [
        fail(withoutTokens(errorText(error)), otherwise),
      ])
      return findings.map(finding => ({ check: name, ...finding }))
    }),
  )
  return all.flat()
}
