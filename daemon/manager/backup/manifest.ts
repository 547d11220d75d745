import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { z } from 'zod'

const FORMAT = 1
const FILE = 'manifest.json'

const BackupFile = z.object({
  /** Below the directory of the backup. */
  name: z.string().regex(/^(?!.*\.\.)[\w./-]+$/),
  bytes: z.int(),
  sha256: z.string(),
})
export type BackupFile = z.infer<typeof BackupFile>

/** What a backup holds, written last: without it a directory is no backup. */
export const Manifest = z.object({
  format: z.literal(FORMAT),
  /** When the copy of the database was begun, in milliseconds since the Unix epoch. */
  copiedAt: z.int(),
  /** Of the manager that made it. */
  version: z.string(),
  /** `sqlite`: the database file `manager.db`; `rows`: a file `rows/TABLE.jsonl` for each table. */
  database: z.enum(['sqlite', 'rows']),
  /** Names of the migrations that had run. */
  migrations: z.array(z.string()),
  /** Rows by table. */
  rows: z.record(z.string(), z.int()),
  files: z.array(BackupFile),
})
export type Manifest = z.infer<typeof Manifest>

export const manifestFile = (dir: string): string => join(dir, FILE)
export const newManifest = (parts: Omit<Manifest, 'format'>): Manifest => ({ format: FORMAT, ...parts })

export async function describeFile(dir: string, name: string): Promise<BackupFile> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(join(dir, name)), hash)
  return { name, bytes: (await stat(join(dir, name))).size, sha256: hash.digest('hex') }
}

/** The manifest of a backup, all of whose files are as they were written. Throws an Error that names the first that is not. */
export async function verifiedManifest(dir: string): Promise<Manifest> {
  let text: string
  try {
    text = await readFile(manifestFile(dir), 'utf8')
  } catch (error) {
    throw new Error(`${dir} is no whole backup: ${(error as Error).message}`, { cause: error })
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new Error(`${manifestFile(dir)}: not JSON: ${(error as Error).message}`, { cause: error })
  }
  const parsed = Manifest.safeParse(value)
  if (!parsed.success)
    throw new Error(`${manifestFile(dir)} is not one that this version reads: ${z.prettifyError(parsed.error)}`)
  for (const expected of parsed.data.files) {
    const found = await describeFile(dir, expected.name).catch((error: unknown) => {
      throw new Error(`${join(dir, expected.name)}: ${(error as Error).message}`, { cause: error })
    })
    if (found.bytes !== expected.bytes || found.sha256 !== expected.sha256)
      throw new Error(`${join(dir, expected.name)} is not what was written: its hash differs from the manifest's`)
  }
  return parsed.data
}
