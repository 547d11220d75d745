import { RpcTransportError } from '../../../rpc-schema/rpc/error.js'
import { type DoctorFinding, fail, ok } from './finding.js'
import type { Patient } from './patient.js'

/** What a running manager wants a person to look at. */
export async function alarms({ alarms: ask }: Patient): Promise<DoctorFinding[]> {
  try {
    const found = await ask()
    if (found.length === 0) return [ok('the manager runs, and has no alarms')]
    return found.map(({ Subject, Text, Meaning }) => fail(`${Subject}: ${Text}`, Meaning))
  } catch (error) {
    if (!(error instanceof RpcTransportError)) throw error
    return [ok('no manager answers: it does not run, or listens elsewhere (--listen)')]
  }
}
