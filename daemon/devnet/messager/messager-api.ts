import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { CID } from 'multiformats/cid'
import { MESSAGER_STATE, type MessagerMessage, type messagerService } from '../../../rpc-schema/chain/messager.js'
import { RPC_ERROR, RpcError } from '../../../rpc-schema/rpc/error.js'
import type { Handlers } from '../../../rpc-schema/rpc/method.js'
import { errorText } from '../../../rpc-schema/seal-error.js'
import { signedMessageCid } from '../../../rpc-schema/wire/message.js'
import type { Chain } from '../chain/chain.js'
import type { MessageSearch } from '../chain/message-search.js'
import { Mutex } from '../chain/mutex.js'
import { heightOf } from '../chain/tipset.js'
import type { Mpool } from '../mpool/mpool.js'
import type { MessagerRepository, MessagerRow } from './messager-repository.js'

const NO_TIME = '0001-01-01T00:00:00Z'
const WAIT_LOOK_MS = 100

const refuse = (message: string): RpcError => new RpcError(RPC_ERROR.application, message)

/**
 * The stand-in for a Venus messager. It gives a message to the pool as soon as it gets it; one that the pool refuses stays unfilled and is tried
 * again whenever it is asked for.
 */
export function messagerApi(
  rows: MessagerRepository,
  { chain, mpool, search }: { chain: Chain; mpool: Mpool; search: MessageSearch },
): Handlers<typeof messagerService.methods> {
  const filling = new Mutex()
  const fill = (id: string): Promise<MessagerRow> =>
    filling.run(async () => {
      const row = await rows.find(id)
      if (row === undefined) throw refuse(`record not found: message ${id}`)
      if (row.cid !== null) return row
      try {
        const cid = signedMessageCid(await mpool.pushMessage(row.message, null)).toString()
        await rows.filled(id, cid)
        return { ...row, cid, error: '' }
      } catch (error) {
        await rows.refused(id, errorText(error))
        return { ...row, error: errorText(error) }
      }
    })
  const push = async (id: string, message: Parameters<typeof rows.add>[1]): Promise<string> => {
    if (await rows.find(id)) throw refuse(`message ${id} already exists`)
    if (mpool.account(message.From) === undefined) throw refuse(`address ${message.From.toString('t')} not found`)
    await rows.add(id, message)
    await fill(id)
    return id
  }
  const get = async (id: string): Promise<MessagerMessage> => show(await fill(id))

  const show = async ({ id, message, cid, error }: MessagerRow): Promise<MessagerMessage> => {
    const lookup = cid === null ? null : await search.search(null, CID.parse(cid), -1, true)
    const signed = cid === null ? undefined : (await search.message(CID.parse(cid))).signed
    return {
      ...message,
      ...signed?.Message,
      ID: id,
      UnsignedCid: null,
      SignedCid: cid === null ? null : CID.parse(cid),
      Signature: signed?.Signature ?? null,
      State: lookup !== null ? MESSAGER_STATE.onChain : cid !== null ? MESSAGER_STATE.filled : MESSAGER_STATE.unfilled,
      Height: lookup?.Height ?? 0,
      Confidence: lookup === null ? 0 : heightOf(chain.head) - lookup.Height,
      Receipt: lookup?.Receipt ?? null,
      TipSetKey: lookup?.TipSet ?? [],
      Meta: null,
      WalletName: 'devnet',
      ErrorMsg: error,
      CreatedAt: NO_TIME,
      UpdatedAt: NO_TIME,
    }
  }

  return {
    HasMessageByUid: async id => (await rows.find(id)) !== undefined,
    GetMessageByUid: get,
    WaitMessage: async (id, confidence, { signal }) => {
      for (;;) {
        const message = await get(id)
        if (message.State === MESSAGER_STATE.onChain && message.Confidence >= confidence) return message
        await sleep(WAIT_LOOK_MS, undefined, { signal })
      }
    },
    PushMessage: message => push(randomUUID(), message),
    PushMessageWithId: (id, message) => push(id, message),
  }
}
