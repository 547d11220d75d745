import { writeFileSync } from 'node:fs'
import { Command } from 'commander'
import { managerService } from '../../../rpc-schema/manager/index.js'
import { TAKEOVER_AT_ONCE, TAKEOVER_OUTCOMES, type TakenSector } from '../../../rpc-schema/manager/takeover.js'
import { rpcClient } from '../../../rpc-schema/rpc/client.js'
import { connectRpc } from '../../../rpc-schema/rpc/connection.js'
import { RpcTransportError } from '../../../rpc-schema/rpc/error.js'
import { errorText } from '../../../rpc-schema/seal-error.js'
import { sectorName } from '../../../rpc-schema/wire/sector-id.js'
import { RPC_PATH } from '../http/rpc-path.js'
import {
  chainDifferences,
  type Difference,
  type OtherState,
  readOtherManager,
  sectorOf,
} from '../takeover/other-manager.js'
import { minerArgument } from './arguments.js'
import { type ManagerClient, type SealyardClient, say, type Talk } from './talk.js'

interface FromOptions {
  api: string
  token?: string
  miner?: number[]
  dryRun: boolean
  finish: boolean
  report?: string
}

/** A million records of a manager that has no pages come in one answer. */
const LIST_TIMEOUT_MS = 30 * 60_000

/** `util migrate`. */
export function migrateCommand(talk: Talk): Command {
  const migrate = new Command('migrate')
    .description("Take over the state of a damocles-manager; the original's own databases are read through its RPC")
    .option('--from <driver>', 'of the original; not needed here')
    .option('--to <driver>', 'of the original; not needed here')
    .option('--sub-stores <names...>', 'of the original; not needed here')
    .action(() => {
      throw new Error(
        'databases of damocles (badger, mongo) are not copied file by file: start the damocles-manager on them and run ' +
          '`util migrate from-damocles --api HOST:PORT --dry-run`; from SQLite to MySQL: point a second manager with ' +
          'Driver = "mysql" at a running one in the same way',
      )
    })
  migrate
    .command('from-damocles')
    .description(
      'Take over sectors, numbers, locations of files, reservations and candidates from a running damocles-manager',
    )
    .requiredOption('--api <address>', 'where it listens: HOST:PORT, URL or multiaddr')
    .option('--token <token>', 'its token, if it wants one')
    .option('--miner <miner>', 'only sectors of this miner; may be repeated', collectMiner)
    .option('--dry-run', 'only read, compare and report', false)
    .option(
      '--finish',
      'the last pass, when no worker talks to the other manager any more: this one takes over the work',
      false,
    )
    .option('--report <file>', 'write all differences to this file, as JSON')
    .action((options: FromOptions) => talk((manager, own) => fromDamocles(manager, own, options)))
  return migrate
}

const collectMiner = (text: string, before: number[] = []): number[] => [...before, minerArgument(text)]

async function fromDamocles(manager: ManagerClient, own: SealyardClient, options: FromOptions): Promise<void> {
  const source = options.api
  const address = /^[^/:]+:\d+$/.test(source) ? `http://${source}` : source
  const connection = connectRpc(address, {
    path: RPC_PATH,
    timeoutMs: LIST_TIMEOUT_MS,
    ...(options.token !== undefined && { token: options.token }),
  })
  try {
    const state = await readOtherManager(rpcClient(managerService, connection), options.miner ?? []).catch(
      otherAway(source),
    )
    const differences = [...state.differences]
    const miners = [...new Set(state.sectors.map(({ Record }) => Record.ID.Miner))]
    for (const miner of miners) differences.push(...(await compareWithChain(own, miner, state)))
    differences.push(...(await missingStores(manager, state)))
    say(`${source}: damocles-manager ${state.version}, ${state.sectors.length} sectors of ${miners.length} miners`)
    if (!options.dryRun) differences.push(...(await takeAll(manager, own, source, state, options.finish)))
    report(differences, options.report)
    if (options.dryRun) return say('nothing has been changed')
    if (!options.finish)
      return say(
        'this manager gives no sector numbers until the takeover is finished: stop the workers of the other one, then run this again with --finish',
      )
    await own.FinishTakeover(source)
    say('finished: stop the other manager for good, restart this one and point the workers at it')
  } finally {
    await connection.close()
  }
}

