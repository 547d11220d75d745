import type { lotusService } from '../../../rpc-schema/chain/index.js'
import { SYNC_STAGE } from '../../../rpc-schema/chain/node.js'
import type { Handlers } from '../../../rpc-schema/rpc/method.js'
import type { Address } from '../../../rpc-schema/wire/address.js'
import type { Tokens } from '../../kit/rpc/tokens.js'
import type { Chain } from '../chain/chain.js'
import { heightOf } from '../chain/tipset.js'
import { actors, resolveId } from '../state/records.js'
import type { Wallet } from '../wallet/wallet.js'
import { nodeError } from './lookup.js'

type Methods = typeof lotusService.methods
type Served = 'Version' | 'SyncState' | 'AuthVerify' | 'AuthNew' | Extract<keyof Methods, `Wallet${string}`>

/** Versions of the API in Lotus's form: major, minor, patch in a byte each. */
export const API_VERSIONS = { v0: 0x010500, v1: 0x020300 } as const
export type ApiName = keyof typeof API_VERSIONS

const VERSION = '1.36.2+sealyard.devnet'
const NO_TIME = '0001-01-01T00:00:00Z'

export interface NodeParts {
  readonly chain: Chain
  readonly wallet: Wallet
  readonly tokens: Tokens
  readonly defaultAddress: Address
}

export function nodeApi(parts: NodeParts, api: ApiName): Pick<Handlers<Methods>, Served> {
  const { chain, wallet, tokens } = parts
  /** The key address of what may be an ID address. */
  const keyOf = (address: Address): Address => {
    const id = resolveId(chain.head.state, address)
    return (id === undefined ? undefined : actors.get(chain.head.state, id)?.robust) ?? address
  }
  return {
    Version: () => ({
      Version: VERSION,
      APIVersion: API_VERSIONS[api],
      BlockDelay: chain.network.blockDelaySecs,
      Agent: 'lotus',
    }),
    // The chain is made here: it is always complete.
    SyncState: () => ({
      ActiveSyncs: [
        {
          WorkerID: 0,
          Base: null,
          Target: null,
          Stage: SYNC_STAGE.complete,
          Height: heightOf(chain.head),
          Start: NO_TIME,
          End: NO_TIME,
          Message: '',
        },
      ],
      VMApplied: 0,
    }),
    AuthVerify(token) {
      const permissions = tokens.verify(token)
      if (permissions === null) throw nodeError('JWT Verification failed: jwt: HMAC verification failed')
      return [...permissions]
    },
    AuthNew: permissions => new TextEncoder().encode(tokens.issue(permissions)),
    WalletBalance(address) {
      const id = resolveId(chain.head.state, address)
      return id === undefined ? 0n : actors.get(chain.head.state, id)!.balance
    },
    WalletList: () => wallet.list(),
    WalletHas: address => wallet.has(keyOf(address)),
    WalletDefaultAddress: () => parts.defaultAddress,
    WalletSign: (address, data) => wallet.sign(keyOf(address), data),
    WalletSignMessage: (address, message) => wallet.signMessage(keyOf(address), message),
  }
}
