/**
 * Why a message failed on the chain. Up to 15 the virtual machine speaks, 16–31 are shared by all actors, above are an actor's own
 * (FIP-0030 and the built-in actors' runtime).
 */
export const EXIT_CODES = {
  Ok: 0,
  SysErrSenderInvalid: 1,
  SysErrSenderStateInvalid: 2,
  SysErrIllegalInstruction: 4,
  SysErrInvalidReceiver: 5,
  SysErrInsufficientFunds: 6,
  SysErrOutOfGas: 7,
  SysErrIllegalExitCode: 9,
  SysErrFatal: 10,
  SysErrMissingReturn: 11,
  ErrIllegalArgument: 16,
  ErrNotFound: 17,
  ErrForbidden: 18,
  ErrInsufficientFunds: 19,
  ErrIllegalState: 20,
  ErrSerialization: 21,
  ErrUnhandledMessage: 22,
  ErrUnspecified: 23,
  ErrAssertionFailed: 24,
  ErrReadOnly: 25,
  ErrNotPayable: 26,
  /** Miner: locked funds and debts no longer add up. */
  ErrBalanceInvariantsBroken: 1000,
  /** Miner: a piece's notification could not be sent, or its receiver failed, answered nonsense, or refused. */
  ErrNotificationSendFailed: 1100,
  ErrNotificationReceiverAborted: 1101,
  ErrNotificationResponseInvalid: 1102,
  ErrNotificationRejected: 1103,
} as const
export type ExitCode = (typeof EXIT_CODES)[keyof typeof EXIT_CODES]

const NAMES = new Map<number, string>(Object.entries(EXIT_CODES).map(([name, code]) => [code, name]))

/** `ErrIllegalArgument(16)`, or the bare number of an unknown code. */
export function exitCodeText(code: number): string {
  const name = NAMES.get(code)
  return name === undefined ? String(code) : `${name}(${code})`
}

export const isSuccess = (code: number): boolean => code === EXIT_CODES.Ok
