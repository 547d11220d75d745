import { EXIT_CODES, exitCodeText } from '../../../rpc-schema/actors/exit-codes.js'
import type { Address } from '../../../rpc-schema/wire/address.js'
import { unfilledMessage } from '../../../rpc-schema/wire/message.js'
import type { ChainNode } from '../chain/chain-node.js'
import type { BatchContent } from './commit-kind.js'

/**
 * What the chain would say of a message: `fine` · `bad`: it would fail whoever sends it with whatever funds · `later`: only funds or gas are missing ·
 * `unknown`: the node cannot run messages without sending them.
 */
export type Trial =
  | { readonly result: 'fine'; readonly gasUsed: number }
  | { readonly result: 'later'; readonly isTooBig: boolean; readonly why: string }
  | { readonly result: 'unknown' }
  | { readonly result: 'bad'; readonly why: string }

/** Exit codes that say nothing about the sector. */
const FUNDS_AND_GAS: ReadonlySet<number> = new Set([
  EXIT_CODES.SysErrInsufficientFunds,
  EXIT_CODES.SysErrOutOfGas,
  EXIT_CODES.ErrInsufficientFunds,
])

/** Gas of one message at most: half a block, so that it is not left behind. */
const MOST_GAS = 5_000_000_000

/**
 * Bytes of the parameters of one message at most. The pools of nodes refuse signed messages of more than 64 KiB (`MaxMessageSize` of Lotus's pool), which
 * running one without sending it does not show: 33 proofs of 32 GiB sectors are as much, or 20 of upgrades.
 */
const MOST_PARAMS_BYTES = 63 * 1024

/** Too big for a block or for the pools of nodes, or with something in it that the chain would refuse. */
export const isToBeSplit = (trial: Trial): boolean =>
  trial.result === 'bad' ||
  (trial.result === 'later' && trial.isTooBig) ||
  (trial.result === 'fine' && trial.gasUsed > MOST_GAS)

/** Runs a message at the head without sending it. */
export async function tryMessage(
  node: ChainNode,
  from: Address,
  to: Address,
  { method, params, value }: BatchContent,
): Promise<Trial> {
  if (params.length > MOST_PARAMS_BYTES)
    return { result: 'later', isTooBig: true, why: `parameters of ${params.length} bytes are too many for one message` }
  let result: Awaited<ReturnType<typeof node.api.StateCall>>
  try {
    result = await node.api.StateCall(
      unfilledMessage({ From: from, To: to, Value: value, Method: method, Params: params }),
      [],
    )
  } catch {
    return { result: 'unknown' }
  }
  if (result.MsgRct === null) return { result: 'unknown' }
  const { ExitCode, GasUsed } = result.MsgRct
  if (ExitCode === EXIT_CODES.Ok) return { result: 'fine', gasUsed: GasUsed }
  const why = `${exitCodeText(ExitCode)}: ${result.Error}`
  if (!FUNDS_AND_GAS.has(ExitCode)) return { result: 'bad', why }
  return { result: 'later', isTooBig: ExitCode === EXIT_CODES.SysErrOutOfGas, why }
}
