import { homedir } from 'node:os'
import { resolve } from 'node:path'
import { Command } from 'commander'
import type { LotusMinerRecord } from '../../../rpc-schema/chain/lotus-miner-record.js'
import type { SectorState } from '../../../rpc-schema/manager/sector-state.js'
import { errorText } from '../../../rpc-schema/seal-error.js'
import type { LotusMinerDatastore } from '../sectors/lotus-miner-datastore.js'
import { lotusMinerRecord, whyNotExported } from '../sectors/to-lotus-miner.js'
import { minerArgument, numberArgument } from './arguments.js'
import { finishedSectors } from './finished-sectors.js'
import { sectorsExportFilesCommand } from './sectors-export-files-command.js'
import { type SealyardClient, say, sayJson, type Talk } from './talk.js'

interface MetadataOptions {
  miner: number
  destRepo: string
  nextNumber?: number
  onlyNextNumber: boolean
  dryRun: boolean
  json: boolean
}

/** `sectors export-to-lotus`. */
export function sectorsExportCommand(talk: Talk): Command {
  return new Command('export-to-lotus')
    .description('Commands for export sector infos to the given lotus-miner instance')
    .requiredOption('--miner <miner>', 'the miner', minerArgument)
    .addCommand(metadataCommand(talk))
    .addCommand(sectorsExportFilesCommand(talk))
}

const metadataCommand = (talk: Talk): Command =>
  new Command('metadata')
    .description('Export metadata of the sectors')
    .option('--dest-repo <dir>', 'the repo of the lotus-miner, which must not run', '~/.lotusminer')
    .option('--next-number <number>', 'the lotus-miner gives numbers above this one only', numberArgument)
    .option('--only-next-number', 'only the number', false)
    .option('--dry-run', 'only say what would be exported', false)
    .option('--json', 'as JSON', false)
    .action((_: unknown, command: Command) => {
      const options = command.optsWithGlobals<MetadataOptions>()
      if (!options.onlyNextNumber) return talk((_manager, own) => exportMetadata(own, options))
      if (options.nextNumber === undefined)
        return command.error('error: --only-next-number needs --next-number <number>')
      return withDatastore(options, datastore => report(datastore, options, emptyOutcome(), options.nextNumber ?? 0))
    })

interface MetadataOutcome {
  exported: number[]
  there: number[]
  leftOut: { number: number; why: string }[]
  failed: { number: number; why: string }[]
}

const emptyOutcome = (): MetadataOutcome => ({ exported: [], there: [], leftOut: [], failed: [] })

async function withDatastore(
  { destRepo }: MetadataOptions,
  action: (datastore: LotusMinerDatastore) => Promise<void>,
): Promise<void> {
  const { LotusMinerDatastore } = await import('../sectors/lotus-miner-datastore.js')
  const datastore = await LotusMinerDatastore.open(resolve(destRepo.replace(/^~(?=\/|$)/, homedir())))
  try {
    await action(datastore)
  } finally {
    await datastore.close()
  }
}

async function exportMetadata(own: SealyardClient, options: MetadataOptions): Promise<void> {
  const { Last } = await own.SectorNumbers(options.miner)
  await withDatastore(options, async datastore => {
    const outcome = emptyOutcome()
    let last = Math.max(Last, options.nextNumber ?? 0)
    for await (const page of finishedSectors(own, options.miner)) {
      for (const { ID } of page) last = Math.max(last, ID.Number)
      // Before the records: if this is cut off, the lotus-miner gives none of their numbers.
      if (!options.dryRun) await datastore.raiseLastNumber(last)
      await exportPage(datastore, page, options, outcome)
    }
    await report(datastore, options, outcome, last)
  })
}

async function exportPage(
  datastore: LotusMinerDatastore,
  page: readonly SectorState[],
  { dryRun }: MetadataOptions,
  outcome: MetadataOutcome,
): Promise<void> {
  const records: LotusMinerRecord[] = []
  for (const record of page) {
    const number = record.ID.Number
    const why = whyNotExported(record)
    if (why !== undefined) {
      outcome.leftOut.push({ number, why })
      continue
    }
    try {
      records.push(lotusMinerRecord(record))
    } catch (error) {
      outcome.failed.push({ number, why: errorText(error) })
    }
  }
  const { missing, different } = await datastore.missing(records)
  if (!dryRun) await datastore.add(missing)
  const added = new Set(missing.map(({ SectorNumber }) => SectorNumber))
  for (const { SectorNumber: number } of records) {
    const why = different.get(number)
    if (why !== undefined) outcome.failed.push({ number, why })
    else if (added.has(number)) outcome.exported.push(number)
    else outcome.there.push(number)
  }
}

/** Sets the counter, which never goes back, and says what was done. */
async function report(
  datastore: LotusMinerDatastore,
  options: MetadataOptions,
  outcome: MetadataOutcome,
  wanted: number,
): Promise<void> {
  const last = options.dryRun
    ? Math.max(wanted, (await datastore.lastNumber()) ?? 0)
    : await datastore.raiseLastNumber(wanted)
  if (options.json) sayJson({ ...outcome, nextNumber: last, dryRun: options.dryRun })
  else {
    for (const { number, why } of outcome.leftOut) say(`sector ${number} left out: ${why}`)
    for (const { number, why } of outcome.failed) say(`sector ${number} not exported: ${why}`)
    if (!options.onlyNextNumber) {
      const would = options.dryRun ? 'would export' : 'exported'
      say(`${would}: ${outcome.exported.length}, there already: ${outcome.there.length}`)
      say(`export failure counts: ${outcome.failed.length}`)
    }
    if (options.nextNumber !== undefined) say(`next sector number: ${options.nextNumber}`)
    if (last > wanted) say(`the lotus-miner has given numbers up to ${last} already`)
    say(`${options.dryRun ? 'would update' : 'update'} next sector number: ${last}`)
  }
  if (outcome.failed.length > 0) throw new Error(`${outcome.failed.length} sectors were not exported`)
}
