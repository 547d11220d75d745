import type { managerService } from '../../../rpc-schema/manager/index.js'
import type { SectorState } from '../../../rpc-schema/manager/sector-state.js'
import type { SectorAccessStores, StoreReserved } from '../../../rpc-schema/manager/stores.js'
import type { SectorToTake } from '../../../rpc-schema/manager/takeover.js'
import type { Client } from '../../../rpc-schema/rpc/method.js'
import type { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import { type SectorID, sectorName } from '../../../rpc-schema/wire/sector-id.js'

type Manager = Client<typeof managerService.methods>

/** Something that an operator must know of a sector, a store or a miner. */
export interface Difference {
  readonly about: string
  readonly what: string
}

/** What another manager's RPC tells of its sectors. */
export interface OtherState {
  readonly version: string
  /** By miner and number, each once. */
  readonly sectors: readonly SectorToTake[]
  readonly reservations: readonly { store: string; reserved: StoreReserved }[]
  /** Deadlines with snap-up candidates, by miner. */
  readonly candidates: ReadonlyMap<number, readonly { deadline: number; count: number }[]>
  readonly differences: readonly Difference[]
}

/** Lookups on the way at the same time. */
const LOOKUPS = 16

/** Reads everything that can be read. `miners`: only these; empty is all. */
export async function readOtherManager(other: Manager, miners: readonly number[]): Promise<OtherState> {
  const differences: Difference[] = []
  const wanted = (record: SectorState): boolean => miners.length === 0 || miners.includes(record.ID.Miner)
  const version = await other.Version()
  const online = ((await other.ListSectors('online', 0)) ?? []).filter(wanted)
  const offline = ((await other.ListSectors('offline', 0)) ?? []).filter(wanted)
  const records = oneEach(online, offline, differences)
  const sectors: SectorToTake[] = []
  for (let at = 0; at < records.length; at += LOOKUPS) {
    const some = records.slice(at, at + LOOKUPS)
    sectors.push(...(await Promise.all(some.map(async one => ({ ...one, ...(await files(other, one.Record)) })))))
  }
  for (const sector of sectors) differences.push(...sectorDifferences(sector))
  const stores = (await other.StoreList()) ?? []
  const candidates = new Map<number, { deadline: number; count: number }[]>()
  for (const miner of new Set(records.map(({ Record }) => Record.ID.Miner))) {
    const byDeadline = (await other.SnapUpCandidates(miner)) ?? []
    const some = byDeadline.flatMap((set, deadline) =>
      set === null || set.isEmpty ? [] : [{ deadline, count: set.count }],
    )
    if (some.length > 0) candidates.set(miner, some)
  }
  return {
    version,
    sectors,
    reservations: stores.flatMap(({ Name, ReservedBy }) => ReservedBy.map(reserved => ({ store: Name, reserved }))),
    candidates,
    differences,
  }
}

type Placed = Pick<SectorToTake, 'Store' | 'Record'>

/** The original moves a record in two steps: after a crash it is in both stores, and the work on it may go on. */
function oneEach(online: readonly SectorState[], offline: readonly SectorState[], differences: Difference[]): Placed[] {
  const places = new Map<string, Placed>()
  for (const Record of offline) places.set(sectorName(Record.ID), { Store: 'offline', Record })
  for (const Record of online) {
    const name = sectorName(Record.ID)
    if (places.has(name))
      differences.push({ about: name, what: 'has a record in both stores; the online one is taken, the other is left' })
    places.set(name, { Store: 'online', Record })
  }
  return [...places.values()].sort(
    ({ Record: a }, { Record: b }) => a.ID.Miner - b.ID.Miner || a.ID.Number - b.ID.Number,
  )
}

async function files(other: Manager, { ID, Upgraded }: SectorState): Promise<Pick<SectorToTake, 'Normal' | 'Upgrade'>> {
  const find = async (kind: string): Promise<SectorAccessStores | null> => {
    const { Found, Instance } = await other.SectorIndexerFind(kind, ID)
    return Found ? { SealedFile: Instance.SealedFile, CacheDir: Instance.CacheDir || Instance.SealedFile } : null
  }
  return { Normal: await find('normal'), Upgrade: Upgraded ? await find('upgrade') : null }
}

function sectorDifferences({ Store, Record, Normal, Upgrade }: SectorToTake): Difference[] {
  const about = sectorName(Record.ID)
  const found: string[] = []
  const finished = Store === 'offline' && Record.AbortReason === '' && !Record.Removed
  if (finished && Normal === null && Upgrade === null)
    found.push('is finished, but no store is known to have its files')
  if (Record.Upgraded && Store === 'offline' && Upgrade === null)
    found.push('was upgraded, but no store is known to have the files of the upgrade')
  if (Record.NeedRebuild) found.push('is to be rebuilt: queue it again with `sectors rebuild` unless a worker has it')
  if (Record.Unsealing) found.push('is being unsealed: ask again for the piece unless a worker has it')
  return found.map(what => ({ about, what }))
}

/** What the chain says otherwise; `used` are the numbers that it has used up. */
export function chainDifferences(miner: number, sectors: readonly SectorToTake[], used: Bitfield): Difference[] {
  const known = new Set(sectors.filter(({ Record }) => Record.ID.Miner === miner).map(({ Record }) => Record.ID.Number))
  const differences: Difference[] = []
  for (const { Record } of sectors) {
    if (Record.ID.Miner !== miner || used.has(Record.ID.Number)) continue
    if (Record.Finalized && Record.AbortReason === '')
      differences.push({ about: sectorName(Record.ID), what: 'is finished, but the chain has never had its number' })
    else if (Record.MessageInfo.PreCommitCid !== null)
      differences.push({ about: sectorName(Record.ID), what: 'was sent, but its pre-commit is not on the chain yet' })
  }
  const strangers = firstStrangers(used, known)
  if (strangers.count > 0)
    differences.push({
      about: `f0${miner}`,
      what: `${strangers.count} numbers are used on the chain and have no record there, the first: ${strangers.first.join(', ')}`,
    })
  return differences
}

const SHOWN = 10

/** Counts without walking through ranges that may hold billions. */
function firstStrangers(used: Bitfield, known: ReadonlySet<number>): { count: number; first: number[] } {
  let count = used.count
  for (const number of known) if (used.has(number)) count -= 1
  const first: number[] = []
  if (count > 0)
    for (const number of used) {
      if (!known.has(number)) first.push(number)
      if (first.length === Math.min(SHOWN, count)) break
    }
  return { count, first }
}

export const sectorOf = (reservedBy: string): SectorID | undefined => {
  const match = /^s-t0(\d+)-(\d+)$/.exec(reservedBy)
  return match ? { Miner: Number(match[1]), Number: Number(match[2]) } : undefined
}
