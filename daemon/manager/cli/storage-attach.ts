import { existsSync } from 'node:fs'
import { managerMigrations } from '../../../migrations/manager/index.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { openDatabase } from '../../kit/database.js'
import { ProgressLine } from '../../kit/terminal/progress-line.js'
import type { ChainApi } from '../chain/chain-node.js'
import { databaseDsn } from '../config/database-dsn.js'
import type { ManagerHome } from '../config/home.js'
import { loadSettingsFile, type ManagerSetup } from '../config/load-settings.js'
import { attachStore } from '../storage/attach/attach-store.js'
import type { Passed } from '../storage/attach/tree-scan.js'
import { IndexRepository } from '../storage/index-repository.js'
import { withChain } from './chain-reach.js'
import { say } from './talk.js'

export interface AttachFlags {
  name?: string
  strict: boolean
  readOnly: boolean
  verbose: boolean
  allowSplitted: boolean
  pattern: string
  sectorSize?: number
  json: boolean
}

const tell = (text: string): void => void process.stderr.write(`${text}\n`)

/** Scans a directory and writes what it finds into the index of the manager's database. */
export async function attach(path: string, flags: AttachFlags, home: ManagerHome): Promise<void> {
  const { config } = loadSettingsFile(home.configFile)
  const name = flags.name ?? path
  refuseOther(config, name, path)
  const result = await takeIntoIndex(path, name, flags, home)
  if (flags.json) say(JSON.stringify({ name, path, ...result }, null, 2))
  else report(path, name, flags, result.passed)
}

interface Attached {
  readonly total: number
  readonly found: number
  readonly passed: readonly Passed[]
}

/** Takes the sectors that lie in a directory into the index, as those of a store with this name. */
export async function takeIntoIndex(
  path: string,
  name: string,
  flags: Pick<AttachFlags, 'pattern' | 'allowSplitted' | 'verbose' | 'sectorSize'>,
  home: ManagerHome,
): Promise<Attached> {
  const { config } = loadSettingsFile(home.configFile)
  const run = (sizeOf: (miner: number) => Promise<number>): Promise<Attached> =>
    intoIndex(path, name, flags, home, config, sizeOf)
  const { sectorSize } = flags
  if (sectorSize !== undefined) return run(async () => sectorSize)
  let result: Attached | undefined
  await withChain(home, async chain => {
    result = await run(miner => sectorSizeOf(chain, miner))
  })
  return result!
}

const sectorSizeOf = async (chain: ChainApi, miner: number): Promise<number> =>
  (await chain.StateMinerInfo(Address.fromId(miner), [])).SectorSize

async function intoIndex(
  root: string,
  name: string,
  flags: Pick<AttachFlags, 'pattern' | 'allowSplitted' | 'verbose'>,
  home: ManagerHome,
  config: ManagerSetup,
  sizeOf: (miner: number) => Promise<number>,
): Promise<Attached> {
  const { pattern, allowSplitted: splitted, verbose } = flags
  const sizes = new Map<number, Promise<number | undefined>>()
  const sectorSize = (miner: number): Promise<number | undefined> => {
    const known = sizes.get(miner) ?? sizeOf(miner).catch(notKnown(miner))
    sizes.set(miner, known)
    return known
  }
  const progress = new ProgressLine(process.stderr)
  const passed: Passed[] = []
  const db = await openDatabase({ dsn: databaseDsn(config, home), migrations: managerMigrations })
  try {
    const { total, found } = await attachStore({
      root,
      name,
      pattern,
      splitted,
      sectorSize,
      index: new IndexRepository(db),
      onFound: ({ sid, kind, sealed, cache }) => {
        if (verbose)
          tell(`s-t0${sid.Miner}-${sid.Number}: ${kind}${sealed ? ', sealed file' : ''}${cache ? ', cache' : ''}`)
      },
      onPassed: each => {
        passed.push(each)
        if (verbose) tell(`${each.path}: passed over: ${each.why}`)
      },
      onProgress: (done, all) => {
        if (!verbose) progress.update('scanning', done / all)
      },
    })
    progress.end(`${found} sectors out of ${total} files have been found`)
    return { total, found, passed }
  } finally {
    await db.destroy()
  }
}

const notKnown =
  (miner: number) =>
  (error: unknown): undefined => {
    tell(`miner t0${miner}: its sector size is not known: ${error instanceof Error ? error.message : String(error)}`)
  }

const SHOWN = 10

function report(path: string, name: string, flags: AttachFlags, passed: readonly Passed[]): void {
  if (!flags.verbose) for (const each of passed.slice(0, SHOWN)) tell(`passed over: ${each.path}: ${each.why}`)
  if (!flags.verbose && passed.length > SHOWN) tell(`… and ${passed.length - SHOWN} more: --verbose tells of each`)
  tell('add the section below into the config file:')
  say(storeToml(name, path, flags))
}

const storeToml = (name: string, path: string, { strict, readOnly }: AttachFlags): string =>
  [
    '[[Common.PersistStores]]',
    `Name = ${JSON.stringify(name)}`,
    `Path = ${JSON.stringify(path)}`,
    `Strict = ${strict}`,
    `ReadOnly = ${readOnly}`,
    'Weight = 0',
  ].join('\n')

/** The index knows stores by their names: one name for two places would lose one of them. */
function refuseOther({ persistStores }: ManagerSetup, name: string, path: string): void {
  const named = persistStores.find(store => store.Name === name)
  if (named !== undefined && named.Path !== path)
    throw new Error(`the store ${name} is ${named.Path} by the configuration, not ${path}: choose another --name`)
  const there = persistStores.find(store => store.Path === path)
  if (there !== undefined && there.Name !== name)
    throw new Error(
      `${path} is the store ${there.Name} by the configuration: pass --name ${JSON.stringify(there.Name)}`,
    )
  if (!existsSync(path)) throw new Error(`${path} does not exist`)
}
