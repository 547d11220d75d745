import { execFile, spawn } from 'node:child_process'
import { mkdir, open, readFile, rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { errorText } from '../../../rpc-schema/seal-error.js'
import { parseCpuList } from '../hardware/cpu-list.js'

export interface HugepageRequest {
  readonly sizeBytes: number
  readonly count: number
  /** Directory of the files; {@link NODE_PLACEHOLDER} stands for the number of the node. */
  readonly pattern: string
  readonly node: number | undefined
}

export const NODE_PLACEHOLDER = '$NUMA_NODE_INDEX'
/** Set for a process that was started again with its memory bound to a node. */
const BOUND_ENV = 'SEALYARD_MEMORY_BOUND_TO_NODE'
const ONLINE_NODES = '/sys/devices/system/node/online'
const CHUNK = Buffer.alloc(4 * 1024 * 1024)

/** `32.0_GiB`: how the files are named by their size. */
export function sizeInName(bytes: number): string {
  const units = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB']
  if (bytes < 1024) return `${bytes}_B`
  let value = bytes / 1024
  let unit = 0
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024
  return `${value.toFixed(1)}_${units[unit]}`
}

/** Space is taken on the disk (or of the huge pages), not only promised. */
async function allocate(path: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(path)
  if (bavail * bsize < bytes)
    throw new Error(`${path} does not fit: ${bavail * bsize} bytes are free, ${bytes} are needed`)
  try {
    await promisify(execFile)('fallocate', ['-l', String(bytes), '--', path])
  } catch {
    // No such program, or a file system that cannot: what stands against writing is told by the writing.
    await writeZeros(path, bytes)
  }
}

async function writeZeros(path: string, bytes: number): Promise<void> {
  const file = await open(path, 'r+')
  try {
    for (let at = 0; at < bytes; at += CHUNK.length) {
      await file.write(CHUNK, 0, Math.min(CHUNK.length, bytes - at), at)
    }
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Makes the files and gives their paths. When one cannot be made, none is left; one that was there before is never touched. */
export async function createHugepageFiles(
  { sizeBytes, count, pattern, node = 0 }: HugepageRequest,
  allocateFile: (path: string, bytes: number) => Promise<void> = allocate,
): Promise<string[]> {
  const directory = pattern.replaceAll(NODE_PLACEHOLDER, String(node))
  await mkdir(directory, { recursive: true })
  const made: string[] = []
  try {
    for (let number = 0; number < count; number++) {
      const path = join(directory, `${sizeInName(sizeBytes)}_${number}`)
      await (await open(path, 'wx')).close()
      made.push(path)
      await allocateFile(path, sizeBytes)
    }
  } catch (cause) {
    await Promise.all(made.map(path => rm(path, { force: true })))
    throw new Error(`no memory files are made in ${directory}: ${errorText(cause)}`, { cause })
  }
  return made
}

/** The NUMA nodes of this machine; none when the kernel does not say. */
async function onlineNodes(): Promise<number[]> {
  const text = await readFile(ONLINE_NODES, 'utf8').catch(() => '')
  return parseCpuList(text)
}

/** Whether this process must be started again for its memory to come from `node`. Throws when there is no such node. */
export function needsBinding(node: number | undefined, nodes: readonly number[], env: NodeJS.ProcessEnv): boolean {
  if (node === undefined || env[BOUND_ENV] === String(node)) return false
  if (nodes.length > 0 && !nodes.includes(node)) {
    throw new Error(`this machine has no NUMA node ${node}, only ${nodes.join(', ')}`)
  }
  return nodes.length > 1
}

/** Runs this very command once more with its memory bound to a node, when that is needed. Gives the exit code of that run. */
export async function runBound(node: number | undefined): Promise<number | undefined> {
  if (!needsBinding(node, await onlineNodes(), process.env)) return undefined
  const args = [`--membind=${node}`, process.execPath, ...process.execArgv, ...process.argv.slice(1)]
  const child = spawn('numactl', args, { stdio: 'inherit', env: { ...process.env, [BOUND_ENV]: String(node) } })
  return new Promise((resolve, reject) => {
    child.once('error', (cause: NodeJS.ErrnoException) =>
      reject(
        cause.code === 'ENOENT'
          ? new Error(
              'memory of a certain NUMA node can only be had with the program numactl, which is not installed',
              {
                cause,
              },
            )
          : cause,
      ),
    )
    child.once('close', code => resolve(code ?? 1))
  })
}
