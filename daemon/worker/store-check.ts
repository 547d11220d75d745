import { RpcTransportError } from '../../rpc-schema/rpc/error.js'
import { errorText } from '../../rpc-schema/seal-error.js'
import type { Clock } from '../kit/clock.js'
import type { Logger } from '../kit/log.js'
import type { ManagerClient } from './engine/plan.js'
import type { SealingThread } from './engine/sealing-thread.js'
import type { AttachedStores } from './store/attached-store.js'

/** How long to wait before a manager that did not answer is asked again. */
const ASK_AGAIN_MS = 5_000

export interface StoreCheckParts {
  readonly manager: ManagerClient
  readonly stores: AttachedStores
  readonly threads: readonly SealingThread[]
  readonly clock: Clock
  readonly log: Logger
  readonly signal: AbortSignal
}

/**
 * Worker and manager must mean the same stores by the same names, or sectors would be persisted where the manager cannot find them.
 * `known` resolves when the manager has confirmed every name, however long it is away; `refused` rejects when it does not know one.
 */
export function storesKnownToManager(parts: StoreCheckParts): { known: Promise<void>; refused: Promise<void> } {
  let know = (): void => {}
  let refuse = (_: Error): void => {}
  const known = new Promise<void>(resolve => {
    know = resolve
  })
  const refused = new Promise<void>((_, reject) => {
    refuse = reject
  })
  refused.catch(() => {})
  void confirmAll(parts).then(missing => {
    if (missing === undefined) return
    if (missing.length === 0) return know()
    refuse(
      new Error(
        `the manager does not know the attached store ${missing.map(name => JSON.stringify(name)).join(', ')}: give it the same name on both sides`,
      ),
    )
  })
  return { known, refused }
}

/** The names that the manager does not know; undefined when the worker stopped first. */
async function confirmAll({
  manager,
  stores,
  threads,
  clock,
  log,
  signal,
}: StoreCheckParts): Promise<string[] | undefined> {
  const missing: string[] = []
  for (const name of stores.names) {
    for (let answered = false; !answered; ) {
      try {
        if ((await manager.StoreBasicInfo(name)) === null) missing.push(name)
        answered = true
      } catch (error) {
        if (signal.aborted) return undefined
        const why = errorText(error)
        log.warn({ err: error, retryInMs: ASK_AGAIN_MS }, `cannot ask the manager about the attached stores: ${why}`)
        const what = error instanceof RpcTransportError ? 'manager unreachable: ' : ''
        for (const { status } of threads) status.managerSilent(`temporary: ${what}${why}`)
        const stopped = await clock.sleep(ASK_AGAIN_MS, signal).then(
          () => false,
          () => true,
        )
        if (stopped) return undefined
      }
    }
  }
  for (const { status } of threads) status.managerAnswered()
  return missing
}
