import type {
  MessageWhereabouts,
  OperatorMessage,
  OperatorMessagePreview,
  OperatorMessageState,
} from '../../../rpc-schema/manager/operator-message.js'
import { RPC_ERROR, RpcError } from '../../../rpc-schema/rpc/error.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { unfilledMessage } from '../../../rpc-schema/wire/message.js'
import type { Clock } from '../../kit/clock.js'
import type { ChainNode } from '../chain/chain-node.js'
import type { HeadTracker } from '../chain/head-tracker.js'
import { type ChainMessage, isInFlight } from '../commitment/chain-message.js'
import type { Sending } from '../commitment/sending.js'
import { KeyedLock } from '../concurrency/keyed-lock.js'
import { attemptUuid, messageUid } from './message-identity.js'
import { methodText } from './method-text.js'
import type { Attempt, OperatorMessageRepository } from './operator-message-repository.js'
import type { OutsideMessages } from './outside-messages.js'

/** Epochs after which a message of an operator has come to its end, and the same can be asked for again. */
const CONFIDENCE = 6
/** The gas limit is the estimate times this. */
const GAS_OVER_ESTIMATION = 1.25
const MAX_EXID_LENGTH = 100
const MOST_LISTED = 1000

export interface OperatorMessagesOptions {
  node: ChainNode
  heads: HeadTracker
  sending: Sending
  repository: OperatorMessageRepository
  outside: OutsideMessages
  clock: Clock
}

/** Sends what operators ask for: each wish once, by an id of its contents, and with the same guarantees as the messages of sectors. */
export class OperatorMessages {
  readonly #options: OperatorMessagesOptions
  readonly #locks = new KeyedLock()

  constructor(options: OperatorMessagesOptions) {
    this.#options = options
    options.sending.desk.register('operator', { confidence: () => CONFIDENCE })
  }

  async preview(request: OperatorMessage): Promise<OperatorMessagePreview> {
    const { node, heads } = this.#options
    const { api } = node
    const message = await this.#resolved(request)
    const uid = messageUid(message)
    const [head, text, key, actor, filled, before] = await Promise.all([
      heads.fresh(),
      methodText(api, message),
      api.StateAccountKey(message.From, []),
      api.StateGetActor(message.From, []),
      api.GasEstimateMessageGas(unfilledMessage(message), null, []),
      this.#latest(uid),
    ])
    const baseFee = head.Blocks[0]?.ParentBaseFee ?? 0n
    const { GasLimit, GasFeeCap, GasPremium } = filled
    const price = baseFee + GasPremium < GasFeeCap ? baseFee + GasPremium : GasFeeCap
    return {
      Uid: uid,
      MethodName: text.name,
      Params: text.params,
      FromKey: key,
      Balance: actor.Balance,
      GasLimit,
      GasFeeCap,
      GasPremium,
      BaseFee: baseFee,
      LikelyFee: price * BigInt(GasLimit),
      MaxCost: message.Value + GasFeeCap * BigInt(GasLimit),
      Before: before === undefined ? null : toWire(before.message, before.attempt, head.Height, true),
    }
  }

