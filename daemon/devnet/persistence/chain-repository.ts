import type { Knex } from 'knex'
import { CID } from 'multiformats/cid'
import { type BlockHeader, BlockHeaderCbor } from '../../../rpc-schema/wire/block-header.js'
import { messageCid, type SignedMessage, SignedMessageCbor } from '../../../rpc-schema/wire/message.js'
import type { ChainTipSet, Receipt } from '../chain/tipset.js'
import { heightOf } from '../chain/tipset.js'
import type { StateChange } from '../state/state-tree.js'
import { fromTaggedJson, toTaggedJson } from '../state/tagged-json.js'

interface TipSetRow {
  height: number
  cid: string
  header: Uint8Array
  changes: string | null
}

interface MessageRow {
  cid: string
  signed: Uint8Array
  sender: string
  arrival: number
  pending: number
}

interface LandedRow {
  height: number
  cid: string
  exit_code: number | null
  return_value: Uint8Array | null
  gas_used: number | null
}

export interface StoredTipSet {
  readonly cid: CID
  readonly header: BlockHeader
  readonly changes: readonly StateChange[]
}

export interface StoredMessage {
  readonly cid: CID
  readonly signed: SignedMessage
  readonly sender: string
  readonly pending: boolean
}

export interface LandedMessage extends StoredMessage {
  /** Height of the tipset that holds it. */
  readonly height: number
  /** Null until the next tipset has run it. */
  readonly receipt: Receipt | null
}

/** A state that the changes of the tipsets above build upon. */
export interface BaseState {
  readonly height: number
  readonly entries: readonly StateChange[]
}

const toMessage = (row: MessageRow): StoredMessage => ({
  cid: CID.parse(row.cid),
  signed: SignedMessageCbor.decode(new Uint8Array(row.signed), 't'),
  sender: row.sender,
  pending: Boolean(row.pending),
})

const toLanded = (row: MessageRow & LandedRow): LandedMessage => ({
  ...toMessage(row),
  height: row.height,
  receipt:
    row.exit_code === null
      ? null
      : {
          exitCode: row.exit_code,
          returnValue: new Uint8Array(row.return_value ?? []),
          gasUsed: row.gas_used ?? 0,
        },
})

const toTipSet = (row: TipSetRow): StoredTipSet => ({
  cid: CID.parse(row.cid),
  header: BlockHeaderCbor.decode(new Uint8Array(row.header), 't'),
  changes: row.changes === null ? [] : changesOf(row.changes),
})

/** Undefined values, which are deletions, do not survive JSON: they are null there. */
const changesText = (changes: Iterable<StateChange>): string =>
  toTaggedJson([...changes].map(([key, value]) => [key, value ?? null]))
const changesOf = (text: string): StateChange[] =>
  (fromTaggedJson(text) as [string, unknown][]).map(([key, value]) => [key, value ?? undefined])

/** The chain on disk: what a restart needs, and what is older than the window in memory. */
export class ChainRepository {
  readonly #db: Knex
  #arrival = 0

  constructor(db: Knex) {
    this.#db = db
  }

  async meta<T>(key: string): Promise<T | undefined> {
    const row = await this.#db<{ key: string; value: string }>('meta').where({ key }).first()
    return row === undefined ? undefined : (fromTaggedJson(row.value) as T)
  }

  async putMeta(key: string, value: unknown): Promise<void> {
    await this.#db('meta')
      .insert({ key, value: toTaggedJson(value) })
      .onConflict('key')
      .merge()
  }

  async base(): Promise<BaseState | undefined> {
    const stored = await this.meta<{ height: number; entries: string }>('base')
    return stored && { height: stored.height, entries: changesOf(stored.entries) }
  }

  async putBase(height: number, entries: Iterable<StateChange>): Promise<void> {
    await this.putMeta('base', { height, entries: changesText(entries) })
  }

