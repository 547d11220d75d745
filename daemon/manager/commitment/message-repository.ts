import type { Knex } from 'knex'
import type { SectorID } from '../../../rpc-schema/wire/sector-id.js'
import { fitting, hotRows, inTransaction, TEXT_COLUMN } from '../../kit/database.js'
import type { CarrierName } from './carrier.js'
import type { ChainMessage, MessageContents, MessageKind, MessageState, NewMessage } from './chain-message.js'

interface Row {
  id: number
  kind: MessageKind
  miner: number
  uuid: string
  state: MessageState
  carrier: CarrierName
  sender: string
  receiver: string
  method: number
  value: string
  params: Uint8Array
  intent_epoch: number
  cid: string | null
  signed: Uint8Array | null
  pushed_epoch: number | null
  height: number | null
  exit_code: number | null
  return_value: Uint8Array | null
  gas_used: number | null
  error: string | null
  settled: number | boolean
}

interface SectorRow {
  message_id: number
  position: number
  number: number
  exit_code: number | null
}

/** What can change of a message. */
export type MessagePatch = Partial<
  Pick<
    ChainMessage & MessageContents,
    'state' | 'carrier' | 'cid' | 'signed' | 'pushedEpoch' | 'height' | 'receipt' | 'error' | 'settled' | 'sectorCodes'
  >
>

/** What is asked of many messages at every head: nothing of their contents. */
export type MessagePlace = Pick<ChainMessage, 'id' | 'height' | 'settled'>

/** Everything but what is in {@link MessageContents}. */
const SMALL = [
  'id',
  'kind',
  'miner',
  'uuid',
  'state',
  'carrier',
  'sender',
  'receiver',
  'method',
  'value',
  'intent_epoch',
  'cid',
  'pushed_epoch',
  'height',
  'exit_code',
  'return_value',
  'gas_used',
  'error',
  'settled',
] as const

const places = (rows: readonly Pick<Row, 'id' | 'height' | 'settled'>[]): MessagePlace[] =>
  rows.map(({ id, height, settled }) => ({
    id: Number(id),
    height: orNull(height, Number),
    settled: Boolean(settled),
  }))

const PLACE = ['id', 'height', 'settled'] as const

/** Asked of many messages at every head, and of one whenever a worker polls. */
const HOT = {
  find: `select ${SMALL.join(', ')} from chain_messages where id = ?`,
  latestOf: `select ${SMALL.join(', ')} from chain_messages where id =
    (select max(message_id) from chain_message_sectors where miner = ? and number = ? and kind = ?)`,
  sectors: 'select * from chain_message_sectors where message_id = ? order by position',
  inState: `select ${PLACE.join(', ')} from chain_messages where state = ? order by id`,
  unsettled: `select ${PLACE.join(', ')} from chain_messages where settled = ? and state = ? order by id`,
  undecided: `select s.number from chain_messages as m join chain_message_sectors as s on m.id = s.message_id
    where m.state = ? and s.miner = ? and s.kind = ?`,
} as const

const bytes = (value: Uint8Array): Uint8Array => new Uint8Array(value)
const orNull = <T, R>(value: T | null, map: (value: T) => R): R | null => (value === null ? null : map(value))

const FORGOTTEN_AT_ONCE = 200

/** The tables `chain_messages` and `chain_message_sectors`. */
export class MessageRepository {
  readonly #db: Knex

  constructor(db: Knex) {
    this.#db = db
  }

  async insert(message: NewMessage, at: number, trx: Knex.Transaction): Promise<number> {
    const [id] = (await trx('chain_messages').insert({
      kind: message.kind,
      miner: message.miner,
      uuid: message.uuid,
      state: 'intended' satisfies MessageState,
      carrier: message.carrier,
      sender: message.sender,
      receiver: message.receiver,
      method: message.method,
      value: message.value.toString(),
      params: Buffer.from(message.params),
      intent_epoch: message.intentEpoch,
      created_at: at,
      updated_at: at,
    })) as [number]
    const rows = message.sectors.map((number, position) => ({
      message_id: id,
      position,
      miner: message.miner,
      number,
      kind: message.kind,
    }))
    await trx.batchInsert('chain_message_sectors', rows, 100)
    return id
  }

