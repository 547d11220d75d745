import { mkdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { errorText } from '../../../../rpc-schema/seal-error.js'

/** Where cgroups with a cpuset can be made: a directory of a mounted hierarchy. */
export interface CpusetHierarchy {
  readonly version: 1 | 2
  /** The directory below which groups are made. */
  readonly base: string
}

interface Mount {
  readonly version: 1 | 2
  /** The directory of the hierarchy that is seen at `point`. */
  readonly root: string
  readonly point: string
}

/**
 * The places to try, the best first: below the worker's own cgroup, which is what is delegated to it, then at the top, where processors
 * built on the common Rust crate go. A v1 cpuset hierarchy that is mounted is what holds the controller, so v2 comes after it.
 */
export async function cpusetHierarchies(procRoot = '/proc'): Promise<CpusetHierarchy[]> {
  const [mountinfo, membership] = await Promise.all(
    ['mountinfo', 'cgroup'].map(file => readFile(path.join(procRoot, 'self', file), 'utf8').catch(() => '')),
  )
  const mounts = cpusetMounts(mountinfo!).sort((a, b) => a.version - b.version)
  return mounts.flatMap(({ version, root, point }) => {
    const own = ownGroup(membership!, version)
    const below = own === undefined ? '/' : relativeTo(root, own)
    return [...new Set([path.join(point, below), path.join(point, '/')])].map(base => ({ version, base }))
  })
}

/** Lines of `mountinfo`: `31 23 0:28 ROOT POINT OPTIONS… - TYPE SOURCE SUPER-OPTIONS`. */
function cpusetMounts(mountinfo: string): Mount[] {
  return mountinfo.split('\n').flatMap((line): Mount[] => {
    const [before, after] = line.split(' - ')
    const [, , , root, point] = before!.split(' ')
    const [type, , options] = after?.split(' ') ?? []
    if (root === undefined || point === undefined) return []
    if (type === 'cgroup2') return [{ version: 2, root: unescaped(root), point: unescaped(point) }]
    const holdsCpuset = type === 'cgroup' && options?.split(',').includes('cpuset')
    return holdsCpuset ? [{ version: 1, root: unescaped(root), point: unescaped(point) }] : []
  })
}

/** Blanks are written as `\040` in mountinfo. */
const unescaped = (field: string): string =>
  field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))

/** Lines of `/proc/self/cgroup`: `3:cpuset:/own/path`, for v2 `0::/own/path`. */
function ownGroup(membership: string, version: 1 | 2): string | undefined {
  for (const line of membership.split('\n')) {
    const match = /^\d+:([^:]*):(.*)$/.exec(line)
    if (match === null) continue
    if (version === 2 ? match[1] === '' : match[1]!.split(',').includes('cpuset')) return match[2]
  }
  return undefined
}

/** A container may see only a part of the hierarchy: what it sees at the mount point is `root`. */
function relativeTo(root: string, own: string): string {
  if (own === root) return '/'
  return root !== '/' && own.startsWith(`${root}/`) ? own.slice(root.length) : own
}

/**
 * Makes the cgroup `name` (`group/sub`) with these processors; it may be there already. Resolves with its directory. Throws when it is
 * not permitted, when the controller is not to be had there, or when the kernel refuses the processors.
 */
export async function makeCpusetGroup(hierarchy: CpusetHierarchy, name: string, cpuset: string): Promise<string> {
  const steps = name.split('/').filter(step => step !== '' && step !== '.' && step !== '..')
  let directory = hierarchy.base
  for (const [index, step] of steps.entries()) {
    const parent = directory
    directory = path.join(parent, step)
    if (hierarchy.version === 2) await enableCpuset(parent)
    await mkdir(directory).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
    try {
      if (hierarchy.version === 1) await inheritCpuset(parent, directory)
      if (index === steps.length - 1) await set(path.join(directory, 'cpuset.cpus'), cpuset)
    } catch (error) {
      await removeGroup(directory)
      throw error
    }
  }
  return directory
}

/** A v2 group has a cpuset only when the group above hands the controller down, which one with processes of its own may not do. */
async function enableCpuset(parent: string): Promise<void> {
  const control = path.join(parent, 'cgroup.subtree_control')
  if ((await get(control)).split(' ').includes('cpuset')) return
  if (!(await get(path.join(parent, 'cgroup.controllers'))).split(' ').includes('cpuset')) {
    throw new Error(`${parent} has no cpuset controller`)
  }
  await set(control, '+cpuset')
}

/** A new v1 group has neither processors nor memory, and nothing can run in it before it has both. */
async function inheritCpuset(parent: string, directory: string): Promise<void> {
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    const mine = path.join(directory, file)
    if ((await get(mine).catch(() => '')) === '') await set(mine, await get(path.join(parent, file)))
  }
}

const get = async (file: string): Promise<string> => (await readFile(file, 'utf8')).trim()

async function set(file: string, value: string): Promise<void> {
  try {
    await writeFile(file, value)
  } catch (cause) {
    throw new Error(`cannot write ${JSON.stringify(value)} to ${file}: ${errorText(cause)}`, { cause })
  }
}

/** Removes an empty group; false when something still runs in it. One that is gone is removed. */
export async function removeGroup(directory: string): Promise<boolean> {
  try {
    await rmdir(directory)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
  }
}
