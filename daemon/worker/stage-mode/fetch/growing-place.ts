import { constants, copyFile, mkdir, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { StageClaim } from '../../../../rpc-schema/manager/stages.js'
import type { SectorID } from '../../../../rpc-schema/wire/sector-id.js'
import { fetchingDir } from '../sector-files.js'
import { PART_SUFFIX } from './fetch-files.js'

/**
 * Where the files of a sector grow that one attempt brings to a path: a path may have several workers, and one that was cut off from the manager may still
 * write while another has its task. What earlier attempts at the task have brought comes along; what one of them still writes comes to nothing.
 */
export async function growingPlace(root: string, sector: SectorID, { Task, Fence }: StageClaim): Promise<string> {
  const all = join(root, fetchingDir(sector))
  const own = join(all, `${Task}.${Fence}`)
  await mkdir(own, { recursive: true })
  for (const name of await readdir(all)) {
    const fence = fenceOf(name, Task)
    if (fence === undefined || fence >= Fence) continue
    const earlier = join(all, name)
    await takeOver(earlier, own)
    await rm(earlier, { recursive: true, force: true })
  }
  return own
}

/** The task that a directory of this kind is for. */
export const taskOfPlace = (name: string): string => name.replace(/\.\d+$/, '')

/** Of an attempt at the task; undefined when it is another one's. */
function fenceOf(name: string, task: string): number | undefined {
  const fence = name.startsWith(`${task}.`) ? Number(name.slice(task.length + 1)) : Number.NaN
  return Number.isSafeInteger(fence) ? fence : undefined
}

async function takeOver(from: string, to: string): Promise<void> {
  for (const entry of await readdir(from, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const file = join(entry.parentPath, entry.name)
    const target = join(to, file.slice(from.length + 1))
    await mkdir(dirname(target), { recursive: true })
    // Nobody has a whole file open any more; whoever has one that grows goes on with his own.
    const bring = file.endsWith(PART_SUFFIX) ? copyFile(file, target, constants.COPYFILE_FICLONE) : rename(file, target)
    await bring.catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error
    })
  }
}
