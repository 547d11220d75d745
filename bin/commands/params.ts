import { basename } from 'node:path'
import { Command, Option } from 'commander'
import { formatByteSize } from '../../daemon/kit/config/byte-size.js'
import { clockText, ProgressLine } from '../../daemon/kit/terminal/progress-line.js'
import { tableText } from '../../daemon/kit/terminal/table.js'
import { parameterDirectory } from '../../plugins/prover/addon.js'
import { PARAMETER_SETS, type ParameterFile, type ParameterSet } from '../../plugins/prover/calls.js'
import {
  checkParameters,
  ensureParameters,
  LARGEST_GENERATED_BYTES,
  PARAMETER_KINDS,
  type ParameterKind,
  reportParameters,
} from '../../plugins/prover/parameters.js'
import { prover } from '../../plugins/prover/prover.js'
import { SECTOR_SIZES, sectorSizeLabel } from '../../rpc-schema/wire/proof-types.js'

interface ParamsOptions {
  size: number
  set?: ParameterKind[]
  dir: string
  json: boolean
  parametersJson?: boolean
}

interface Row extends ParameterFile {
  readonly set: ParameterKind
  /** What an operator does about a file that is not there or not whole. */
  readonly remedy?: string
}

/** `sealyard params`: the Groth16 parameters that the proofs of a sector size need. */
export function paramsCommand(): Command {
  const command = new Command('params').description(
    'parameters of the proofs: which files are there, and making development ones',
  )
  withOptions(command.command('list'))
    .description('the parameter files of a sector size and the state they are in')
    .option(
      '--parameters-json',
      'print the files that are there as a fragment of parameters.json, with their digests',
      false,
    )
    .action(list)
  withOptions(command.command('check'))
    .description('compare the digests as well; exit 1 when a file is missing or not what it should be')
    .action(check)
  withOptions(command.command('generate'))
    .description('make development parameters (INSECURE, from a published seed) of 2 KiB or 8 MiB sectors')
    .action(generate)
  return command
}

const SIZE_LABELS = SECTOR_SIZES.map(sectorSizeLabel).join(', ')

const sizeOption = (): Option =>
  new Option('--size <size>', `sector size: ${SIZE_LABELS}`).argParser(text => {
    const found = SECTOR_SIZES.find(bytes => sectorSizeLabel(bytes).toLowerCase() === text.toLowerCase())
    if (found === undefined) throw new Error(`--size: expected ${SIZE_LABELS}, found ${text}`)
    return found
  })

/** `wdpost-param`, as operators know it: the parameters of window PoSt are there afterwards, or it is told what is missing. */
export function wdpostParamCommand(): Command {
  return new Command('wdpost-param')
    .description(
      'make the window PoSt parameters ready: small sizes are made, of the others the files are compared with those of the network; exit 1 when one is missing or wrong',
    )
    .addOption(sizeOption().makeOptionMandatory())
    .option('--dir <dir>', 'where the files are ($FIL_PROOFS_PARAMETER_CACHE)', parameterDirectory())
    .option('--json', 'print JSON', false)
    .action(async (options: ParamsOptions) => {
      const ofWindows = { ...options, set: ['window' as const] }
      if (options.size <= LARGEST_GENERATED_BYTES) await generate(ofWindows)
      else await check(ofWindows)
    })
}

function withOptions(command: Command): Command {
  const set = new Option('--set <sets>', `some of ${PARAMETER_KINDS.join(',')} (default: all)`).argParser(text =>
    text.split(',').map(name => {
      const found = PARAMETER_KINDS.find(kind => kind === name.trim())
      if (found === undefined) throw new Error(`--set: expected some of ${PARAMETER_KINDS.join(', ')}, found ${name}`)
      return found
    }),
  )
  return command
    .addOption(sizeOption().default(2048, '2KiB'))
    .addOption(set)
    .option('--dir <dir>', 'where the files are ($FIL_PROOFS_PARAMETER_CACHE)', parameterDirectory())
    .option('--json', 'print JSON', false)
}

const plainSets = (sets: readonly ParameterKind[]): ParameterSet[] =>
  PARAMETER_SETS.filter(set => (sets as readonly string[]).includes(set))

