import { z } from 'zod'
import { EXIT_CODES, exitCodeText } from '../../../rpc-schema/actors/exit-codes.js'
import { MessageReceipt } from '../../../rpc-schema/chain/receipt.js'
import { ON_CHAIN_STATE, type OnChainState, type PollStateResp } from '../../../rpc-schema/manager/commitment.js'
import type { ChainMessage } from './chain-message.js'

/** Failures that can end well when the same thing is sent again: no funds, or not enough gas. */
const TRY_AGAIN: ReadonlySet<number> = new Set([
  EXIT_CODES.SysErrInsufficientFunds,
  EXIT_CODES.SysErrOutOfGas,
  EXIT_CODES.ErrInsufficientFunds,
])

export const stateOfExitCode = (code: number): OnChainState =>
  code === EXIT_CODES.Ok
    ? ON_CHAIN_STATE.landed
    : TRY_AGAIN.has(code)
      ? ON_CHAIN_STATE.failed
      : ON_CHAIN_STATE.permFailed

/** The receipt as workers show it. */
export const receiptText = (receipt: MessageReceipt): string =>
  `MessageReceipt: ${JSON.stringify(z.encode(MessageReceipt, receipt), null, 2)}`

export interface PollFacts {
  /** The record has a message of this kind. */
  readonly hasCid: boolean
  readonly needSend: boolean
  /** What is known of that message; undefined when nothing is. */
  readonly message: Pick<ChainMessage, 'state' | 'height' | 'receipt' | 'error'> | undefined
  /** Exit code of this sector in the batch, where the receipt tells it. */
  readonly sectorCode: number | null
  readonly headHeight: number
  readonly confidence: number
}

const answer = (State: OnChainState, Desc: string | null = null): PollStateResp => ({ State, Desc })

/** How far the message of a sector is. `landed` has still to be confirmed by the state of the chain. */
export function messageProgress(facts: PollFacts): PollStateResp {
  const { hasCid, needSend, message, sectorCode, headHeight, confidence } = facts
  if (!hasCid) {
    return needSend
      ? answer(ON_CHAIN_STATE.pending)
      : answer(ON_CHAIN_STATE.failed, 'attempt to publish message but failed')
  }
  if (message === undefined || message.state === 'intended' || message.state === 'pushed')
    return answer(ON_CHAIN_STATE.pending)
  if (message.state !== 'landed') return answer(ON_CHAIN_STATE.failed, message.error)
  if (message.receipt === null || message.height === null)
    return answer(ON_CHAIN_STATE.failed, 'receipt not found for on-chain message')
  const text = receiptText(message.receipt)
  if (headHeight - message.height < confidence) return answer(ON_CHAIN_STATE.packed, text)
  if (message.receipt.ExitCode !== EXIT_CODES.Ok) return answer(stateOfExitCode(message.receipt.ExitCode), text)
  if (sectorCode !== null && sectorCode !== EXIT_CODES.Ok)
    return answer(stateOfExitCode(sectorCode), `${text}\nthis sector: ${exitCodeText(sectorCode)}`)
  return answer(ON_CHAIN_STATE.landed, text)
}
