import { exitCodeText } from '../../../rpc-schema/actors/exit-codes.js'
import type {
  MessageWhereabouts,
  OperatorMessage,
  OperatorMessagePreview,
  OperatorMessageState,
} from '../../../rpc-schema/manager/operator-message.js'
import { errorText } from '../../../rpc-schema/seal-error.js'
import type { Address } from '../../../rpc-schema/wire/address.js'
import { formatFil } from '../../../rpc-schema/wire/token-amount.js'
import { systemClock } from '../../kit/clock.js'
import { feeText, shortFil } from './fil-text.js'
import { type SealyardClient, say } from './talk.js'

/** What a command wants to have sent. */
export interface Wish {
  readonly from: Address
  readonly to: Address
  /** The miner that it concerns; 0 for none. */
  readonly miner: number
  readonly method: number
  readonly params?: Uint8Array
  /** attoFIL */
  readonly value?: bigint
  readonly exid?: string | undefined
  /** Whether the same may be done again once it is done; else only under another exid. */
  readonly repeat: boolean
}

/** Epochs that the original waits for. */
export const CONFIDENCE = 6
export const REALLY_DO_IT = 'Pass --really-do-it to actually execute this action'
const POLL_MS = 500
/** A manager that restarts, or a node that is away for a moment, does not end the wait. */
const MOST_FAILURES = 20

/** A message that was shown to the operator. */
export interface Shown {
  readonly request: OperatorMessage
  readonly preview: OperatorMessagePreview
}

/** Prints what the message would do and cost. Throws what the node says when it would fail. */
export async function showMessage(sealyard: SealyardClient, wish: Wish): Promise<Shown> {
  const request: OperatorMessage = {
    From: wish.from,
    To: wish.to,
    Value: wish.value ?? 0n,
    Method: wish.method,
    Params: wish.params ?? new Uint8Array(),
    Exid: wish.exid ?? '',
    Repeat: wish.repeat,
    Miner: wish.miner,
    GasFeeCap: 0n,
  }
  const preview = await sealyard.PreviewMessage(request)
  say(previewText(request, preview))
  return { request, preview }
}

/** Sends it, at most at the price that was shown. `announce` tells its id. */
export async function sendShown(
  sealyard: SealyardClient,
  { request, preview }: Shown,
  announce: (id: string) => string,
): Promise<OperatorMessageState> {
  const sent = await sealyard.SendMessage({ ...request, GasFeeCap: preview.GasFeeCap })
  const id = sent.Cid ?? sent.Uid
  if (sent.Known) say(`This has been sent before: ${sent.State}${request.Repeat ? '' : '; --exid sends it once more'}`)
  if (sent.State === 'refused') throw new Error(`the message was not taken: ${sent.Error}`)
  say(announce(id))
  return sent
}

/** Waits until a message is so many epochs deep; throws when it failed, or cannot land any more. */
export async function awaitMessage(
  sealyard: SealyardClient,
  uid: string,
  confidence: number,
): Promise<MessageWhereabouts> {
  let failures = 0
  for (;;) {
    let state: MessageWhereabouts
    try {
      state = await sealyard.MessageState(uid)
      failures = 0
    } catch (error) {
      failures += 1
      if (failures < MOST_FAILURES) {
        await systemClock.sleep(POLL_MS)
        continue
      }
      throw new Error(
        `what becomes of the message cannot be learnt now: ${errorText(error)}; it is followed all the same: \`util message wait ${uid}\``,
        { cause: error },
      )
    }
    switch (state.State) {
      case 'landed':
        if (state.Depth < confidence) break
        return state
      case 'intended':
      case 'pushed':
        break
      default:
        throw new Error(`the message ${state.Cid ?? uid} will not land, it was ${state.State}: ${state.Error}`)
    }
    await systemClock.sleep(POLL_MS)
  }
}

/** Waits for it; `failed` is what the original says of one that the chain refused. */
export async function awaitSuccess(
  sealyard: SealyardClient,
  uid: string,
  failed: string,
  confidence: number = CONFIDENCE,
): Promise<MessageWhereabouts> {
  const landed = await awaitMessage(sealyard, uid, confidence)
  const code = landed.Receipt?.ExitCode ?? 0
  if (code !== 0) throw new Error(`${failed} (message ${landed.Cid}, exit code ${exitCodeText(code)})`)
  return landed
}

function previewText(request: OperatorMessage, preview: OperatorMessagePreview): string {
  const { MethodName, Params, FromKey, Balance, GasLimit, GasFeeCap, LikelyFee, MaxCost, Before } = preview
  return [
    'Message:',
    `\tMethod: ${MethodName} (${request.Method})`,
    `\tFrom: ${request.From}${request.From.isId ? ` (${FromKey})` : ''}, balance ${formatFil(Balance)}`,
    `\tTo: ${request.To}`,
    `\tValue: ${formatFil(request.Value)}`,
    ...(Params === null ? [] : [`\tParams: ${JSON.stringify(Params)}`]),
    `\tGas: at most ${GasLimit} at ${shortFil(GasFeeCap)} each, about ${feeText(LikelyFee)}`,
    `\tCosts at most: ${feeText(MaxCost)}`,
    ...(Before === null ? [] : [`\tSent before: ${Before.State}, ${Before.Cid ?? Before.Uid}`]),
  ].join('\n')
}
