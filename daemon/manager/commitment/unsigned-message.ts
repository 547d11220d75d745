import { Address } from '../../../rpc-schema/wire/address.js'
import type { NewMessage } from './chain-message.js'

/** The message of an intent, with everything that its carrier fills in left at 0. `gasFeeCap` in attoFIL. */
export const unsignedMessage = (intent: Omit<NewMessage, 'sectors'>, gasFeeCap: bigint) => ({
  Version: 0,
  To: Address.parse(intent.receiver),
  From: Address.parse(intent.sender),
  Nonce: 0,
  Value: intent.value,
  GasLimit: 0,
  GasFeeCap: gasFeeCap,
  GasPremium: 0n,
  Method: intent.method,
  Params: intent.params,
})
