import { randomUUID } from 'node:crypto'
import { createReadStream, createWriteStream, type Stats } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'

export interface CopiedFile {
  readonly from: string
  readonly to: string
}

const PARTIAL = '.exporting'

/**
 * Copies a file, or a directory with its files, so that it survives a power cut once this returns. A copy that is there with the size of its
 * source is complete: one only gets its name when it is. Answers what had to be copied.
 */
export async function copyTree(from: string, to: string, dryRun = false): Promise<CopiedFile[]> {
  const source = await statIfThere(from)
  if (source === undefined) {
    // A removal that was cut off: it only began when all was copied.
    if ((await sizeOf(to)) !== undefined) return []
    throw new Error(`${from} is not there: is its store on this machine?`)
  }
  if (source.isFile()) return (await copyFile(from, to, source.size, dryRun)) ? [{ from, to }] : []
  if (!source.isDirectory()) throw new Error(`${from} is neither a file nor a directory`)
  const copied: CopiedFile[] = []
  for (const name of await readdir(from)) copied.push(...(await copyTree(join(from, name), join(to, name), dryRun)))
  return copied
}

async function copyFile(from: string, to: string, size: number, dryRun: boolean): Promise<boolean> {
  const there = await sizeOf(to)
  if (there !== undefined && there !== size)
    throw new Error(`${to} is there with ${there} bytes, and ${from} has ${size}: move it away if it is not needed`)
  if (dryRun) return there === undefined
  if (there === undefined) {
    await makeDirectory(dirname(to))
    const partial = `${to}${PARTIAL}`
    await pipeline(createReadStream(from), createWriteStream(partial))
    const written = await sizeOf(partial)
    if (written !== size) {
      await rm(partial, { force: true })
      throw new Error(`copy of ${from} has ${written} bytes, expected ${size}`)
    }
    await sync(partial)
    await rename(partial, to)
  }
  // Also for a copy that an earlier run made: it may have been cut off before this.
  await sync(dirname(to))
  return there === undefined
}

/** The names of new directories must survive, too. */
async function makeDirectory(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true })
  if (first === undefined) return
  for (let at = path; at.length >= first.length; at = dirname(at)) await sync(dirname(at))
}

async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function statIfThere(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

const sizeOf = async (path: string): Promise<number | undefined> => (await statIfThere(path))?.size

/** Throws when two paths are one directory, also by a link or by another mount: what is copied onto itself would be deleted as copied. */
export async function refuseSameDirectory(store: string, destination: string): Promise<void> {
  await mkdir(destination, { recursive: true })
  const name = `.export-${randomUUID()}`
  await writeFile(join(destination, name), '')
  try {
    if ((await sizeOf(join(store, name))) !== undefined)
      throw new Error(`${destination} is the persist store ${store} itself: choose another directory`)
  } finally {
    await rm(join(destination, name), { force: true })
  }
}

export const isThere = async (path: string): Promise<boolean> => (await statIfThere(path)) !== undefined
