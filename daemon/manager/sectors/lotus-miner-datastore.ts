import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import * as dagCbor from '@ipld/dag-cbor'
import { ClassicLevel } from 'classic-level'
import { varint } from 'multiformats'
import { LotusMinerRecord } from '../../../rpc-schema/chain/lotus-miner-record.js'
import { bytesEqual } from '../../../rpc-schema/wire/bytes.js'

/** The last number that a lotus-miner gave; the next one is above it. */
const COUNTER = '/storage/nextid'
const sectorKey = (number: number): string => `/sectors/${number}`

/** What makes two records those of the same sector; the rest is history. */
const IDENTITY = [
  'SectorNumber',
  'SectorType',
  'TicketValue',
  'SeedValue',
  'CommD',
  'CommR',
  'CCUpdate',
  'UpdateSealed',
  'UpdateUnsealed',
] as const

/** The metadata of a lotus-miner, which must not run. */
export class LotusMinerDatastore {
  readonly #level: ClassicLevel<string, Uint8Array>

  private constructor(level: ClassicLevel<string, Uint8Array>) {
    this.#level = level
  }

  /** Throws an Error when there is no such repo, or when a process holds it. */
  static async open(repo: string): Promise<LotusMinerDatastore> {
    const path = join(repo, 'datastore', 'metadata')
    if (!(await isThere(join(path, 'CURRENT'))))
      throw new Error(
        `${path} is not the datastore of a lotus-miner: initialise the repo, or say where it is with --dest-repo`,
      )
    await refuseHeld(repo, [join(repo, 'repo.lock'), join(path, 'LOCK')])
    // Uncompressed, as lotus writes it.
    const level = new ClassicLevel<string, Uint8Array>(path, {
      keyEncoding: 'utf8',
      valueEncoding: 'view',
      createIfMissing: false,
      compression: false,
    })
    try {
      await level.open()
    } catch (error) {
      const cause = (error as Error).cause
      throw new Error(`open ${path}: ${cause instanceof Error ? cause.message : (error as Error).message}`, {
        cause: error,
      })
    }
    return new LotusMinerDatastore(level)
  }

  /** Which of these records are not there yet; each that is there and differs with the reason. */
  async missing(
    records: readonly LotusMinerRecord[],
  ): Promise<{ missing: LotusMinerRecord[]; different: Map<number, string> }> {
    const there = await this.#level.getMany(records.map(({ SectorNumber }) => sectorKey(SectorNumber)))
    const different = new Map<number, string>()
    const missing = records.filter((record, index) => {
      const bytes = there[index]
      if (bytes === undefined) return true
      const why = difference(record, bytes)
      if (why !== undefined) different.set(record.SectorNumber, why)
      return false
    })
    return { missing, different }
  }

  /** All of them, or none. */
  async add(records: readonly LotusMinerRecord[]): Promise<void> {
    const operations = records.map(record => ({
      type: 'put' as const,
      key: sectorKey(record.SectorNumber),
      value: LotusMinerRecord.encode(record),
    }))
    await this.#level.batch(operations, { sync: true })
  }

  async lastNumber(): Promise<number | undefined> {
    const bytes = await this.#level.get(COUNTER)
    return bytes === undefined ? undefined : varint.decode(bytes)[0]
  }

  /** Numbers never go back. Answers the last number then. */
  async raiseLastNumber(number: number): Promise<number> {
    const before = await this.lastNumber()
    if (before !== undefined && before >= number) return before
    const bytes = varint.encodeTo(number, new Uint8Array(varint.encodingLength(number)))
    await this.#level.put(COUNTER, bytes, { sync: true })
    return number
  }

  close(): Promise<void> {
    return this.#level.close()
  }
}

function difference(record: LotusMinerRecord, bytes: Uint8Array): string | undefined {
  let found: Record<string, unknown>
  try {
    found = dagCbor.decode<Record<string, unknown>>(bytes)
  } catch (error) {
    return `what is there cannot be read: ${(error as Error).message}`
  }
  const wanted = dagCbor.decode<Record<string, unknown>>(LotusMinerRecord.encode(record))
  const fields = IDENTITY.filter(
    name => !bytesEqual(dagCbor.encode(found[name] ?? null), dagCbor.encode(wanted[name] ?? null)),
  )
  return fields.length === 0 ? undefined : `the lotus-miner has another one of this number: ${fields.join(', ')}`
}

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )

/**
 * LevelDB's libraries for Go and for C++ lock in two ways that do not see each other, and a lock file stays when its process ends: the
 * system's list of locks tells of both.
 */
async function refuseHeld(repo: string, files: readonly string[]): Promise<void> {
  let locks: string
  try {
    locks = await readFile('/proc/locks', 'utf8')
  } catch (error) {
    throw new Error(`cannot see whether a lotus-miner runs on ${repo}: ${(error as Error).message}`, { cause: error })
  }
  // 1: POSIX  ADVISORY  WRITE 4711 08:01:131073 0 EOF
  const held = new Map(
    [...locks.matchAll(/^\d+: (?:-> )?\S+ +\S+ +\S+ +(-?\d+) \S+:(\d+) /gm)].map(match => [match[2], match[1]]),
  )
  for (const file of files) {
    const inode = await stat(file).then(
      ({ ino }) => String(ino),
      () => undefined,
    )
    const process = held.get(inode)
    if (inode !== undefined && process !== undefined)
      throw new Error(`a lotus-miner runs on ${repo} (process ${process} holds ${file}): stop it first`)
  }
}
