import type { Stats } from 'node:fs'
import { lstat, mkdir, readdir, realpath, rename, rm, stat, symlink } from 'node:fs/promises'
import path from 'node:path'
import type { StageOutput, StageTask } from '../../rpc-schema/processor/stages.js'
import { SealError } from '../../rpc-schema/seal-error.js'
import { COPY_CHECKS, type CopyCheck, type CopyOptions, copyFile, mayContinue, syncDirectory } from './copy-file.js'
import { errorCode, onFile } from './file-error.js'
import { isDiskFull, requireSpace } from './free-space.js'
import { partPath, sameContent } from './partial-copy.js'
import type { StageContext } from './stage-context.js'

type Route = StageTask<'transfer'>['routes'][number]

/**
 * Brings files and directories to where they are kept: by a symbolic link where the route allows one and `DISABLE_LINK` is not set,
 * else by a copy that appears under its name only when it is complete, on disk and checked. What stood there is replaced. A copy that
 * was interrupted is continued. `TRANSFER_VERIFY` says how copies are checked (`off`, `size`, `hash`); the default is `hash`: reading a
 * sector back takes minutes, finding out at its first deadline that it is damaged costs a fault fee a day.
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

  await checkSpace(jobs)
  const check = copyCheck(context.env.TRANSFER_VERIFY)
  // Reading back is counted as copying is, so the share of the work that is done never goes back.
  const passes = check === 'hash' ? 2 : 1
  const totalBytes = passes * jobs.reduce((sum, job) => sum + (job.link ? 0 : job.bytes), 0)
  let doneBytes = 0
  const copyOptions: CopyOptions = {
    signal: context.signal,
    check,
    onBytes: (bytes, step) => {
      if (step === 'verify' && passes === 1) return
      doneBytes += bytes
      context.onProgress?.({ done: totalBytes === 0 ? 1 : Math.min(1, doneBytes / totalBytes), step })
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

function copyCheck(value: string | undefined): CopyCheck {
  if (value === undefined || value === '') return 'hash'
  const found = COPY_CHECKS.find(check => check === value)
  if (found !== undefined) return found
  throw new SealError('permanent', `TRANSFER_VERIFY: expected one of ${COPY_CHECKS.join(', ')}, found ${value}`)
}

interface Job {
  readonly src: string
  readonly dest: string
  readonly link: boolean
  readonly bytes: number
}

/**
 * All copies of a task must fit before the first one begins. Those that stay on a file system are looked at only when they turn out to
 * need space of their own, and what an interrupted copy has left counts as space.
 */
async function checkSpace(jobs: readonly Job[]): Promise<void> {
  const needs = new Map<number, { directory: string; bytes: number }>()
  for (const { src, dest, link, bytes } of jobs) {
    if (link || bytes === 0) continue
    const { directory, dev } = await existingAbove(dest)
    if (dev === (await onFile('stat', src, () => stat(src))).dev) continue
    const part = await ifExists(partPath(dest), () => lstat(partPath(dest)))
    const there = part === undefined ? 0 : part.isDirectory() ? await treeBytes(partPath(dest)) : part.size
    const need = needs.get(dev) ?? { directory, bytes: 0 }
    need.bytes += Math.max(0, bytes - there)
    needs.set(dev, need)
  }
  for (const { directory, bytes } of needs.values()) await requireSpace(directory, 'the files to copy', bytes)
}

/** The nearest directory above a path that is there. */
async function existingAbove(file: string): Promise<{ directory: string; dev: number }> {
  const directory = path.dirname(file)
  const found = await ifExists(directory, () => stat(directory))
  return found === undefined && directory !== file
    ? await existingAbove(directory)
    : { directory, dev: found?.dev ?? 0 }
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
  try {
    await copyTree(src, part, [], options)
    await onFile('rename to', dest, () => replace(part, dest))
  } catch (error) {
    if (isDiskFull(error) || !mayContinue(error, options.signal)) {
      await rm(part, { force: true, recursive: true }).catch(() => {})
    }
    throw error
  }
}

/** A directory cannot be renamed over one that has entries, nor over a link. */
async function replace(part: string, dest: string): Promise<void> {
  await rm(dest, { force: true, recursive: true })
  await rename(part, dest)
}

/** What an interrupted attempt has copied is kept where it is the same, and everything else that is there removed. */
async function copyTree(src: string, dest: string, above: readonly string[], options: CopyOptions): Promise<void> {
  const real = await onFile('resolve', src, () => realpath(src))
  if (above.includes(real)) throw new SealError('permanent', `a link leads back to a directory above it: ${src}`)
  const there = await ifExists(dest, () => lstat(dest))
  if (there !== undefined && !there.isDirectory()) await onFile('remove', dest, () => rm(dest))
  await onFile('create', dest, () => mkdir(dest, { recursive: true }))
  const names = await onFile('list', src, () => readdir(src))
  for (const name of names) {
    const [from, to] = [path.join(src, name), path.join(dest, name)]
    const entry = await onFile('stat', from, () => stat(from))
    if (entry.isDirectory()) await copyTree(from, to, [...above, real], options)
    else if (entry.isFile()) await copyIntoTree(from, to, entry.size, options)
    else throw new SealError('permanent', `neither a file nor a directory: ${from}`)
  }
  for (const name of await onFile('list', dest, () => readdir(dest))) {
    const surplus = path.join(dest, name)
    if (!names.includes(name)) await onFile('remove', surplus, () => rm(surplus, { recursive: true }))
  }
  await syncDirectory(dest)
}

async function copyIntoTree(from: string, to: string, bytes: number, options: CopyOptions): Promise<void> {
  const there = await ifExists(to, () => lstat(to))
  if (there?.isFile() && (await sameContent(from, to, options.signal))) {
    options.onBytes?.(bytes, 'copy')
    options.onBytes?.(bytes, 'verify')
    return
  }
  options.signal?.throwIfAborted()
  if (there !== undefined) await onFile('remove', to, () => rm(to, { recursive: true }))
  await copyFile(from, to, options)
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
