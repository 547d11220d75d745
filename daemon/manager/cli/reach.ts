import type { Connection } from '../../../rpc-schema/rpc/connection.js'
import type { ChainApi } from '../chain/chain-node.js'
import type { Talk } from './talk.js'

/** What a command may talk to; each is connected for one action and closed after it. */
export interface Reach {
  readonly manager: Talk
  /** The node named in the configuration. */
  chain(action: (chain: ChainApi) => Promise<void>): Promise<void>
  /** The market named there. */
  market(action: (connection: Connection) => Promise<void>): Promise<void>
}
