import { randomBytes } from 'node:crypto'
import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { schemaIssuesText } from '../../../rpc-schema/schema-issue.js'
import { SealError } from '../../../rpc-schema/seal-error.js'
import { readIfThere, syncDirectory, TEMPORARY_PREFIX, writeDurably } from './durable-file.js'
import { type OutputFile, SectorRecord } from './sector-record.js'

const RECORD_FILE = 'info.json'
const OUTPUT_PREFIX = 'output-'

/**
 * The journal of one sealing store: the current sector's record in `meta/info.json`, large stage outputs in files beside it.
 * An output is durable before the record that names it; one that no record names is rubbish.
 */
export class RecordJournal {
  readonly #directory: string
  /** Outputs of the record on the disk, as far as this process has seen it. */
  #named: ReadonlySet<string> = new Set()

  constructor(directory: string) {
    this.#directory = directory
  }

  async exists(): Promise<boolean> {
    return stat(this.#path(RECORD_FILE)).then(
      () => true,
      () => false,
    )
  }

  /** Undefined when there is no sector. Throws a critical SealError when the record cannot be read: it must not be lost by a fresh start. */
  async load(): Promise<SectorRecord | undefined> {
    const path = this.#path(RECORD_FILE)
    const text = await this.#guard('read', () => readIfThere(path))
    if (text === undefined) return undefined
    const json = parseJson(path, text)
    const decoded = z.safeDecode(SectorRecord, json as never)
    if (decoded.success) {
      this.#named = outputsOf(decoded.data)
      return decoded.data
    }
    throw new SealError('critical', `${path} is not a sector record: ${schemaIssuesText(decoded.error, json)}`)
  }

  /** On return the record is on the disk. Outputs that it no longer names are dropped. */
  async save(record: SectorRecord): Promise<void> {
    await this.#guard('write', () =>
      writeDurably(this.#path(RECORD_FILE), `${JSON.stringify(z.encode(SectorRecord, record))}\n`),
    )
    const named = outputsOf(record)
    const dropped = [...this.#named].filter(name => !named.has(name))
    this.#named = named
    // The record counts already: a file that stays is removed at the next start.
    for (const name of dropped) await rm(this.#path(name), { force: true }).catch(() => {})
  }

  async remove(): Promise<void> {
    await this.#guard('remove', async () => {
      await rm(this.#path(RECORD_FILE), { force: true })
      await syncDirectory(this.#directory)
    })
    await this.removeLeftovers()
  }

  /** Stores a stage output under a new name; the file counts once a saved record names it. */
  async writeOutput(stage: string, json: unknown): Promise<OutputFile> {
    const file = `${OUTPUT_PREFIX}${stage}-${randomBytes(6).toString('hex')}.json`
    await this.#guard('write', () => writeDurably(this.#path(file), JSON.stringify(json)))
    return { file }
  }

  async readOutput(output: OutputFile): Promise<unknown> {
    const path = this.#path(output.file)
    const text = await this.#guard('read', () => readIfThere(path))
    if (text === undefined) throw new SealError('permanent', `${path}, which the sector's record names, is missing`)
    return parseJson(path, text)
  }

  /** Removes what crashed writes and dropped outputs left behind. */
  async removeLeftovers(): Promise<void> {
    const record = await this.load()
    const named = record === undefined ? new Set() : outputsOf(record)
    for (const name of await this.#guard('list', () => readdir(this.#directory))) {
      const rubbish = name.startsWith(TEMPORARY_PREFIX) || (name.startsWith(OUTPUT_PREFIX) && !named.has(name))
      if (rubbish) await this.#guard('remove', () => rm(this.#path(name), { force: true }))
    }
  }

  #path(name: string): string {
    return join(this.#directory, name)
  }

  async #guard<T>(what: string, action: () => Promise<T>): Promise<T> {
    try {
      return await action()
    } catch (cause) {
      throw new SealError('critical', `cannot ${what} the journal in ${this.#directory}`, { cause })
    }
  }
}

const outputsOf = ({ phases }: SectorRecord): ReadonlySet<string> =>
  new Set([phases.pc1out, phases.c1out].flatMap(output => (output === null ? [] : [output.file])))

function parseJson(path: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new SealError('critical', `${path} is broken: not JSON`, { cause })
  }
}
