import { randomBytes } from 'node:crypto'
import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type SectorID, sectorName } from '../../../rpc-schema/wire/sector-id.js'

/** Where files of a path are put that are being removed, each time into a directory of its own. */
const REMOVING = 'removing'

/**
 * Takes files and directories of a sector (relative to the path) away from their places, which takes a moment whatever their size: what comes to these places
 * from then on is not touched by whoever removes what was there. `mayGoOn` throws when they are not to be taken any more.
 */
export async function takeAway(
  root: string,
  sector: SectorID,
  places: readonly string[],
  mayGoOn: () => void,
): Promise<void> {
  const away = join(root, REMOVING, `${sectorName(sector)}.${randomBytes(8).toString('hex')}`)
  await mkdir(away, { recursive: true })
  for (const [at, place] of places.entries()) {
    mayGoOn()
    await moveOrRemove(join(root, place), join(away, String(at)))
  }
}

async function moveOrRemove(place: string, target: string): Promise<void> {
  try {
    await rename(place, target)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // A file system of its own, or a mount point.
    if (code === 'EXDEV' || code === 'EBUSY') await rm(place, { recursive: true, force: true })
    else if (code !== 'ENOENT') throw error
  }
}

/** Removes all that was taken away of a sector, also by a process that has ended over it. */
export async function removeTaken(root: string, sector: SectorID): Promise<void> {
  const all = join(root, REMOVING)
  for (const name of await readdir(all))
    if (name.startsWith(`${sectorName(sector)}.`)) await rm(join(all, name), { recursive: true, force: true })
}
