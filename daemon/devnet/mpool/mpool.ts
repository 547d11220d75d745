import type { CID } from 'multiformats/cid'
import { isSuccess } from '../../../rpc-schema/actors/exit-codes.js'
import type { MessageSendSpec } from '../../../rpc-schema/chain/gas.js'
import { RPC_ERROR, RpcError } from '../../../rpc-schema/rpc/error.js'
import type { Address } from '../../../rpc-schema/wire/address.js'
import { type Message, type SignedMessage, signedMessageCid } from '../../../rpc-schema/wire/message.js'
import type { Chain } from '../chain/chain.js'
import { Mutex } from '../chain/mutex.js'
import { type ActorRecord, actors, resolveId } from '../state/records.js'
import { StateDraft } from '../state/state-tree.js'
import { type Execution, execute, failureText } from '../vm/execute.js'
import { onChainGas } from '../vm/gas.js'
import { signatureProblem, type Wallet } from '../wallet/wallet.js'
import { GAS_OVERESTIMATION, withFees } from './fees.js'
import type { PooledMessage } from './pool.js'

/** A message takes another's nonce only with a premium this much higher. */
export const REPLACE_BY_FEE_RATIO = 1.25
/** By so many percent the pool really asks for more; the ratio above is what its configuration tells. */
const REPLACE_PERCENT = 110n

const refuse = (message: string): RpcError => new RpcError(RPC_ERROR.application, message)

/** The way of messages into the pool. */
export class Mpool {
  readonly #chain: Chain
  readonly #wallet: Wallet
  readonly #pushing = new Mutex()

  constructor(chain: Chain, wallet: Wallet) {
    this.#chain = chain
    this.#wallet = wallet
  }

