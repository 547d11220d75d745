import { mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { Command, Option } from 'commander'
import type { CID } from 'multiformats/cid'
import { isPaddedPieceSize, unpadded } from '../../../rpc-schema/wire/numbers.js'
import type { SectorID } from '../../../rpc-schema/wire/sector-id.js'
import { unpadFr32 } from '../unseal/fr32.js'
import { type PiecePlace, piecePlace } from '../unseal/piece-place.js'
import { cidArgument, minerArgument, numberArgument } from './arguments.js'
import { type ManagerClient, say, type Talk } from './talk.js'

interface UnsealOptions {
  output?: string
  miner?: number
  actor?: number
  actorId?: number
  sector?: number
  sectorId?: number
  unsealFile?: string
  offset?: number
  payloadSize?: number
  pieceSize?: number
  dest?: string
}

/** What is to be read, in padded bytes, and how much of it is written. */
interface Wanted extends PiecePlace {
  readonly payload: number
}

/** `sectors unseal`. */
export const sectorsUnsealCommand = (talk: Talk): Command =>
  new Command('unseal')
    .description('Read a piece back from a sector, to a file here or to a destination')
    .argument('<piece-cid>', 'the piece', cidArgument)
    .option('-o, --output <path>', 'where the piece goes: a file, or a directory; default: ./PIECE-CID')
    .option('--miner <miner>', 'with --sector: do not look for the sector', minerArgument)
    .addOption(new Option('--actor <miner>', 'the same as --miner').argParser(minerArgument))
    .addOption(new Option('--actor-id <miner>', 'the same as --miner').argParser(minerArgument))
    .option('--sector <number>', 'with --miner: the sector', numberArgument)
    .addOption(new Option('--sector-id <number>', 'the same as --sector').argParser(numberArgument))
    .option('--unseal-file <path>', 'cut the piece out of an unsealed sector file that is here')
    .option('--offset <bytes>', 'where the piece begins (padded); default: as the record says', numberArgument)
    .option('--payload-size <bytes>', 'write only so much; default: all of the piece', numberArgument)
    .option('--piece-size <bytes>', 'size of the piece (padded); default: as the record says', numberArgument)
    .option(
      '--dest <url>',
      'send it there: file:///PATH (of the worker), http(s)://…, store://STORE/PATH, market://STORE/PIECE',
    )
    .action((pieceCid: CID, options: UnsealOptions, command: Command) => {
      if (options.unsealFile !== undefined && options.dest !== undefined)
        return command.error('error: --unseal-file and --dest exclude each other')
      const miner = options.miner ?? options.actor ?? options.actorId
      const number = options.sector ?? options.sectorId
      if ((miner === undefined) !== (number === undefined))
        return command.error('error: --miner and --sector must be set together')
      const given = miner === undefined ? undefined : { Miner: miner, Number: number! }
      return talk(manager => unseal(manager, pieceCid, given, options))
    })

async function unseal(
  manager: ManagerClient,
  pieceCid: CID,
  given: SectorID | undefined,
  options: UnsealOptions,
): Promise<void> {
  const record = given
    ? await manager.FindSectorInAllStates(given).catch(() => null)
    : await manager.FindSectorWithPiece('offline', pieceCid)
  const sid = given ?? record?.ID
  if (sid === undefined)
    throw new Error(`no finished sector holds the piece ${pieceCid}: name one with --miner and --sector`)
  const wanted = wantedOf(record === null ? undefined : piecePlace(record, pieceCid), options)
  const { dest = '' } = options
  if (options.unsealFile !== undefined) {
    const output = await outputFile(options.output, pieceCid)
    await writeFile(output, cutOut(options.unsealFile, wanted), wanted.payload)
    say(`written to ${output}`)
  } else {
    const output = dest === '' ? await outputFile(options.output, pieceCid) : undefined
    const stream = await manager.UnsealPiece(sid, pieceCid, unpadded(wanted.offset), unpadded(wanted.size), dest)
    if (output === undefined) await untilEnd(stream).next()
    else {
      await writeFile(output, untilEnd(stream), wanted.payload)
      say(`written to ${output}`)
    }
  }
  say(
    [
      'set task for unseal success:',
      `piece cid: ${pieceCid}`,
      `offset: ${wanted.offset}`,
      `size: ${wanted.size}`,
      `payload size: ${wanted.payload}`,
      `dest: ${dest}`,
    ].join('\n'),
  )
}

/** Flags win over the record. Throws when the place of the piece is not known, or can be none. */
export function wantedOf(
  place: PiecePlace | undefined,
  { offset = place?.offset, pieceSize = place?.size, payloadSize }: UnsealOptions,
): Wanted {
  if (pieceSize === undefined || offset === undefined)
    throw new Error('the record does not tell where the piece is in the sector: give --offset and --piece-size')
  if (!isPaddedPieceSize(pieceSize)) throw new Error(`--piece-size ${pieceSize}: expected a power of two, at least 128`)
  if (offset % 128 !== 0) throw new Error(`--offset ${offset}: expected a multiple of 128`)
  const most = unpadded(pieceSize)
  const payload = payloadSize ?? most
  if (payload > most) throw new Error(`--payload-size ${payload}: the piece holds only ${most} bytes`)
  return { offset, size: pieceSize, payload }
}

async function outputFile(output: string | undefined, pieceCid: CID): Promise<string> {
  const path = resolve(output ?? pieceCid.toString())
  await mkdir(dirname(path), { recursive: true })
  const found = await stat(path).catch(() => undefined)
  return found?.isDirectory() ? join(path, pieceCid.toString()) : path
}

/** The stream of the manager says by an empty value that it is whole. */
async function* untilEnd(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of stream) {
    if (chunk.length === 0) return
    yield chunk
  }
  throw new Error('unseal piece failed: the manager ended the stream early; its log says why')
}

const BLOCK_BYTES = 128 * 8192

async function* cutOut(path: string, { offset, size }: Wanted): AsyncGenerator<Uint8Array> {
  const file = await open(path, 'r')
  try {
    for (let at = 0; at < size; at += BLOCK_BYTES) {
      const length = Math.min(BLOCK_BYTES, size - at)
      const { bytesRead, buffer } = await file.read(new Uint8Array(length), 0, length, offset + at)
      if (bytesRead !== length) throw new Error(`${path} ends before the piece does`)
      yield unpadFr32(buffer)
    }
  } finally {
    await file.close()
  }
}

/** The file appears when it is whole. */
async function writeFile(path: string, content: AsyncIterable<Uint8Array>, most: number): Promise<void> {
  const partial = `${path}.partial`
  const file = await open(partial, 'w')
  try {
    let left = most
    for await (const chunk of content) {
      const part = chunk.subarray(0, left)
      if (part.length > 0) await file.write(part)
      left -= part.length
    }
    if (left > 0) throw new Error(`the piece came ${left} bytes short`)
    await file.sync()
    await file.close()
    await rename(partial, path)
  } catch (error) {
    await file.close().catch(() => {})
    await rm(partial, { force: true })
    throw error
  }
}
