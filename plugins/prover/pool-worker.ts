import { callText } from './addon.js'
import { ProofsError } from './errors.js'

/** A call for a thread of the pool, as text in both directions. */
export interface PoolTask {
  readonly method: string
  readonly request: string
}

/** An error's own properties are lost between threads, an envelope's are not. */
export default function work({ method, request }: PoolTask): string {
  try {
    return callText(method, request)
  } catch (error) {
    if (!(error instanceof ProofsError)) throw error
    const { code, message, faultySectors } = error
    return JSON.stringify({ ok: false, error: { code, message, causes: [], faultySectors } })
  }
}