  async update(id: number, patch: MessagePatch, at: number, trx: Knex = this.#db): Promise<void> {
    const { pushedEpoch, receipt, sectorCodes, signed, error, ...same } = patch
    await trx('chain_messages')
      .where({ id })
      .update({
        ...same,
        ...(error !== undefined && { error: orNull(error, text => fitting(text, TEXT_COLUMN)) }),
        ...(signed !== undefined && { signed: orNull(signed, Buffer.from) }),
        ...(pushedEpoch !== undefined && { pushed_epoch: pushedEpoch }),
        ...(receipt !== undefined && {
          exit_code: receipt?.ExitCode ?? null,
          return_value: orNull(receipt?.Return ?? null, Buffer.from),
          gas_used: receipt?.GasUsed ?? null,
        }),
        updated_at: at,
      })
    for (const [position, code] of (sectorCodes ?? []).entries())
      await trx('chain_message_sectors').where({ message_id: id, position }).update({ exit_code: code })
  }

  /** A number that changes with every word about an intent; undefined when it is one no more. */
  async intentVersion(id: number): Promise<number | undefined> {
    const row = await this.#db('chain_messages').where({ id, state: 'intended' }).first('updated_at')
    return row && Number(row.updated_at)
  }

  /** Whoever means to send an intent says so; answers whether it still is one. */
  async confirmIntent(id: number): Promise<boolean> {
    return (await this.#db('chain_messages').where({ id, state: 'intended' }).increment('updated_at', 1)) > 0
  }

  /** Gives an intent up, unless something was said about it since that version; answers whether it did. */
  async giveUpIntent(id: number, version: number, patch: { state: MessageState; error: string }): Promise<boolean> {
    const { state, error } = patch
    const given = await this.#db('chain_messages')
      .where({ id, state: 'intended', updated_at: version })
      .update({ state, error: fitting(error, TEXT_COLUMN), updated_at: version + 1 })
    return given > 0
  }

  async find(id: number): Promise<ChainMessage | undefined> {
    return this.#first(await hotRows(this.#db, HOT.find, [id]))
  }

  async contents(id: number): Promise<MessageContents> {
    const row = (await this.#db<Row>('chain_messages').where({ id }).first('params', 'signed'))!
    return { params: bytes(row.params), signed: orNull(row.signed, bytes) }
  }

  async inState(state: MessageState): Promise<MessagePlace[]> {
    return places(await hotRows<Row>(this.#db, HOT.inState, [state]))
  }

  /** Landed messages above a height, which the chain could still take back. */
  async landedAbove(height: number): Promise<MessagePlace[]> {
    const rows = await this.#db<Row>('chain_messages')
      .where({ state: 'landed' })
      .where('height', '>', height)
      .orderBy('id')
      .select(...PLACE)
    return places(rows)
  }

  /** Landed messages whose outcome does not count yet. */
  async unsettled(): Promise<MessagePlace[]> {
    return places(await hotRows<Row>(this.#db, HOT.unsettled, [0, 'landed' satisfies MessageState]))
  }

  /** The last one that was sent under this CID. */
  async withCid(cid: string): Promise<ChainMessage | undefined> {
    const row = await this.#db('chain_messages').where({ cid }).max({ id: 'id' }).first()
    return row?.id === null || row?.id === undefined ? undefined : this.find(Number(row.id))
  }

  /** Forgets messages, by their keys, that have come to an end; others stay. */
  async forget(uuids: readonly string[]): Promise<void> {
    for (let at = 0; at < uuids.length; at += FORGOTTEN_AT_ONCE)
      await inTransaction(this.#db, async trx => {
        const ended = trx('chain_messages')
          .whereIn('uuid', uuids.slice(at, at + FORGOTTEN_AT_ONCE))
          .where(found => found.where('settled', true).orWhereIn('state', ['refused', 'lost', 'dropped']))
        const ids = (await ended.select('id')).map(({ id }: { id: number }) => id)
        await trx('chain_message_sectors').whereIn('message_id', ids).delete()
        await trx('chain_messages').whereIn('id', ids).delete()
      })
  }

  /** The message that was written down under a key. */
  async withUuid(uuid: string, db: Knex = this.#db): Promise<ChainMessage | undefined> {
    return (
      await this.#load(
        await db<Row>('chain_messages')
          .where({ uuid })
          .select(...SMALL),
        db,
      )
    )[0]
  }

  /** The last message that was meant to be sent for a sector. */
  async latestOf(sid: SectorID, kind: MessageKind): Promise<ChainMessage | undefined> {
    return this.#first(await hotRows(this.#db, HOT.latestOf, [sid.Miner, sid.Number, kind]))
  }

  /** Numbers of the sectors of a miner whose message may or may not have reached the node. */
  async undecided(miner: number, kind: MessageKind, db: Knex = this.#db): Promise<Set<number>> {
    const rows = await hotRows<{ number: number }>(db, HOT.undecided, ['intended', miner, kind])
    return new Set(rows.map(row => Number(row.number)))
  }

  /** Numbers of the sectors of a miner that have a message of this kind on its way. */
  async inFlightSectors(miner: number, kind: MessageKind): Promise<Set<number>> {
    const rows = await this.#db('chain_messages as m')
      .join('chain_message_sectors as s', 'm.id', 's.message_id')
      .whereIn('m.state', ['intended', 'pushed'] satisfies MessageState[])
      .where({ 'm.miner': miner, 'm.kind': kind })
      .select('s.number')
    return new Set(rows.map((row: { number: number }) => Number(row.number)))
  }

  async isKnown(cid: string): Promise<boolean> {
    return (await this.#db('chain_messages').where({ cid }).first('id')) !== undefined
  }

  async #first([row]: Pick<Row, (typeof SMALL)[number]>[]): Promise<ChainMessage | undefined> {
    return row && fromRows(row, await hotRows<SectorRow>(this.#db, HOT.sectors, [row.id]))
  }

  async #load(rows: Pick<Row, (typeof SMALL)[number]>[], db: Knex = this.#db): Promise<ChainMessage[]> {
    if (rows.length === 0) return []
    const sectors: SectorRow[] = await db('chain_message_sectors')
      .whereIn(
        'message_id',
        rows.map(row => row.id),
      )
      .orderBy(['message_id', 'position'])
    const byMessage = new Map<number, SectorRow[]>(rows.map(row => [Number(row.id), []]))
    for (const sector of sectors) byMessage.get(Number(sector.message_id))!.push(sector)
    return rows.map(row => fromRows(row, byMessage.get(Number(row.id))!))
  }
}

function fromRows(row: Pick<Row, (typeof SMALL)[number]>, sectors: readonly SectorRow[]): ChainMessage {
  return {
    id: Number(row.id),
    kind: row.kind,
    miner: Number(row.miner),
    uuid: row.uuid,
    state: row.state,
    carrier: row.carrier,
    sender: row.sender,
    receiver: row.receiver,
    method: row.method,
    value: BigInt(row.value),
    intentEpoch: Number(row.intent_epoch),
    cid: row.cid,
    pushedEpoch: orNull(row.pushed_epoch, Number),
    height: orNull(row.height, Number),
    receipt: orNull(row.exit_code, code => ({
      ExitCode: code,
      Return: orNull(row.return_value, bytes),
      GasUsed: Number(row.gas_used ?? 0),
      EventsRoot: null,
    })),
    error: row.error,
    settled: Boolean(row.settled),
    sectors: sectors.map(sector => Number(sector.number)),
    sectorCodes: sectors.map(sector => sector.exit_code),
  }
}
