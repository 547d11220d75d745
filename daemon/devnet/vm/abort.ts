import { EXIT_CODES, type ExitCode } from '../../../rpc-schema/actors/exit-codes.js'
import type { Cbor, CborValue } from '../../../rpc-schema/wire/cbor.js'

/** An actor refuses a message: nothing of it stays but the gas that is paid. */
export class ActorAbort extends Error {
  readonly exitCode: ExitCode

  constructor(exitCode: ExitCode, message: string) {
    super(message)
    this.name = 'ActorAbort'
    this.exitCode = exitCode
  }
}

const aborting =
  (code: ExitCode) =>
  (message: string): ActorAbort =>
    new ActorAbort(code, message)

export const illegalArgument = aborting(EXIT_CODES.ErrIllegalArgument)
export const notFound = aborting(EXIT_CODES.ErrNotFound)
export const forbidden = aborting(EXIT_CODES.ErrForbidden)
export const insufficientFunds = aborting(EXIT_CODES.ErrInsufficientFunds)
export const illegalState = aborting(EXIT_CODES.ErrIllegalState)
export const unhandledMessage = aborting(EXIT_CODES.ErrUnhandledMessage)

/** Parameters of a method. */
export function decodeParams<C extends Cbor>(shape: C, params: Uint8Array): CborValue<C> {
  try {
    return shape.decode(params, 't') as CborValue<C>
  } catch (error) {
    throw new ActorAbort(
      EXIT_CODES.ErrSerialization,
      `Serialization error for Cbor protocol: ${(error as Error).message}`,
    )
  }
}
