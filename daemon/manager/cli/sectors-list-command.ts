import { Command, Option } from 'commander'
import type { CID } from 'multiformats/cid'
import { z } from 'zod'
import {
  ANY_SECTOR,
  type ListedSector,
  SECTOR_PAGE_LIMIT,
  type SectorFilter,
} from '../../../rpc-schema/manager/sector-search.js'
import { SECTOR_WORKER_JOB, SectorState } from '../../../rpc-schema/manager/sector-state.js'
import { sectorName } from '../../../rpc-schema/wire/sector-id.js'
import { parseDuration } from '../../kit/config/duration.js'
import { tableText } from '../../kit/terminal/table.js'
import { cidArgument, minerArgument, numberArgument } from './arguments.js'
import { sectorListText } from './sector-text.js'
import { type SealyardClient, say, type Talk } from './talk.js'

interface ListOptions {
  offline: boolean
  sealing: boolean
  snapup: boolean
  rebuild: boolean
  unseal: boolean
  miner?: number
  state?: string
  worker?: string
  deal?: number
  allocation?: number
  piece?: CID
  aborted: boolean
  stale: boolean
  older: number
  limit?: number
  cursor?: string
  json: boolean
}

/** `sectors list`. */
export const sectorsListCommand = (talk: Talk): Command =>
  new Command('list')
    .description('Print sector data')
    .option('--offline', 'the finished and aborted sectors', false)
    .option('--sealing', 'sectors that are sealed', true)
    .option('--no-sealing', 'without sectors that are sealed')
    .option('--snapup', 'sectors that are upgraded', false)
    .option('--rebuild', 'sectors that are rebuilt', false)
    .option('--unseal', 'sectors that are unsealed', false)
    .option('--miner <miner>', 'only of this miner', minerArgument)
    .option('--state <state>', 'only with this state reported last')
    .option('--worker <name>', 'only those this worker reported last')
    .option('--deal <id>', 'only those with this deal of the built-in market', numberArgument)
    .option('--allocation <id>', 'only those with this allocation', numberArgument)
    .option('--piece <cid>', 'only those with this piece', cidArgument)
    .option('--aborted', 'only those that were given up', false)
    .option('--stale', 'numbers that were given and of which no worker ever reported anything', false)
    .addOption(
      new Option('--older <duration>', 'with --stale: given longer ago than this')
        .argParser(parseDuration)
        .default(60 * 60_000, '1h'),
    )
    .option('--limit <n>', 'no more than so many', numberArgument)
    .option('--cursor <cursor>', 'go on where a list with --limit ended')
    .option('--json', 'as JSON', false)
    .action((options: ListOptions) => talk((_, own) => list(own, options)))

const JOB_FLAGS = [
  ['sealing', SECTOR_WORKER_JOB.sealing],
  ['snapup', SECTOR_WORKER_JOB.snapup],
  ['rebuild', SECTOR_WORKER_JOB.rebuild],
  ['unseal', SECTOR_WORKER_JOB.unseal],
] as const

/** A job class that no sector is of. */
const NO_JOB = -1

function filterOf(options: ListOptions): SectorFilter {
  const jobs = JOB_FLAGS.filter(([flag]) => options[flag]).map(([, job]) => job)
  return {
    ...ANY_SECTOR,
    Store: options.offline ? 'offline' : 'online',
    Jobs: jobs.length > 0 ? jobs : [NO_JOB],
    Miner: options.miner ?? null,
    State: options.state ?? null,
    Worker: options.worker ?? null,
    Deal: options.deal ?? null,
    Allocation: options.allocation ?? null,
    Piece: options.piece ?? null,
    Aborted: options.aborted ? true : null,
    ...(options.stale && { Silent: true, CreatedBefore: Date.now() - options.older }),
  }
}

/** Prints page after page, so that a list of any length needs no more memory than one. */
async function list(own: SealyardClient, options: ListOptions): Promise<void> {
  const filter = filterOf(options)
  const print = options.json ? new JsonList() : new TextList()
  let cursor = options.cursor ?? null
  let left = options.limit ?? Number.POSITIVE_INFINITY
  do {
    const page = await own.ListSectors(filter, cursor, Math.min(left, SECTOR_PAGE_LIMIT))
    for (const sector of page.Sectors) print.sector(sector)
    left -= page.Sectors.length
    cursor = page.Next
  } while (cursor !== null && left > 0)
  print.end(cursor)
}

class TextList {
  #count = 0

  sector({ Record }: ListedSector): void {
    if (this.#count === 0) say('Sectors:')
    this.#count += 1
    say(sectorListText(Record))
  }

  end(next: string | null): void {
    if (this.#count === 0) say('Sectors:')
    say(`Count: ${this.#count}`)
    if (next !== null) say(`More with: --cursor ${next}`)
  }
}

class JsonList {
  #first = true

  sector({ Record }: ListedSector): void {
    say(`${this.#first ? '[' : ','}${JSON.stringify(z.encode(SectorState, Record))}`)
    this.#first = false
  }

  end(next: string | null): void {
    say(this.#first ? '[]' : ']')
    if (next !== null) process.stderr.write(`More with: --cursor ${next}\n`)
  }
}

/** `sectors find-deal`. */
export const sectorsFindDealCommand = (talk: Talk): Command =>
  new Command('find-deal')
    .description('Find the sectors to which the deal was assigned')
    .argument('<deal>', 'deal of the built-in market', numberArgument)
    .option('--offline', 'among the finished and aborted sectors', false)
    .option('--allocation', 'the number is that of an allocation of a direct deal', false)
    .option('--json', 'as JSON', false)
    .action((deal: number, options: { offline: boolean; allocation: boolean; json: boolean }) =>
      talk(async (manager, own) => {
        const store = options.offline ? 'offline' : 'online'
        const found = options.allocation
          ? (
              await own.ListSectors({ ...ANY_SECTOR, Store: store, Allocation: deal }, null, SECTOR_PAGE_LIMIT)
            ).Sectors.map(({ Record }) => Record)
          : ((await manager.FindSectorsWithDeal(store, deal)) ?? [])
        const names = found.map(({ ID }) => sectorName(ID))
        if (options.json) return say(JSON.stringify(found.map(({ ID }) => ID)))
        say(names.length === 0 ? 'Not Found' : names.join('\n'))
      }),
    )

/** `sectors history`. */
export const sectorsHistoryCommand = (talk: Talk): Command =>
  new Command('history')
    .description('What happened to a sector, when, and by whom')
    .argument('<miner>', 'the miner', minerArgument)
    .argument('<number>', 'the sector', numberArgument)
    .option('--json', 'as JSON', false)
    .action((miner: number, number: number, options: { json: boolean }) =>
      talk(async (_, own) => {
        const events = (await own.SectorHistory({ Miner: miner, Number: number })) ?? []
        if (options.json) return say(JSON.stringify(events, null, 2))
        if (events.length === 0) return say('nothing is known of this sector')
        const rows = events.map(({ At, Actor, Event, Detail }) => [new Date(At).toISOString(), Actor, Event, Detail])
        say(tableText(['Time', 'By', 'Event', 'Detail'], rows))
      }),
    )
