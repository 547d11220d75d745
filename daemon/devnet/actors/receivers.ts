import { EXIT_CODES } from '../../../rpc-schema/actors/exit-codes.js'
import type { PieceActivationManifest } from '../../../rpc-schema/actors/miner-pieces.js'
import { actors, resolveId } from '../state/records.js'
import { ActorAbort } from '../vm/abort.js'
import type { Call } from '../vm/machine.js'

/** Nothing on this network receives notifications: where they are required they fail as sends to these actors would. */
export function checkReceivers({ draft }: Call, pieces: readonly PieceActivationManifest[]): void {
  for (const { Address } of pieces.flatMap(piece => piece.Notify)) {
    const id = resolveId(draft, Address)
    if (id === undefined) {
      throw new ActorAbort(EXIT_CODES.ErrNotificationSendFailed, `send error: no actor ${Address.toString('f')}`)
    }
    if (actors.get(draft, id)!.kind === 'account') {
      throw new ActorAbort(EXIT_CODES.ErrNotificationResponseInvalid, 'no return data')
    }
    throw new ActorAbort(EXIT_CODES.ErrNotificationReceiverAborted, 'receiver aborted with 22')
  }
}
