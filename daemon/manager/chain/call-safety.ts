/** What may be done with a call whose connection broke, or which another node could answer as well. */
export interface CallSafety {
  /** The call has no effect: after a broken connection it may be made again, by any node. */
  readonly repeatable: boolean
  /** The answer depends on the keys and the message pool of one node: it goes to the node that the last message was pushed to. */
  readonly sticky: boolean
}

const READ: CallSafety = { repeatable: true, sticky: false }
const POOL_READ: CallSafety = { repeatable: true, sticky: true }
const EFFECT: CallSafety = { repeatable: false, sticky: true }

/** By the beginning of the method's name behind its namespace; the first row that fits. What no row knows has an effect. */
const RULES: readonly (readonly [prefix: string, safety: CallSafety])[] = [
  ['MpoolPending', POOL_READ],
  ['MpoolSelect', POOL_READ],
  ['MpoolCheck', POOL_READ],
  ['MpoolGetConfig', POOL_READ],
  // Without an effect on its own, but what is made of the answer must be pushed to the same node.
  ['MpoolGetNonce', POOL_READ],
  ['WalletList', POOL_READ],
  ['WalletHas', POOL_READ],
  ['WalletBalance', READ],
  ['WalletDefaultAddress', POOL_READ],
  ['GasEstimate', POOL_READ],
  ['Chain', READ],
  ['State', READ],
  ['MinerGetBaseInfo', READ],
  ['Beacon', READ],
  ['Net', READ],
  ['Node', READ],
  ['Sync', READ],
  ['Version', READ],
  ['F3', READ],
]

export function callSafety(method: string): CallSafety {
  const name = method.slice(method.indexOf('.') + 1)
  return RULES.find(([prefix]) => name.startsWith(prefix))?.[1] ?? EFFECT
}
