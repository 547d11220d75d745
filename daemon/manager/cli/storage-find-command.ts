import { Command } from 'commander'
import { RpcTransportError } from '../../../rpc-schema/rpc/error.js'
import { type SectorID, sectorName } from '../../../rpc-schema/wire/sector-id.js'
import type { ManagerHome } from '../config/home.js'
import type { IndexKind } from '../storage/sector-index.js'
import { minerArgument, numberArgument } from './arguments.js'
import type { Place } from './storage-place.js'
import { say, type Talk } from './talk.js'

/** `util storage find`: asks the manager when it runs, else looks into its database. */
export function storageFindCommand(talk: Talk, homeOf: () => ManagerHome): Command {
  return new Command('find')
    .description('Find sector in the storage')
    .argument('<miner>', 'the miner', minerArgument)
    .argument('<number>', 'the sector', numberArgument)
    .option('--upgrade', 'Find upgrade sectors', false)
    .option('--json', 'as JSON', false)
    .action(async (miner: number, number: number, options: { upgrade: boolean; json: boolean }) => {
      const sid = { Miner: miner, Number: number }
      const kind = options.upgrade ? 'upgrade' : 'normal'
      const { stores, configured } = await placeOf(sid, kind, talk, homeOf)
      const unknown = [...new Set(Object.values(stores ?? {}))].filter(name => !configured.includes(name))
      if (options.json)
        return say(JSON.stringify({ Found: stores !== undefined, Instance: stores ?? null, Unknown: unknown }))
      if (stores === undefined) return say(`sector ${sectorName(sid)} not found`)
      say(`sector ${sectorName(sid)} located, sealed file in "${stores.SealedFile}", cache dir in "${stores.CacheDir}"`)
      say(
        unknown.length === 0
          ? 'store instance exists'
          : `store instance not found: ${unknown.join(', ')} is not in the configuration`,
      )
    })
}

async function placeOf(sid: SectorID, kind: IndexKind, talk: Talk, homeOf: () => ManagerHome): Promise<Place> {
  let place: Place | undefined
  try {
    await talk(async manager => {
      const { Found, Instance } = await manager.SectorIndexerFind(kind, sid)
      const names = Found ? [Instance.SealedFile, Instance.CacheDir] : []
      const infos = await Promise.all(names.map(name => manager.StoreBasicInfo(name)))
      place = { stores: Found ? Instance : undefined, configured: infos.flatMap(info => (info ? [info.Name] : [])) }
    })
    return place!
  } catch (error) {
    if (!((error as Error).cause instanceof RpcTransportError)) throw error
    // Only now: the command starts faster without it.
    const { placeInDatabase } = await import('./storage-place.js')
    return placeInDatabase(sid, kind, homeOf())
  }
}
