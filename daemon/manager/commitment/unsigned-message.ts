import { Address } from '../../../rpc-schema/wire/address.js'
import { unfilledMessage } from '../../../rpc-schema/wire/message.js'
import type { NewMessage } from './chain-message.js'

/** The message of an intent, with everything that its carrier fills in left at 0. `gasFeeCap` in attoFIL. */
export const unsignedMessage = (intent: Omit<NewMessage, 'sectors'>, gasFeeCap: bigint) =>
  unfilledMessage({
    To: Address.parse(intent.receiver),
    From: Address.parse(intent.sender),
    Value: intent.value,
    Method: intent.method,
    Params: intent.params,
    GasFeeCap: gasFeeCap,
  })