  /** Gives a message nonce, gas and signature and takes it in. One at a time, so that nonces follow each other. */
  pushMessage(message: Message, spec: MessageSendSpec | null): Promise<SignedMessage> {
    return this.#pushing.run(async () => {
      if (message.Nonce !== 0) {
        throw refuse(`MpoolPushMessage expects message nonce to be 0, was ${message.Nonce}`)
      }
      const sender = this.account(message.From)
      const from = sender?.robust ?? message.From
      const filled = await this.estimate({ ...message, From: from }, spec).catch((error: Error) => {
        throw refuse(`GasEstimateMessageGas error: ${error.message}`)
      })
      const needed = filled.Value + filled.GasFeeCap * BigInt(filled.GasLimit)
      if (sender!.balance < needed) throw refuse(`mpool push: not enough funds: ${sender!.balance} < ${needed}`)
      const signed = this.#wallet.signMessage(from, { ...filled, Nonce: this.nextNonce(from) })
      await this.#add(signed, from)
      return signed
    })
  }

  /** Takes a message in that its sender has signed. */
  push(signed: SignedMessage): Promise<CID> {
    return this.#pushing.run(async () => {
      const { Message: message } = signed
      const sender = this.account(message.From)
      if (sender?.robust === undefined)
        throw refuse(`sender ${message.From.toString('t')} not found on chain: sender validation failed`)
      const problem = signatureProblem(signed, sender.robust)
      if (problem !== null) throw refuse(`signature verification failed: failed to validate signature: ${problem}`)
      const least = onChainGas(message)
      if (message.GasLimit < least) {
        throw refuse(
          `verify msg failed: message will not be included in a block: 'GasLimit' field cannot be less than the cost of storing a message on chain ${message.GasLimit} < ${least}`,
        )
      }
      this.#checkNonce(message, sender)
      return this.#add(signed, sender.robust)
    })
  }

  /** Loses waiting messages: these, or all. Their nonces are free again. How many it were. */
  forget(cids: readonly CID[] | null): Promise<number> {
    return this.#pushing.run(async () => {
      const { pool, repository } = this.#chain
      const lost = pool.all().filter(({ cid }) => cids === null || cids.some(wanted => wanted.equals(cid)))
      await repository.dropMessages(lost.map(({ cid }) => cid.toString()))
      for (const { sender, signed } of lost) pool.delete(sender, signed.Message.Nonce)
      return lost.length
    })
  }

  /** The next nonce of a sender, after its messages in the head and in the pool. */
  nextNonce(address: Address): number {
    const account = this.account(address)
    if (account?.robust === undefined) throw refuse(`resolving address ${address.toString('t')}: actor not found`)
    return this.#chain.pool.nextNonce(account.robust.toString('f'), this.#chain.nonceAtHead(account.id))
  }

  /** The message with its gas filled in, as it would run now. Throws when it would fail. */
  async estimate(message: Message, spec: MessageSendSpec | null): Promise<Message> {
    const limit = message.GasLimit === 0 ? Math.floor((await this.estimateGas(message)) * GAS_OVERESTIMATION) : 0
    return withFees(message, limit, this.#chain.head.header.ParentBaseFee, spec)
  }

  /** Gas that a message would use after the sender's waiting messages. Throws with the node's words when it would fail. */
  async estimateGas(message: Message): Promise<number> {
    const { receipt, error } = await this.#tryOut(message)
    if (isSuccess(receipt.exitCode)) return receipt.gasUsed
    throw refuse(failureText({ receipt, error }))
  }

  /** The account of an address at the head; undefined when there is none. */
  account(address: Address): ActorRecord | undefined {
    const { state } = this.#chain.head
    const id = resolveId(state, address)
    const actor = id === undefined ? undefined : actors.get(state, id)
    return actor?.kind === 'account' ? actor : undefined
  }

  async #tryOut(message: Message): Promise<Execution> {
    const { head, pool } = this.#chain
    const { state } = await this.#chain.outcome(head)
    const id = resolveId(state, message.From)
    const sender = id === undefined ? undefined : actors.get(state, id)
    if (sender?.robust === undefined || sender.kind !== 'account') {
      throw refuse(
        `gas estimation failed: CallWithGas failed: sender ${message.From.toString('t')} not found on chain: sender validation failed`,
      )
    }
    const draft = new StateDraft(state)
    const machine = this.#chain.machine(head)
    for (const waiting of pool.of(sender.robust.toString('f'))) {
      if (waiting.signed.Message.Nonce !== actors.get(draft, sender.id)!.nonce) break
      await execute(machine, draft, waiting.signed.Message, null)
    }
    return execute(machine, draft, { ...message, Nonce: actors.get(draft, sender.id)!.nonce }, null)
  }

  #checkNonce(message: Message, sender: ActorRecord): void {
    const least = this.#chain.nonceAtHead(sender.id)
    const key = sender.robust!.toString('f')
    if (message.Nonce < least)
      throw refuse(`minimum expected nonce is ${least}, got ${message.Nonce}: message nonce too low`)
    const other = this.#chain.pool.get(key, message.Nonce)
    if (other !== undefined) this.#checkReplacement(other, message, sender.robust!)
    else if (sender.balance < message.Value + message.GasFeeCap * BigInt(message.GasLimit)) {
      throw refuse(
        `not enough funds including pending messages (required: ${message.Value}, balance: ${sender.balance})`,
      )
    }
  }

  #checkReplacement({ signed }: PooledMessage, message: Message, sender: Address): void {
    const where = `failed to add locked: message from ${sender.toString('t')} with nonce ${message.Nonce} already in mpool`
    const { Message: other } = signed
    if (signedMessageCid({ Message: message, Signature: signed.Signature }).equals(signedMessageCid(signed))) {
      throw refuse(`${where}: message with nonce already exists`)
    }
    const least = (other.GasPremium * REPLACE_PERCENT) / 100n + 1n
    if (message.GasPremium >= least) return
    throw refuse(
      `${where}, increase GasPremium to ${least} from ${other.GasPremium} to trigger replace by fee: replace by fee has too low GasPremium`,
    )
  }

  async #add(signed: SignedMessage, sender: Address): Promise<CID> {
    const cid = signedMessageCid(signed)
    const key = sender.toString('f')
    const replaced = this.#chain.pool.get(key, signed.Message.Nonce)
    // On disk before anybody is told: what was answered survives a kill.
    await this.#chain.repository.addMessage(cid, signed, key)
    if (replaced !== undefined) await this.#chain.repository.dropMessages([replaced.cid.toString()])
    this.#chain.pool.add({ cid, signed, sender: key })
    return cid
  }
}
