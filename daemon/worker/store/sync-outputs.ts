import { lstat, open, readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { SealError } from '../../../rpc-schema/seal-error.js'
import { syncDirectory } from './durable-file.js'

/**
 * Brings what a stage has made to the disk, before the journal says that it is there: after a power cut the record must not name files
 * that are half empty. `outputs` are files, or directories with all that is in them; the directories above them up to `root` are brought
 * along. What is on the disk already costs next to nothing, so a whole cache directory may be given after each stage. Links are left alone.
 */
export async function syncOutputs(root: string, outputs: readonly string[]): Promise<void> {
  const above = new Set<string>()
  for (const output of outputs) {
    try {
      await syncTree(output)
    } catch (cause) {
      throw new SealError('critical', `cannot bring ${output} to the disk`, { cause })
    }
    for (let at = dirname(output); at.startsWith(root); at = dirname(at)) above.add(at)
  }
  for (const directory of above) await syncDirectory(directory)
}

async function syncTree(path: string): Promise<void> {
  const found = await lstat(path)
  if (found.isFile()) await syncFile(path)
  if (!found.isDirectory()) return
  for (const name of await readdir(path)) await syncTree(join(path, name))
  await syncDirectory(path)
}

async function syncFile(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
