import { service } from '../../rpc/method.js'
import { chainMethods } from './chain.js'
import { minerMethods } from './miner.js'
import { mpoolMethods } from './mpool.js'
import { nodeMethods } from './node.js'
import { randomnessMethods } from './randomness.js'
import { stateMethods } from './state.js'

/** What Sealyard uses of a Lotus-style full node (`/rpc/v1`). */
export const lotusService = service('Filecoin', {
  ...chainMethods,
  ...stateMethods,
  ...minerMethods,
  ...randomnessMethods,
  ...mpoolMethods,
  ...nodeMethods,
})
