import { readFileSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { schemaIssuesText } from '../../../rpc-schema/schema-issue.js'

/** `storage.json` of a home of venus-sealer or venus-worker: the paths that have been attached. Each has a sectorstore.json. */
const AttachedPaths = z.object({
  StoragePaths: z
    .array(z.object({ Path: z.string().min(1) }))
    .nullish()
    .transform(paths => paths ?? []),
})

const fileOf = (homeDir: string): string => join(homeDir, 'storage.json')

/** The attached paths; none without the file. Throws an Error that names the file when it cannot be understood. */
export function attachedPaths(homeDir: string): string[] {
  const file = fileOf(homeDir)
  let parsed: unknown
  try {
    parsed = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw new Error(`${file}: expected JSON with StoragePaths: ${(error as Error).message}`, { cause: error })
  }
  const read = AttachedPaths.safeParse(parsed)
  if (!read.success) throw new Error(`${file}: ${schemaIssuesText(read.error, parsed, 'storage')}`)
  return read.data.StoragePaths.map(({ Path }) => Path)
}

/** Adds a path, the whole file at once; false when it is there already. */
export async function addAttachedPath(homeDir: string, path: string): Promise<boolean> {
  const paths = attachedPaths(homeDir)
  if (paths.includes(path)) return false
  const file = fileOf(homeDir)
  const next = `${file}.${process.pid}`
  await writeFile(next, `${JSON.stringify({ StoragePaths: [...paths, path].map(Path => ({ Path })) }, null, 2)}\n`)
  await rename(next, file)
  return true
}
