import type { Knex } from 'knex'
import { Address } from '../../../rpc-schema/wire/address.js'
import { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import type { ChainApi } from '../chain/chain-node.js'

/** Numbers that the chain has used up and of which a database knows nothing. */
export interface Behind {
  readonly miner: number
  /** The largest number that the database knows of. */
  readonly last: number
  readonly missing: Bitfield
}

/** The largest number that was given or has a record. */
async function lastKnown(db: Knex, miner: number): Promise<number> {
  const given = (await db('sector_numbers').where({ miner }).first('last')) as { last: number | string } | undefined
  const [recorded] = await db('sectors').where({ miner }).max({ number: 'number' })
  return Math.max(Number(given?.last ?? 0), Number(recorded?.number ?? 0))
}

/** Of each miner whose sectors the chain knows beyond what the database does. */
export async function behindChain(
  db: Knex,
  api: Pick<ChainApi, 'StateMinerAllocated'>,
  miners: Iterable<number>,
): Promise<Behind[]> {
  const found: Behind[] = []
  for (const miner of miners) {
    const last = await lastKnown(db, miner)
    const onChain = (await api.StateMinerAllocated(Address.fromId(miner), [])) ?? Bitfield.EMPTY
    const missing = onChain.subtract(Bitfield.range(0, last + 1))
    if (!missing.isEmpty) found.push({ miner, last, missing })
  }
  return found
}

/** `f01000: 12 numbers above 40, 41…52` */
export const behindText = ({ miner, last, missing }: Behind): string =>
  `f0${miner}: ${missing.count} number${missing.count === 1 ? '' : 's'} above ${last} (${missing.first}${missing.count === 1 ? '' : `…${missing.last}`})`
