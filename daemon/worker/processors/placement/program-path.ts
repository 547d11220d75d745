import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import path from 'node:path'

/** Where the C library looks when there is no PATH, with the places of the system's own tools. */
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** The file that a program's name stands for, as a shell would find it; undefined: there is none that may be executed. */
export async function findProgram(
  name: string,
  searchPath: string | undefined = DEFAULT_PATH,
): Promise<string | undefined> {
  const places = name.includes('/') ? [''] : searchPath.split(':')
  for (const place of places) {
    const file = path.resolve(place, name)
    if (await isProgram(file)) return file
  }
  return undefined
}

async function isProgram(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK)
    return (await stat(file)).isFile()
  } catch {
    return false
  }
}
