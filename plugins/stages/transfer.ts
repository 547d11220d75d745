import type { Stats } from 'node:fs'
import { lstat, mkdir, readdir, realpath, rename, rm, stat, symlink } from 'node:fs/promises'
import path from 'node:path'
import type { StageOutput, StageTask } from '../../rpc-schema/processor/stages.js'
import { SealError } from '../../rpc-schema/seal-error.js'
import { type CopyOptions, copyFile, partPath, syncDirectory } from './copy-file.js'
import { errorCode, onFile } from './file-error.js'
import type { StageContext } from './stage-context.js'

type Route = StageTask<'transfer'>['routes'][number]

/**
 * Brings files and directories to where they are kept: by a symbolic link where the route allows one and `DISABLE_LINK` is not set,
 * else by a copy that appears under its name only when it is complete and on disk. What stood there is replaced.
 */
export async function transfer(task: StageTask<'transfer'>, context: StageContext): Promise<StageOutput<'transfer'>> {
  const linksDisabled = isSet(context.env.DISABLE_LINK)
  const routes = task.routes.map(route => ({
    src: route.src.uri,
    dest: route.dest.uri,
    isDirectory: route.opt?.is_dir,
    link: route.opt?.allow_link === true && !linksDisabled,
  }))
  for (const route of routes) {
    requireAbsolute('src', route.src)
    requireAbsolute('dest', route.dest)
  }
  const jobs = []
  for (const route of routes) jobs.push({ ...route, ...(await inspect(route)) })

  const totalBytes = jobs.reduce((sum, job) => sum + (job.link ? 0 : job.bytes), 0)
  let copiedBytes = 0
  const copyOptions: CopyOptions = {
    signal: context.signal,
    onBytes: bytes => {
      copiedBytes += bytes
      context.onProgress?.({ done: Math.min(1, copiedBytes / totalBytes), step: 'copy' })
    },
  }
  for (const { src, dest, link, directory } of jobs) {
    context.signal?.throwIfAborted()
    if (await isSamePlace(src, dest, link)) continue
    await onFile('create', path.dirname(dest), () => mkdir(path.dirname(dest), { recursive: true }))
    if (link) await placeLink(src, dest)
    else if (directory) await placeDirectory(src, dest, copyOptions)
    else await copyFile(src, dest, copyOptions)
    await syncDirectory(path.dirname(dest))
  }
  return true
}

function requireAbsolute(role: 'src' | 'dest', uri: Route['src']['uri']): void {
  if (!path.isAbsolute(uri)) throw new SealError('permanent', `${role} path is relative: ${uri}`)
}

/** What the source is; throws when it is missing, or when source, destination and route do not agree on file or directory. */
async function inspect(route: {
  src: string
  dest: string
  isDirectory: boolean | undefined
}): Promise<{ directory: boolean; bytes: number }> {
  const source = await ifExists(route.src, () => stat(route.src))
  if (source === undefined) throw new SealError('permanent', `src path not exists: ${route.src}`)
  const directory = source.isDirectory()
  if (!directory && !source.isFile()) {
    throw new SealError('permanent', `neither a file nor a directory: ${route.src}`)
  }
  const kind = (isDirectory: boolean): string => (isDirectory ? 'a directory' : 'a file')
  if (route.isDirectory !== undefined && route.isDirectory !== directory) {
    throw new SealError('permanent', `${route.src} is ${kind(directory)}, the route says ${kind(route.isDirectory)}`)
  }
  const dest = await ifExists(route.dest, () => stat(route.dest))
  if (dest !== undefined && dest.isDirectory() !== directory) {
    throw new SealError(
      'permanent',
      `${route.src} is ${kind(directory)}, but ${route.dest} is ${kind(dest.isDirectory())}`,
    )
  }
  return { directory, bytes: directory ? await treeBytes(route.src) : source.size }
}

async function ifExists(file: string, look: () => Promise<Stats>): Promise<Stats | undefined> {
  try {
    return await look()
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return undefined
    return await onFile('stat', file, () => Promise.reject(error))
  }
}

/**
 * Whether source and destination are one and the same, so that replacing the destination would destroy the source. A destination
 * that is merely a link to the source may stay when a link is wanted, and is replaced by the copy otherwise.
 */
async function isSamePlace(src: string, dest: string, link: boolean): Promise<boolean> {
  const entry = await ifExists(dest, () => lstat(dest))
  const target = entry && (await ifExists(dest, () => stat(dest)))
  if (target === undefined) {
    const [from, to] = [await realpath(src), path.resolve(dest)]
    if (to.startsWith(`${from}${path.sep}`)) throw new SealError('permanent', `${dest} lies within its source ${src}`)
    return false
  }
  const source = await onFile('stat', src, () => stat(src))
  if (target.dev === source.dev && target.ino === source.ino) return link || !entry!.isSymbolicLink()
  const [from, to] = [await realpath(src), await realpath(dest)]
  if (to.startsWith(`${from}${path.sep}`) || from.startsWith(`${to}${path.sep}`)) {
    throw new SealError('permanent', `${src} and ${dest} lie within each other`)
  }
  return false
}

async function placeLink(src: string, dest: string): Promise<void> {
  const part = partPath(dest)
  await onFile('link', dest, async () => {
    await rm(part, { force: true, recursive: true })
    await symlink(src, part)
    await replace(part, dest)
  })
}

async function placeDirectory(src: string, dest: string, options: CopyOptions): Promise<void> {
  const part = partPath(dest)
  await onFile('remove', part, () => rm(part, { force: true, recursive: true }))
  try {
    await copyTree(src, part, [], options)
    await onFile('rename to', dest, () => replace(part, dest))
  } catch (error) {
    await rm(part, { force: true, recursive: true }).catch(() => {})
    throw error
  }
}

/** A directory cannot be renamed over one that has entries, nor over a link. */
async function replace(part: string, dest: string): Promise<void> {
  await rm(dest, { force: true, recursive: true })
  await rename(part, dest)
}

async function copyTree(src: string, dest: string, above: readonly string[], options: CopyOptions): Promise<void> {
  const real = await onFile('resolve', src, () => realpath(src))
  if (above.includes(real)) throw new SealError('permanent', `a link leads back to a directory above it: ${src}`)
  await onFile('create', dest, () => mkdir(dest))
  for (const name of await onFile('list', src, () => readdir(src))) {
    const [from, to] = [path.join(src, name), path.join(dest, name)]
    const entry = await onFile('stat', from, () => stat(from))
    if (entry.isDirectory()) await copyTree(from, to, [...above, real], options)
    else if (entry.isFile()) await copyFile(from, to, options)
    else throw new SealError('permanent', `neither a file nor a directory: ${from}`)
  }
  await syncDirectory(dest)
}

/** Bytes of all files below, for the progress only: what cannot be read counts nothing here and fails later. */
async function treeBytes(directory: string): Promise<number> {
  let bytes = 0
  const entries = await readdir(directory, { withFileTypes: true, recursive: true }).catch(() => [])
  for (const entry of entries) {
    if (entry.isFile()) bytes += (await stat(path.join(entry.parentPath, entry.name)).catch(() => ({ size: 0 }))).size
  }
  return bytes
}

const isSet = (value: string | undefined): boolean =>
  value !== undefined && !['', '0', 'false', 'no', 'off'].includes(value.toLowerCase())
