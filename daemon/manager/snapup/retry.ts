import type { MinerSnapUpRetryConfig } from '../../../rpc-schema/manager/miner-config.js'
import { RpcError, RpcTransportError } from '../../../rpc-schema/rpc/error.js'

/** Where nothing is configured, ms. */
const DEFAULT_WAIT_MS = 30_000

/** How long to wait after a failure, ms: of a service that was asked, or of our own. */
export function retryWait(retry: MinerSnapUpRetryConfig | undefined, error: unknown): number {
  const ofService = error instanceof RpcError || error instanceof RpcTransportError
  return (ofService ? retry?.APIFailureWait : retry?.LocalFailureWait) || DEFAULT_WAIT_MS
}