async function rowsOf({ size, set = [...PARAMETER_KINDS], dir }: ParamsOptions, digest: boolean): Promise<Row[]> {
  const request = { sectorSize: size, sets: plainSets(set), directory: dir }
  const reports = digest ? await checkParameters(request) : reportParameters(request)
  const rows: Row[] = reports.flatMap(report =>
    [report.params, report.vk].map(file => ({ ...file, set: report.set, ...remedyOf(file, report.set, size) })),
  )
  if (set.includes('srs')) {
    const file = refuseInsecure(prover.srsReport({ directory: dir }), size)
    rows.push({ ...file, set: 'srs', ...remedyOf(file, 'srs', size) })
  }
  return rows
}

/** The SRS is shared by all sizes, a made one is not for real sectors. */
function refuseInsecure(file: ParameterFile, sectorSize: number): ParameterFile {
  if (file.origin !== 'development' || sectorSize <= LARGEST_GENERATED_BYTES) return file
  return { ...file, state: 'damaged', reason: 'it is the insecure one of development' }
}

function remedyOf(file: ParameterFile, set: ParameterKind, sectorSize: number): { remedy?: string } {
  if (file.state === 'ok') return {}
  const size = sectorSizeLabel(sectorSize)
  const official =
    file.officialCid === undefined
      ? `lotus fetch-params ${size}`
      : `lotus fetch-params ${size}, or ${file.officialCid} from IPFS`
  const remove = file.state === 'damaged' ? 'remove it, then ' : ''
  return {
    remedy:
      sectorSize > LARGEST_GENERATED_BYTES
        ? remove + official
        : `${remove}sealyard params generate --size ${size} --set ${set}`,
  }
}

async function list(options: ParamsOptions): Promise<void> {
  if (options.parametersJson) return printManifest(options)
  print(options, await rowsOf(options, false))
}

async function check(options: ParamsOptions): Promise<void> {
  const rows = await rowsOf(options, true)
  print(options, rows)
  if (rows.some(row => row.state !== 'ok')) process.exitCode = 1
}

function print(options: ParamsOptions, rows: readonly Row[]): void {
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ directory: options.dir, files: rows }, null, 2)}\n`)
    return
  }
  const cells = rows.map(row => [
    row.set,
    row.state,
    row.state === 'missing' ? '-' : formatByteSize(row.bytes),
    row.origin ?? '-',
    basename(row.path),
  ])
  process.stdout.write(`${options.dir}, ${sectorSizeLabel(options.size)} sectors\n`)
  process.stdout.write(`${tableText(['set', 'state', 'size', 'origin', 'file'], cells)}\n`)
  for (const row of rows) {
    if (row.reason !== undefined) process.stdout.write(`${basename(row.path)}: ${row.reason}\n`)
    if (row.remedy !== undefined) process.stdout.write(`${basename(row.path)} (${row.state}): ${row.remedy}\n`)
  }
}

/** What `parameters.json` of a node must say, so that it takes these files for the right ones. */
function printManifest({ size, set = [...PARAMETER_KINDS], dir }: ParamsOptions): void {
  const entries = prover.parametersManifest({ sectorSize: size, sets: plainSets(set), directory: dir })
  const fragment = Object.fromEntries(entries.map(({ name, ...entry }) => [name, entry]))
  process.stdout.write(`${JSON.stringify(fragment, null, 2)}\n`)
}

async function generate({ size, set = [...PARAMETER_KINDS], dir, json }: ParamsOptions): Promise<void> {
  const stopping = new AbortController()
  const onSignal = () => stopping.abort(new Error('stopped before the parameters were complete'))
  process.once('SIGINT', onSignal)
  process.once('SIGTERM', onSignal)
  const line = new ProgressLine(process.stderr)
  const startedAt = performance.now()
  const made = await ensureParameters({
    sectorSize: size,
    sets: set,
    directory: dir,
    signal: stopping.signal,
    onProgress: ({ set: current, phase, share }) => line.update(`parameters ${current} (${phase})`, share),
  })
  const took = clockText(performance.now() - startedAt)
  if (json) process.stdout.write(`${JSON.stringify(made)}\n`)
  else if (made.generated.length === 0) line.end(`nothing to do: the parameters are in ${made.directory}`)
  else line.end(`made ${made.generated.join(', ')} in ${took}, in ${made.directory}`)
}
