import { EXIT_CODES, exitCodeText } from '../../../rpc-schema/actors/exit-codes.js'
import type { Message } from '../../../rpc-schema/wire/message.js'
import { formatFil } from '../../../rpc-schema/wire/token-amount.js'
import { dispatch, sectorsIn } from '../actors/dispatch.js'
import type { Receipt } from '../chain/tipset.js'
import { actors, createActor, resolveId, SINGLETONS, transfer } from '../state/records.js'
import { StateDraft } from '../state/state-tree.js'
import { ActorAbort } from './abort.js'
import { executionGas, gasCost, onChainGas } from './gas.js'
import type { Machine } from './machine.js'

export interface Execution {
  readonly receipt: Receipt
  /** Why it failed, as the virtual machine would tell; empty for a success. */
  readonly error: string
}

/** What gas costs. Without fees a message is only tried. */
export interface Fees {
  readonly baseFee: bigint
}

const failure = (exitCode: number, gasUsed: number, error: string): Execution => ({
  receipt: { exitCode, returnValue: new Uint8Array(), gasUsed },
  error,
})

/**
 * Runs one message. Whatever becomes of it, the sender's nonce moves on and, with fees, the gas is paid; its own effects stay only when
 * it succeeds.
 */
export async function execute(
  machine: Machine,
  draft: StateDraft,
  message: Message,
  fees: Fees | null,
): Promise<Execution> {
  const from = resolveId(draft, message.From)
  const sender = from === undefined ? undefined : actors.get(draft, from)
  if (sender === undefined || sender.kind !== 'account') {
    return failure(EXIT_CODES.SysErrSenderInvalid, 0, `sender ${message.From.toString('f')} is no account`)
  }
  if (sender.nonce !== message.Nonce) {
    return failure(EXIT_CODES.SysErrSenderStateInvalid, 0, `nonce ${message.Nonce}, expected ${sender.nonce}`)
  }
  const needed = executionGas(message, sectorsIn(message))
  if (fees !== null && message.GasLimit < onChainGas(message)) {
    return failure(EXIT_CODES.SysErrOutOfGas, 0, 'the gas limit does not even cover the message itself')
  }
  if (fees !== null && sender.balance < message.GasFeeCap * BigInt(message.GasLimit)) {
    return failure(EXIT_CODES.SysErrSenderStateInvalid, 0, 'the sender cannot pay the gas')
  }
  actors.put(draft, { ...sender, nonce: sender.nonce + 1 }, sender.id)

  const outOfGas = fees !== null && message.GasLimit < needed
  const gasUsed = outOfGas ? message.GasLimit : needed
  const cost = fees === null ? null : gasCost(message, gasUsed, fees.baseFee)
  if (cost !== null) {
    transfer(draft, sender.id, SINGLETONS.burn, cost.baseFeeBurn + cost.overEstimationBurn)
    // The reward actor would hand it on with the block's reward; the devnet has none, so that all balances follow from messages alone.
    transfer(draft, sender.id, SINGLETONS.reward, cost.minerTip)
  }
  if (outOfGas)
    return failure(EXIT_CODES.SysErrOutOfGas, gasUsed, backtrace('', 'out of gas', EXIT_CODES.SysErrOutOfGas))
  const inner = new StateDraft(draft)
  try {
    const returnValue = await run(machine, inner, message, sender.id)
    draft.adopt(inner)
    return { receipt: { exitCode: EXIT_CODES.Ok, returnValue, gasUsed }, error: '' }
  } catch (error) {
    if (!(error instanceof ActorAbort)) throw error
    const system = error.exitCode < EXIT_CODES.ErrIllegalArgument
    const where = system
      ? '--> caused by: send::send -- '
      : `00: ${message.To.toString('f')} (method ${message.Method}) -- `
    return failure(error.exitCode, gasUsed, backtrace(where, error.message, error.exitCode))
  }
}

const backtrace = (where: string, why: string, code: number): string =>
  `message failed with backtrace:\n${where}${why} (${code})\n (RetCode=${code})`

/** The words in which a node tells that a message failed when it was tried. */
export const failureText = ({ receipt, error }: Execution): string =>
  `message execution failed (exit=[${exitCodeText(receipt.exitCode)}], vm error=[${error}])`

async function run(machine: Machine, draft: StateDraft, message: Message, from: number): Promise<Uint8Array> {
  const sender = actors.get(draft, from)!
  if (message.Value < 0n || sender.balance < message.Value) {
    throw new ActorAbort(
      EXIT_CODES.SysErrInsufficientFunds,
      `sender does not have funds to transfer (balance ${formatFil(sender.balance).replace(' FIL', '')}, transfer ${formatFil(message.Value).replace(' FIL', '')})`,
    )
  }
  let to = resolveId(draft, message.To)
  if (to === undefined) {
    if (message.To.isId || message.To.protocol === 2 || message.To.protocol === 4) {
      throw new ActorAbort(EXIT_CODES.SysErrInvalidReceiver, `actor does not exist: ${message.To.toString('f')}`)
    }
    to = createActor(draft, { kind: 'account', balance: 0n, robust: message.To }).id
  }
  transfer(draft, from, to, message.Value)
  return dispatch(machine, { draft, from, to, value: message.Value, method: message.Method, params: message.Params })
}
