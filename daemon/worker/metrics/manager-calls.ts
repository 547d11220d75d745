import type { Clock } from '../../kit/clock.js'
import type { ManagerClient } from '../engine/plan.js'

/** Where damocles-worker's name of a call is not the method's name in snake_case. */
const CLIENT_NAMES: Readonly<Record<string, string>> = {
  AllocateSanpUpSector: 'allocate_snapup_sector',
  SubmitSnapUpProof: 'submit_snapup_proof',
  WdPoStAllocateJobs: 'allocate_wdpost_job',
  WdPoStHeartbeatJobs: 'wdpost_heartbeat',
  WdPoStFinishJob: 'wdpost_finish',
}

/** `AllocateSector` → `allocate_sector`: the label `method`. */
export const clientMethodName = (method: string): string =>
  CLIENT_NAMES[method] ?? method.replaceAll(/(?<=[a-z])(?=[A-Z])/g, '_').toLowerCase()

export interface CallObserver {
  /** `method` as by {@link clientMethodName}. */
  managerCalled(method: string, tookMs: number, ok: boolean): void
}

/** The same client, every call of which is told to the observer. */
export function observedManager(manager: ManagerClient, observer: CallObserver, clock: Clock): ManagerClient {
  const observed = Object.entries(manager).map(([method, call]) => {
    const name = clientMethodName(method)
    const watched = async (...args: unknown[]): Promise<unknown> => {
      const startedAt = clock.monotonic()
      let ok = false
      try {
        const result = await (call as (...args: unknown[]) => Promise<unknown>)(...args)
        ok = true
        return result
      } finally {
        observer.managerCalled(name, clock.monotonic() - startedAt, ok)
      }
    }
    return [method, watched]
  })
  return Object.fromEntries(observed) as ManagerClient
}
