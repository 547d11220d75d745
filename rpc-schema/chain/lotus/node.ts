import { z } from 'zod'
import { method, param } from '../../rpc/method.js'
import { Bool } from '../../rpc/zero-value.js'
import { AddressJson } from '../../wire/address.js'
import { Base64Bytes } from '../../wire/bytes.js'
import { list } from '../../wire/list.js'
import { Message, SignedMessage } from '../../wire/message.js'
import { Signature } from '../../wire/signature.js'
import { TokenAmount } from '../../wire/token-amount.js'
import { AddrInfo, NodeStatus, NodeVersion, SyncState } from '../node.js'

const address = param('address', AddressJson)
/** Permission names; not limited to those of `method.ts`, a node may know others. */
const Permissions = list(z.string())

/** The node itself, its keys and its tokens. */
export const nodeMethods = {
  Version: method('Version of the node and of its API.', [], NodeVersion),
  NodeStatus: method('How the node stands to the chain and its peers.', [param('inclChainStatus', Bool)], NodeStatus),
  SyncState: method('The running syncs.', [], SyncState),
  NetAddrsListen: method('The addresses the node listens on.', [], AddrInfo),
  NetPeers: method('The connected peers.', [], list(AddrInfo)),
  AuthVerify: method('The permissions of a token.', [param('token', z.string())], Permissions),
  AuthNew: method('A new token with these permissions.', [param('permissions', Permissions)], Base64Bytes, {
    permission: 'admin',
  }),
  WalletBalance: method('attoFIL of an address; 0 for an unknown one.', [address], TokenAmount),
  WalletList: method('The addresses whose keys the node has.', [], list(AddressJson), { permission: 'write' }),
  WalletHas: method('Whether the node has the key of an address.', [address], Bool, { permission: 'write' }),
  WalletDefaultAddress: method('The address the node sends from when none is given.', [], AddressJson, {
    permission: 'write',
  }),
  WalletSign: method('Signs bytes.', [address, param('data', Base64Bytes)], Signature, { permission: 'sign' }),
  WalletSignMessage: method('Signs a message.', [address, param('message', Message)], SignedMessage, {
    permission: 'sign',
  }),
} as const