  /** Adds a tipset on top, with what its parent's messages came to. */
  async append(tipset: ChainTipSet, changes: readonly StateChange[], parentHeight: number | null): Promise<void> {
    const height = heightOf(tipset)
    await this.#db.transaction(async db => {
      await db('tipsets').insert({
        height,
        cid: tipset.cid.toString(),
        header: Buffer.from(BlockHeaderCbor.encode(tipset.header)),
        changes: changes.length === 0 ? null : changesText(changes),
      })
      for (const [position, { exitCode, returnValue, gasUsed }] of tipset.parentReceipts.entries()) {
        await db('landed')
          .where({ height: parentHeight, position })
          .update({ exit_code: exitCode, return_value: Buffer.from(returnValue), gas_used: gasUsed })
      }
      if (tipset.messages.length === 0) return
      const cids = tipset.messages.map(({ cid }) => cid.toString())
      await db('landed').insert(cids.map((cid, position) => ({ height, position, cid })))
      await db('messages').whereIn('cid', cids).update({ pending: false })
    })
  }

  /** Takes everything above a height away; these messages wait again. */
  async revertTo(height: number, waiting: readonly CID[]): Promise<void> {
    await this.#db.transaction(async db => {
      await db('tipsets').where('height', '>', height).delete()
      await db('landed').where('height', '>', height).delete()
      await db('landed').where({ height }).update({ exit_code: null, return_value: null, gas_used: null })
      await db('messages')
        .whereIn(
          'cid',
          waiting.map(cid => cid.toString()),
        )
        .update({ pending: true })
    })
  }

  async addMessage(cid: CID, signed: SignedMessage, sender: string): Promise<void> {
    this.#arrival = Math.max(this.#arrival + 1, Date.now())
    await this.#db('messages')
      .insert({
        cid: cid.toString(),
        unsigned_cid: messageCid(signed.Message).toString(),
        signed: Buffer.from(SignedMessageCbor.encode(signed)),
        sender,
        nonce: signed.Message.Nonce,
        arrival: this.#arrival,
        pending: true,
      })
      .onConflict('cid')
      .merge()
  }

  async dropMessages(cids: readonly string[]): Promise<void> {
    if (cids.length > 0) await this.#db('messages').whereIn('cid', cids).update({ pending: false })
  }

  /** The messages that wait, in the order of their arrival. */
  async pending(): Promise<StoredMessage[]> {
    return (await this.#db<MessageRow>('messages').where('pending', 1).orderBy('arrival')).map(toMessage)
  }

  /** By the CID of its signed or its unsigned form. */
  async message(cid: CID): Promise<StoredMessage | undefined> {
    const text = cid.toString()
    const row =
      (await this.#db<MessageRow>('messages').where({ cid: text }).first()) ??
      (await this.#db<MessageRow>('messages').where('unsigned_cid', text).first())
    return row && toMessage(row)
  }

  /** The message with this sender and nonce that landed on the present fork. */
  async landedBy(sender: string, nonce: number): Promise<LandedMessage | undefined> {
    const row = await this.#landed().where({ 'messages.sender': sender, 'messages.nonce': nonce }).first()
    return row && toLanded(row as MessageRow & LandedRow)
  }

  async landedAt(height: number): Promise<LandedMessage[]> {
    const rows = await this.#landed().where('landed.height', height).orderBy('landed.position')
    return (rows as (MessageRow & LandedRow)[]).map(toLanded)
  }

  /** What landed at a height and above, oldest first. */
  async landedFrom(height: number): Promise<LandedMessage[]> {
    const rows = await this.#landed().where('landed.height', '>=', height).orderBy(['landed.height', 'landed.position'])
    return (rows as (MessageRow & LandedRow)[]).map(toLanded)
  }

  async byCid(cid: CID): Promise<StoredTipSet | undefined> {
    const row = await this.#db<TipSetRow>('tipsets').where({ cid: cid.toString() }).first()
    return row && toTipSet(row)
  }

  /** The tipset at a height, or the last one below it. */
  async atOrBelow(height: number): Promise<StoredTipSet | undefined> {
    const row = await this.#db<TipSetRow>('tipsets').where('height', '<=', height).orderBy('height', 'desc').first()
    return row && toTipSet(row)
  }

  /** The tipset at a height, or the first one above it. */
  async atOrAbove(height: number): Promise<StoredTipSet | undefined> {
    const row = await this.#db<TipSetRow>('tipsets').where('height', '>=', height).orderBy('height').first()
    return row && toTipSet(row)
  }

  /** All tipsets from a height on, lowest first. */
  async from(height: number): Promise<StoredTipSet[]> {
    return (await this.#db<TipSetRow>('tipsets').where('height', '>=', height).orderBy('height')).map(toTipSet)
  }

  /** Forgets the headers between the genesis and a height, which no randomness is drawn from any more. */
  async prune(below: number): Promise<void> {
    await this.#db('tipsets').where('height', '>', 0).andWhere('height', '<', below).delete()
  }

  #landed() {
    return this.#db('landed').join('messages', 'messages.cid', 'landed.cid').select('messages.*', 'landed.*')
  }
}