/** Its silence is not that of the manager which the command talks to, and has another remedy. */
const otherAway =
  (source: string) =>
  (error: unknown): never => {
    if (!(error instanceof RpcTransportError)) throw error
    throw new Error(
      `the other manager cannot be read: ${error.message}; nothing has been changed. It has to run while it is taken over: start it, or correct --api ${source}`,
      { cause: error },
    )
  }

async function compareWithChain(own: SealyardClient, miner: number, state: OtherState): Promise<Difference[]> {
  try {
    return chainDifferences(miner, state.sectors, await own.UsedSectorNumbers(miner))
  } catch (error) {
    return [{ about: `f0${miner}`, what: `not compared with the chain: ${errorText(error)}` }]
  }
}

async function missingStores(manager: ManagerClient, { sectors, reservations }: OtherState): Promise<Difference[]> {
  const here = new Set(((await manager.StoreList()) ?? []).map(({ Name }) => Name))
  const there = new Set([
    ...sectors.flatMap(({ Normal, Upgrade }) =>
      [Normal, Upgrade].flatMap(at => (at ? [at.SealedFile, at.CacheDir] : [])),
    ),
    ...reservations.map(({ store }) => store),
  ])
  return [...there]
    .filter(store => !here.has(store))
    .map(store => ({ about: store, what: 'is a store of the other manager, not configured (or not readable) here' }))
}

async function takeAll(
  manager: ManagerClient,
  own: SealyardClient,
  source: string,
  state: OtherState,
  last: boolean,
): Promise<Difference[]> {
  await own.BeginTakeover(source)
  const differences: Difference[] = []
  const taken: TakenSector[] = []
  for (let at = 0; at < state.sectors.length; at += TAKEOVER_AT_ONCE)
    taken.push(...(await own.TakeOver(source, state.sectors.slice(at, at + TAKEOVER_AT_ONCE), last)))
  for (const { ID, Outcome } of taken)
    if (Outcome === 'kept')
      differences.push({ about: sectorName(ID), what: 'has been changed here since, its record is kept' })
  const counts = TAKEOVER_OUTCOMES.map(outcome => `${outcome} ${taken.filter(one => one.Outcome === outcome).length}`)
  say(`sectors: ${counts.join(', ')}`)
  const largest = new Map<number, number>()
  for (const { ID } of taken) largest.set(ID.Miner, Math.max(ID.Number, largest.get(ID.Miner) ?? 0))
  for (const [miner, number] of largest)
    await tried(differences, `f0${miner}`, 'last number not set', () =>
      own.RaiseSectorNumber(miner, number, `taken over from ${source}`),
    )
  for (const { store, reserved } of state.reservations) {
    const sid = sectorOf(reserved.By)
    const isOnline =
      sid && state.sectors.some(({ Store, Record }) => Store === 'online' && sectorName(Record.ID) === sectorName(sid))
    if (sid === undefined || !isOnline)
      differences.push({
        about: reserved.By,
        what: `holds ${reserved.Size} bytes in ${store} without an online record; not taken`,
      })
    else
      await tried(differences, reserved.By, `space in ${store} not reserved`, async () => {
        if ((await manager.StoreReserveSpace(sid, reserved.Size, [store])) === null) throw new Error('no room')
      })
  }
  for (const [miner, deadlines] of state.candidates)
    for (const { deadline, count } of deadlines)
      await tried(differences, `f0${miner}`, `${count} snap-up candidates of deadline ${deadline} not fetched`, () =>
        manager.SnapUpPreFetch(miner, deadline),
      )
  return differences
}

async function tried(
  differences: Difference[],
  about: string,
  what: string,
  work: () => Promise<unknown>,
): Promise<void> {
  try {
    await work()
  } catch (error) {
    differences.push({ about, what: `${what}: ${errorText(error)}` })
  }
}

const SHOWN = 50

function report(differences: readonly Difference[], file: string | undefined): void {
  if (file !== undefined) writeFileSync(file, `${JSON.stringify(differences, null, 2)}\n`)
  say(differences.length === 0 ? 'no differences' : `differences: ${differences.length}`)
  for (const { about, what } of differences.slice(0, SHOWN)) say(`  ${about}: ${what}`)
  if (differences.length > SHOWN)
    say(
      `  … and ${differences.length - SHOWN} more${file === undefined ? ' (all of them: --report FILE)' : `, in ${file}`}`,
    )
}
