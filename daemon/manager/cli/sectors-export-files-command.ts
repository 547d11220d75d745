import { resolve } from 'node:path'
import { Command } from 'commander'
import type { SectorState } from '../../../rpc-schema/manager/sector-state.js'
import { errorText } from '../../../rpc-schema/seal-error.js'
import { sectorName } from '../../../rpc-schema/wire/sector-id.js'
import { whyNotExported } from '../sectors/to-lotus-miner.js'
import { type CopiedFile, copyTree, isThere, refuseSameDirectory } from '../storage/durable-copy.js'
import { persistedFiles, sectorPaths } from '../storage/store-files.js'
import { numbersArgument } from './arguments.js'
import { finishedSectors } from './finished-sectors.js'
import { type SealyardClient, say, sayJson, type Talk } from './talk.js'

interface FilesOptions {
  miner: number
  destPath: string
  numbers?: number[]
  reserve: boolean
  dryRun: boolean
  json: boolean
}

const AT_ONCE = 5

/** `sectors export-to-lotus files`. */
export const sectorsExportFilesCommand = (talk: Talk): Command =>
  new Command('files')
    .description('Export the files of the sectors; without --reserve this manager cannot prove them any more')
    .requiredOption('--dest-path <dir>', 'where to: a storage path of the lotus-miner')
    .option('--numbers <numbers>', 'only these; more than once, or with commas', numbersArgument)
    .option('--reserve', 'Reserve source files', false)
    .option('--dry-run', 'only say what would be exported', false)
    .option('--json', 'as JSON', false)
    .action((_: unknown, command: Command) => {
      const options = command.optsWithGlobals<FilesOptions>()
      return talk((_manager, own) => exportFiles(own, options))
    })

interface Exported {
  number: number
  copied: CopiedFile[]
  error: string | null
}

async function exportFiles(own: SealyardClient, options: FilesOptions): Promise<void> {
  const destination = resolve(options.destPath)
  const stores = new Map((await own.StoreConditions()).map(({ Name, Path }) => [Name, Path]))
  if (!options.dryRun) for (const path of stores.values()) if (path !== '') await refuseSameDirectory(path, destination)
  const wanted = options.numbers && new Set(options.numbers)
  const outcomes: Exported[] = []
  const one = async (record: SectorState): Promise<void> => {
    const { ID } = record
    if (!options.json) say(`${options.reserve ? 'copy' : 'move'} sector ${ID.Number} file ...`)
    const outcome: Exported = { number: ID.Number, copied: [], error: null }
    try {
      outcome.copied = await exportSector(own, record, stores, destination, options)
    } catch (error) {
      outcome.error = errorText(error)
      if (!options.json) say(`export sector ${ID.Number} file: ${outcome.error}`)
    }
    outcomes.push(outcome)
  }
  // A sector whose files are moved stays in the list: the cursor is behind it.
  for await (const page of finishedSectors(own, options.miner)) {
    const sectors = page.filter(
      record =>
        !record.Removed &&
        (wanted === undefined ? whyNotExported(record) === undefined : wanted.delete(record.ID.Number)),
    )
    const queue = sectors.values()
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        for (const record of queue) await one(record)
      }),
    )
  }
  for (const number of wanted ?? []) {
    const error = `${sectorName({ Miner: options.miner, Number: number })} is no finished sector with files here`
    outcomes.push({ number, copied: [], error })
    if (!options.json) say(`export sector ${number} file: ${error}`)
  }
  const failed = outcomes.filter(({ error }) => error !== null).length
  if (options.json) sayJson({ sectors: outcomes, failed, total: outcomes.length, dryRun: options.dryRun })
  else say(`export failure counts: ${failed}, total: ${outcomes.length}`)
  if (failed > 0) throw new Error(`the files of ${failed} sectors were not exported`)
}

/** The manager deletes exactly what it was asked for before, and what was copied. */
async function exportSector(
  own: SealyardClient,
  { ID: sid, SectorType, Upgraded }: SectorState,
  stores: ReadonlyMap<string, string>,
  destination: string,
  { reserve, dryRun, json }: FilesOptions,
): Promise<CopiedFile[]> {
  const { Paths } = await own.PreviewRemoval(sid)
  if (Paths.length === 0) throw new Error('no store is known to hold its files')
  // What an upgraded sector was sealed into is not needed for proofs, and may have been deleted.
  const old = new Set(Upgraded ? Object.values(sectorPaths(sid, false)) : [])
  const copied: CopiedFile[] = []
  for (const { Store, Path } of Paths) {
    const root = stores.get(Store)
    if (root === undefined || root === '') throw new Error(`store ${Store} is no directory of this machine`)
    const from = resolve(root, Path)
    if (old.has(Path) && !(await isThere(from))) continue
    copied.push(...(await copyTree(from, resolve(destination, Path), dryRun)))
  }
  if (!dryRun)
    for (const file of persistedFiles(sid, SectorType, Upgraded))
      if (!(await isThere(resolve(destination, file)))) throw new Error(`${file} is not among its files`)
  if (!json) for (const { from, to } of copied) say(`${dryRun ? 'would copy' : 'copied'} file from ${from} to ${to}`)
  if (!reserve && !dryRun) await own.RemoveSectorFiles(sid, true)
  return copied
}
