import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { parseSectorName, sectorName } from '../../../../rpc-schema/wire/sector-id.js'
import { FETCHED, FETCHING } from '../sector-files.js'
import type { OwnClient } from '../stage-home.js'
import type { StagePaths } from '../stage-paths.js'
import { taskOfPlace } from './growing-place.js'

/**
 * Removes what attempts that were cut off have fetched for tasks that are done since, from other files: gigabytes that nobody would look for. They are copies;
 * until its task is done, what they were made of is where it was. Gives the directories that it has removed.
 */
export async function removeForgotten(
  home: string,
  paths: Pick<StagePaths, 'open'>,
  manager: Pick<OwnClient, 'StageTasks'>,
): Promise<string[]> {
  const found: { readonly task: string; readonly directory: string }[] = []
  for (const { root } of await paths.open())
    for (const sector of await namesIn(join(root, FETCHING)))
      for (const name of await namesIn(join(root, FETCHING, sector)))
        if (isTaskOf(sector, name))
          found.push({ task: taskOfPlace(name), directory: join(root, FETCHING, sector, name) })
  for (const task of await namesIn(join(home, FETCHED)))
    if (isTaskOf(task.slice(0, task.indexOf('.')), task)) found.push({ task, directory: join(home, FETCHED, task) })
  if (found.length === 0) return []
  // Asked after the look: what is begun meanwhile is not in question.
  const open = new Set((await manager.StageTasks()).map(({ ID }) => ID))
  const forgotten = found.filter(({ task }) => !open.has(task)).map(({ directory }) => directory)
  for (const directory of forgotten) await rm(directory, { recursive: true, force: true })
  return forgotten
}

/** Whatever else bears these names in a store is not ours. */
function isTaskOf(sector: string, name: string): boolean {
  try {
    return name.startsWith(`${sectorName(parseSectorName(sector))}.`)
  } catch {
    return false
  }
}

function namesIn(directory: string): Promise<string[]> {
  return readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return []
    throw error
  })
}
