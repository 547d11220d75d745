import type { z } from 'zod'
import { CidJson } from './cid.js'
import { list } from './list.js'

/** The CIDs of a tipset's blocks. Empty (null or `[]` on the wire) means "the current head". */
export const TipSetKey = list(CidJson)
export type TipSetKey = z.output<typeof TipSetKey>

/** Text by which a key can be compared, stored and used in a map. */
export const tipSetKeyText = (key: TipSetKey): string => `{${key.map(cid => cid.toString()).join(',')}}`

export const tipSetKeysEqual = (a: TipSetKey, b: TipSetKey): boolean =>
  a.length === b.length && a.every((cid, index) => cid.equals(b[index]))