  async send(request: OperatorMessage): Promise<OperatorMessageState> {
    const { node, heads, sending, repository, clock } = this.#options
    const message = await this.#resolved(request)
    const uid = messageUid(message)
    const { name: methodName } = await methodText(node.api, message)
    return this.#locks.run(uid, async () => {
      const head = await heads.fresh()
      const before = await this.#latest(uid)
      if (before !== undefined && stands(before.message, request.Repeat))
        return toWire(before.message, before.attempt, head.Height, true)
      const number = (before?.attempt.attempt ?? 0) + 1
      const attempt: Attempt = { uid, attempt: number, uuid: attemptUuid(uid, number), methodName }
      const sent = await sending.desk.send(
        {
          kind: 'operator',
          miner: message.Miner,
          receiver: message.To,
          sender: message.From,
          method: message.Method,
          params: message.Params,
          value: message.Value,
          fees: { gasFeeCap: message.GasFeeCap, gasOverEstimation: GAS_OVER_ESTIMATION, gasOverPremium: 0 },
          sectors: [],
          uuid: attempt.uuid,
        },
        head,
        trx => repository.insert(attempt, clock.now(), trx),
      )
      const now = (await sending.messages.find(sent.id))!
      return toWire(now, attempt, head.Height, sent.result === 'known')
    })
  }

  /** A message by its uid, by its CID or by its id at the messager. Throws when nobody knows it. */
  async state(id: string): Promise<MessageWhereabouts> {
    const { heads, sending, outside, node } = this.#options
    const head = await heads.fresh()
    const latest = await this.#latest(id)
    const message = latest?.message ?? (await sending.messages.withCid(id))
    if (message === undefined) return outside.find(id, head)
    const checked = await sending.desk.check(message, head)
    const attempt = latest?.attempt ?? (await this.#options.repository.withUuid(message.uuid))
    const named = attempt ?? { uid: id, methodName: '' }
    const TipSet =
      checked.height === null ? [] : (await node.api.ChainGetTipSetByHeight(checked.height, head.Cids)).Cids
    return { ...toWire(checked, named, head.Height, true), TipSet }
  }

  async list(limit: number): Promise<OperatorMessageState[]> {
    const { heads, sending, repository } = this.#options
    const head = await heads.fresh()
    const attempts = await repository.newest(Math.min(limit || MOST_LISTED, MOST_LISTED))
    const found = await Promise.all(
      attempts.map(async attempt => ({ attempt, message: await sending.messages.withUuid(attempt.uuid) })),
    )
    return found.flatMap(({ attempt, message }) => (message ? [toWire(message, attempt, head.Height, true)] : []))
  }

  async #latest(uid: string): Promise<{ attempt: Attempt; message: ChainMessage } | undefined> {
    const { sending, repository } = this.#options
    const attempt = await repository.latest(uid)
    const message = attempt && (await sending.messages.withUuid(attempt.uuid))
    return attempt && message && { attempt, message }
  }

  /** With ID addresses, so that however an address is written the message is the same. */
  async #resolved(request: OperatorMessage): Promise<OperatorMessage> {
    if (request.Exid.length > MAX_EXID_LENGTH)
      throw new RpcError(RPC_ERROR.invalidParams, `exid: expected at most ${MAX_EXID_LENGTH} characters`)
    const { api } = this.#options.node
    const From = await idOf(request.From, address => api.StateLookupID(address, []))
    // A key address that the chain has not seen yet can be sent to: the account is made.
    const To = await idOf(request.To, address => api.StateLookupID(address, [])).catch((error: unknown) => {
      if (error instanceof RpcError && request.Method === 0) return request.To
      throw error
    })
    return { ...request, From: plain(From), To: plain(To) }
  }
}

const idOf = async (address: Address, look: (address: Address) => Promise<Address>): Promise<Address> =>
  address.isId ? address : look(address)

/** Without the prefix that it was written with. */
const plain = (address: Address): Address => Address.fromBytes(address.bytes)

/** Whether what was sent before is the answer to the same wish. */
function stands(message: ChainMessage, repeat: boolean): boolean {
  if (isInFlight(message)) return true
  return message.state === 'landed' && !(repeat && message.settled)
}

const toWire = (
  message: ChainMessage,
  { uid, methodName }: Pick<Attempt, 'uid' | 'methodName'>,
  headHeight: number,
  known: boolean,
): OperatorMessageState => ({
  Uid: uid,
  State: message.state,
  Cid: message.cid,
  Carrier: message.carrier,
  From: Address.parse(message.sender),
  To: Address.parse(message.receiver),
  Method: message.method,
  MethodName: methodName,
  Value: message.value,
  Height: message.height,
  Depth: message.height === null ? 0 : Math.max(0, headHeight - message.height),
  Receipt: message.receipt,
  Error: message.error ?? '',
  Known: known,
})
