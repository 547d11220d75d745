import type { CID } from 'multiformats/cid'
import { EXIT_CODES } from '../../../rpc-schema/actors/exit-codes.js'
import type { PieceActivationManifest } from '../../../rpc-schema/actors/miner-pieces.js'
import type { Address } from '../../../rpc-schema/wire/address.js'
import { toHex } from '../../../rpc-schema/wire/bytes.js'
import { actors, resolveId } from '../state/records.js'
import { ActorAbort } from '../vm/abort.js'
import type { Call, Machine } from '../vm/machine.js'
import { activateDeal } from './deal-activation.js'

/** A sector that has got data. */
export interface ChangedSector {
  readonly number: number
  readonly expiration: number
  readonly pieces: readonly PieceActivationManifest[]
}

/** One piece in it, as its receiver is told. */
export interface SectorChange {
  readonly sector: number
  readonly expiration: number
  readonly piece: CID
  /** Padded bytes. */
  readonly size: number
  readonly payload: Uint8Array
}

/**
 * Tells those whom the pieces name of them. What the market takes counts even if others refuse, unless success is required: then the first refusal
 * fails the message.
 */
export function notifyReceivers(
  machine: Machine,
  call: Call,
  changed: readonly ChangedSector[],
  requireSuccess: boolean,
): void {
  for (const { receiver, change } of bySector(changed)) {
    const refusal = notify(machine, call, receiver, change)
    if (refusal !== undefined && requireSuccess) throw refusal
  }
}

/** The order of the actors: by receiver, by number of the sector. */
function bySector(changed: readonly ChangedSector[]): { receiver: Address; change: SectorChange }[] {
  return [...changed]
    .sort((a, b) => a.number - b.number)
    .flatMap(({ number, expiration, pieces }) =>
      pieces.flatMap(({ CID, Size, Notify }) =>
        Notify.map(({ Address, Payload }) => ({
          receiver: Address,
          change: { sector: number, expiration, piece: CID, size: Size, payload: Payload },
        })),
      ),
    )
    .sort((a, b) => Buffer.compare(a.receiver.bytes, b.receiver.bytes))
}

/** Why it was refused. Only the market receives anything on this network. */
function notify(machine: Machine, call: Call, receiver: Address, change: SectorChange): ActorAbort | undefined {
  const id = resolveId(call.draft, receiver)
  const name = receiver.toString('f')
  if (id === undefined) return new ActorAbort(EXIT_CODES.ErrNotificationSendFailed, `send error: no actor ${name}`)
  switch (actors.get(call.draft, id)!.kind) {
    case 'account':
      return new ActorAbort(EXIT_CODES.ErrNotificationResponseInvalid, 'no return data')
    case 'storagemarket':
      if (activateDeal(machine, call, change)) return undefined
      return new ActorAbort(
        EXIT_CODES.ErrNotificationRejected,
        `sector change rejected by ${name} for sector ${change.sector} piece ${change.piece} payload ${toHex(change.payload)}`,
      )
    default:
      return new ActorAbort(EXIT_CODES.ErrNotificationReceiverAborted, 'receiver aborted with 22')
  }
}
