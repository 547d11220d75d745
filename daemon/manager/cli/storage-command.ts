import { Command } from 'commander'
import { z } from 'zod'
import type { StoreCondition } from '../../../rpc-schema/manager/store-care.js'
import { type StoreDetailedInfo, StoreDetailedInfo as StoreDetails } from '../../../rpc-schema/manager/stores.js'
import { formatByteSize } from '../../kit/config/byte-size.js'
import { formatGoDuration, parseDuration } from '../../kit/config/duration.js'
import type { ManagerHome } from '../config/home.js'
import { minerArgument, numberArgument } from './arguments.js'
import { sectorStoreJsonCommand } from './sectorstore-json-command.js'
import { storageAttachCommand } from './storage-attach-command.js'
import { storageFindCommand } from './storage-find-command.js'
import { storageScrubCommand } from './storage-scrub-command.js'
import { type SealyardClient, say, type Talk } from './talk.js'

/** `util storage`. `homeOf`: of the manager on this machine, for what works without it running. */
export function storageCommand(talk: Talk, homeOf: () => ManagerHome): Command {
  return new Command('storage')
    .description('Manage persistent storage for sealed sectors')
    .addCommand(sectorStoreJsonCommand())
    .addCommand(storageAttachCommand(homeOf))
    .addCommand(storageFindCommand(talk, homeOf))
    .addCommand(listCommand(talk))
    .addCommand(storageScrubCommand(talk))
    .addCommand(releaseCommand(talk))
    .addCommand(acceptCommand(talk))
}

const STALE_MS = 7 * 24 * 3_600_000

export function listCommand(talk: Talk): Command {
  return new Command('list')
    .description('List local storage paths and capacity')
    .option('--stale-after <duration>', 'a reservation that is older gets a mark', parseDuration, STALE_MS)
    .option('--json', 'as JSON', false)
    .action((options: { staleAfter: number; json: boolean }) =>
      talk(async (manager, own) => {
        const stores = (await manager.StoreList()) ?? []
        if (options.json) {
          const encoded = stores.map(store => z.encode(StoreDetails, store))
          return say(JSON.stringify(encoded, null, 2))
        }
        const unusable = await unusableStores(own)
        const blocks = [...stores.map(store => storeText(store, options.staleAfter)), ...unusable.map(unusableText)]
        say(blocks.length === 0 ? 'No Stores' : blocks.join('\n'))
      }),
    )
}

/** The list of the API leaves out what cannot be looked at; a manager of damocles does not tell of them. */
async function unusableStores(own: SealyardClient): Promise<StoreCondition[]> {
  const all = await own.StoreConditions().catch(() => [])
  return (all ?? []).filter(({ Usable }) => !Usable)
}

const unusableText = ({ Name, Path, Reason }: StoreCondition): string =>
  `${Name}:\n\tPath: ${Path}\n\tNot usable: ${Reason}\n`

function storeText(store: StoreDetailedInfo, staleAfterMs: number): string {
  const now = Date.now()
  const items = store.ReservedBy.map(({ By, Size, At }, index) => {
    const ageMs = now - At * 1000
    const mark = ageMs > staleAfterMs ? ' (!)' : ''
    return `\t\t#${index}: ${By}, ${formatByteSize(Size)}, ${formatGoDuration(ageMs)} ago${mark}`
  })
  return [
    `${store.Name}:`,
    `\tPath: ${store.Path}`,
    `\tType: ${store.Type}`,
    `\tReadOnly: ${store.ReadOnly}`,
    `\tWeight: ${store.Weight}`,
    `\tTotal: ${formatByteSize(store.Total)}`,
    `\tFree: ${formatByteSize(store.Free)}`,
    `\tUsed: ${formatByteSize(store.Used)}`,
    `\tUsedPercent: ${store.UsedPercent.toFixed(2)}%`,
    `\tReserved: ${formatByteSize(store.Reserved)}`,
    '\tReserved Items:',
    ...items,
    '',
  ].join('\n')
}

function releaseCommand(talk: Talk): Command {
  return new Command('release-reserved')
    .description('Manually release the reserved storage space')
    .argument('<miner>', 'the miner', minerArgument)
    .argument('<number>', 'the sector', numberArgument)
    .action((miner: number, number: number) =>
      talk(async manager => {
        say(`released: ${await manager.StoreReleaseReserved({ Miner: miner, Number: number })}`)
      }),
    )
}

function acceptCommand(talk: Talk): Command {
  return new Command('accept')
    .description('Take what is in the directory of a store now for that store, after its id has changed or is gone')
    .argument('<name>', 'the store')
    .option('--really-do-it', 'without it nothing is done', false)
    .action((name: string, options: { reallyDoIt: boolean }) =>
      talk(async (_, own) => {
        if (!options.reallyDoIt) {
          const store = ((await own.StoreConditions()) ?? []).find(each => each.Name === name)
          if (store === undefined) throw new Error(`store not found: ${name}`)
          say(
            store.Usable ? `${name} is in use, there is nothing to accept` : `${name} (${store.Path}): ${store.Reason}`,
          )
          return say(
            'pass --really-do-it when the directory is the right one: sectors that are not in it count as lost',
          )
        }
        say(`${name} is accepted, its id is ${await own.AcceptStore(name)}`)
      }),
    )
}
