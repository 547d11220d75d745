import { realpath } from 'node:fs/promises'
import { basename, dirname, join, posix } from 'node:path'
import { type FileSystemSpace, fileSystemSpaces } from './file-system-space.js'
import { KERNEL_ROOTS, type KernelRoots, readNumber, readValue } from './kernel-files.js'

/** `other`: no disk of this machine (network, memory), or nobody knows. */
export type DiskKind = 'SSD' | 'HDD' | 'other'

/** A mounted file system. */
export interface Disk {
  readonly kind: DiskKind
  readonly device: string
  readonly mountPoint: string
  readonly filesystem: string
  /** undefined: it did not answer in time, or refused to. */
  readonly space: FileSystemSpace | undefined
}

export interface DiskProbe extends KernelRoots {
  /** Directories whose file system is told of whatever it is on. */
  readonly holding: readonly string[]
  /** Also file systems that are not on a disk of this machine. */
  readonly all: boolean
  readonly spaces: (mountPoints: readonly string[]) => Promise<ReadonlyMap<string, FileSystemSpace>>
  /** Follows the links of `/dev/mapper`, `/dev/disk/by-…`. */
  readonly resolveDevice: (path: string) => Promise<string>
}

export interface Mount {
  readonly device: string
  readonly mountPoint: string
  readonly filesystem: string
}

/** Kernels mount these to show themselves; nobody stores anything there. */
const PSEUDO =
  /^(proc|sysfs|cgroup2?|devpts|devtmpfs|mqueue|securityfs|debugfs|tracefs|pstore|bpf|configfs|fusectl|hugetlbfs|autofs|binfmt_misc|nsfs|rpc_pipefs|efivarfs|ramfs|squashfs|nfsd|selinuxfs|fuse\.(gvfsd-fuse|portal|lxcfs))$/

const SYSTEM_PLACE = /^\/(sys|proc|run|dev(?!\/shm))(\/|$)/

/** The disks of the machine where they are mounted, each device once. A mount that hangs costs a deadline and has no space. */
export async function readDisks(options: Partial<DiskProbe> = {}): Promise<Disk[]> {
  const probe: DiskProbe = {
    ...KERNEL_ROOTS,
    holding: [],
    all: false,
    spaces: fileSystemSpaces,
    ...DEVICES,
    ...options,
  }
  const mounts = await readMounts(probe.procRoot)
  const kinds = new Map<Mount, DiskKind>()
  for (const mount of mounts) kinds.set(mount, await kindOf(mount, probe))
  const holding = new Set(probe.holding.map(directory => mountOf(directory, mounts)))
  const seen = new Set<string>()
  const wanted = mounts.filter(mount => {
    if (holding.has(mount)) return true
    if (kinds.get(mount) === 'other') {
      return probe.all && !PSEUDO.test(mount.filesystem) && !SYSTEM_PLACE.test(mount.mountPoint)
    }
    const known = seen.has(mount.device)
    seen.add(mount.device)
    return !known
  })
  const spaces = await probe.spaces(wanted.map(mount => mount.mountPoint))
  return wanted.map(mount => ({ kind: kinds.get(mount)!, ...mount, space: spaces.get(mount.mountPoint) }))
}

const DEVICES = { resolveDevice: async (path: string) => realpath(path).catch(() => path) }

/** `/proc/self/mounts`: what is mounted where; the last mount over a directory is the one that is seen. */
export async function readMounts(procRoot: string): Promise<Mount[]> {
  const text = (await readValue(join(procRoot, 'self/mounts'))) ?? (await readValue(join(procRoot, 'mounts'))) ?? ''
  const found = new Map<string, Mount>()
  for (const line of text.split('\n')) {
    const [device, mountPoint, filesystem] = line.split(' ').map(withoutEscapes)
    if (filesystem === undefined) continue
    found.set(mountPoint!, { device: device!, mountPoint: mountPoint!, filesystem })
  }
  return [...found.values()]
}

/** Blanks and the like are written in octal. */
const withoutEscapes = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))

/** Of things mounted, the one that holds a directory (absolute, need not exist). */
export function mountOf<M extends { readonly mountPoint: string }>(
  directory: string,
  mounts: readonly M[],
): M | undefined {
  const path = posix.normalize(directory).replace(/(.)\/$/, '$1')
  return mounts
    .filter(({ mountPoint }) => mountPoint === '/' || path === mountPoint || path.startsWith(`${mountPoint}/`))
    .reduce<M | undefined>((best, at) => (best && best.mountPoint.length > at.mountPoint.length ? best : at), undefined)
}

async function kindOf({ device }: Mount, { sysRoot, resolveDevice }: DiskProbe): Promise<DiskKind> {
  if (!device.startsWith('/dev/')) return 'other'
  const name = basename(await resolveDevice(device))
  const block = join(sysRoot, 'class/block', name)
  // A partition's directory lies in its disk's.
  const directory = await realpath(block).catch(() => block)
  const rotational =
    (await readNumber(join(directory, 'queue/rotational'))) ??
    (await readNumber(join(dirname(directory), 'queue/rotational')))
  return rotational === undefined ? 'other' : rotational === 1 ? 'HDD' : 'SSD'
}
