import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'

export interface CgroupTree {
  /** Stands for `/proc`. */
  readonly procRoot: string
  /** Mount point of the hierarchy with the cpuset controller. */
  readonly mount: string
}

/** Plain files that look like the cgroup file systems of a host. `own`: the worker's group. */
export async function cgroupTree(directory: string, version: 1 | 2, own = '/'): Promise<CgroupTree> {
  const procRoot = path.join(directory, 'proc')
  const mount = path.join(directory, 'sys fs', version === 1 ? 'cpuset' : 'cgroup')
  const at = path.join(mount, own)
  await mkdir(path.join(procRoot, 'self'), { recursive: true })
  await mkdir(at, { recursive: true })
  const point = mount.replaceAll(' ', '\\040')
  const lines = [
    '31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755',
    '35 31 0:32 / /nowhere/memory rw,relatime shared:9 - cgroup cgroup rw,memory',
    version === 1
      ? `34 31 0:31 / ${point} rw,relatime shared:8 - cgroup cgroup rw,cpuset`
      : `34 31 0:31 / ${point} rw,relatime - cgroup2 cgroup2 rw`,
  ]
  await writeFile(path.join(procRoot, 'self', 'mountinfo'), `${lines.join('\n')}\n`)
  const membership = version === 1 ? `4:memory:/elsewhere\n3:cpuset,cpu:${own}\n0::/\n` : `0::${own}\n`
  await writeFile(path.join(procRoot, 'self', 'cgroup'), membership)
  const write = (group: string, files: Record<string, string>): Promise<unknown> =>
    Promise.all(Object.entries(files).map(([name, text]) => writeFile(path.join(group, name), text)))
  if (version === 1) {
    for (const group of new Set([mount, at])) await write(group, { 'cpuset.cpus': '0-15\n', 'cpuset.mems': '0-1\n' })
  } else {
    // The kernel puts these into every new group; below the worker's own they are made here in advance.
    await mkdir(path.join(at, 'vc-worker'))
    for (const group of new Set([mount, at, path.join(at, 'vc-worker')])) {
      await write(group, { 'cgroup.controllers': 'cpuset cpu io memory\n', 'cgroup.subtree_control': 'memory\n' })
    }
  }
  return { procRoot, mount }
}
