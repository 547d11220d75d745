import { readdir, readFile, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { Readable } from 'node:stream'
import { missingIsUndefined } from '../drivers/directory-driver.js'
import { READ_ONLY_MARKER, readIdentity, SECTORSTORE_FILE, writeIdentity } from '../drivers/identity-files.js'
import type { StoreDriver } from '../drivers/store-driver.js'
import {
  HELPER_ERROR,
  type OperationName,
  type OperationRequest,
  type OperationResult,
  type StoreSight,
} from './protocol.js'

export interface Performance {
  readonly driver: StoreDriver
  /** The store is to be this one, else nothing is done. */
  readonly identity: string | undefined
  /** Content to be written. */
  readonly source: Readable
  onContent(content: Readable): Promise<void>
}

type Performers = {
  readonly [N in OperationName]: (request: OperationRequest<N>, performance: Performance) => Promise<OperationResult<N>>
}

/** What the operations do, within a helper. */
const PERFORMERS: Performers = {
  look: (_, { driver }) => look(driver),
  writeIdentity: async ({ id }, { driver }) => {
    await writeIdentity(driver, id)
    return null
  },
  space: async (_, { driver }) => ({
    ...(await driver.space()),
    readOnlyMarker: (await driver.stat(READ_ONLY_MARKER, true)) !== undefined,
  }),
  stat: ({ paths, follow }, { driver }) =>
    Promise.all(paths.map(async path => (await driver.stat(path, follow)) ?? null)),
  remove: async ({ paths }, { driver }) => {
    for (const path of paths) await driver.remove(path)
    return null
  },
  scan: ({ patterns }) => scan(patterns),
  prove: async ({ method, request }) => {
    // Only a helper that proves loads the prover.
    const { default: work } = await import('../../../../plugins/prover/pool-worker.js')
    return work({ method: method as Parameters<typeof work>[0]['method'], request })
  },
  read: async ({ path, offset, length }, { driver, onContent }) => {
    await onContent(await driver.read(path, { offset, length }))
    return null
  },
  write: async ({ path, sizeBytes }, { driver, source }) => {
    await driver.write(path, source, sizeBytes)
    return null
  },
}

export async function performOperation(
  op: OperationName,
  request: unknown,
  performance: Performance,
): Promise<unknown> {
  const { driver, identity } = performance
  if (identity !== undefined && driver.root !== undefined) {
    // At every touch: a mount can go away between two of them.
    const found = await readIdentity(driver)
    if (found !== identity)
      throw Object.assign(
        new Error(
          found === undefined
            ? `${driver.root} is not the store that was there before: it does not hold its identity file, is it mounted?`
            : `${driver.root} is another store than before: its id is ${found}, not ${identity}`,
        ),
        { code: HELPER_ERROR.otherStore },
      )
  }
  return PERFORMERS[op](request as never, performance)
}

async function look(driver: StoreDriver): Promise<StoreSight> {
  if (driver.root === undefined) {
    const identity = await readIdentity(driver)
    return { root: 'directory', ...(identity !== undefined && { identity }), empty: false }
  }
  const found = await stat(driver.root).catch(missingIsUndefined)
  const unmounted = await missingMount(driver.root)
  const rest = unmounted === undefined ? {} : { unmounted }
  if (found === undefined) return { root: 'missing', empty: true, ...rest }
  if (!found.isDirectory()) return { root: 'other', empty: true, ...rest }
  const identity = await readIdentity(driver)
  const names = await readdir(driver.root)
  const empty = names.every(name => name === 'lost+found')
  return { root: 'directory', ...(identity !== undefined && { identity }), empty, ...rest }
}

/** The nearest mount point of /etc/fstab at or above a path, when nothing is mounted there. */
async function missingMount(path: string): Promise<string | undefined> {
  const fields = async (file: string, column: number): Promise<string[]> => {
    const text = await readFile(file, 'utf8').catch(() => '')
    const lines = text.split('\n').filter(line => line.trim() !== '' && !line.trimStart().startsWith('#'))
    return lines.map(line => (line.trim().split(/\s+/)[column] ?? '').replace(/\\040/g, ' '))
  }
  const [wanted, mounted] = await Promise.all([fields('/etc/fstab', 1), fields('/proc/self/mountinfo', 4)])
  const above = wanted.filter(point => point !== '/' && `${resolve(path)}/`.startsWith(`${point}/`))
  const nearest = above.sort((a, b) => b.length - a.length)[0]
  return nearest !== undefined && !mounted.includes(nearest) ? nearest : undefined
}

async function scan(patterns: readonly string[]): Promise<{ path: string; text: string }[]> {
  const { glob } = await import('glob')
  const files = await glob(
    patterns.map(pattern => `${pattern.replace(/\/+$/, '')}/${SECTORSTORE_FILE}`),
    { absolute: true, nodir: true, follow: true },
  )
  return Promise.all(files.sort().map(async file => ({ path: dirname(file), text: await readFile(file, 'utf8') })))
}
