import type { Dirent } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { touch } from './deadline.js'

const isPattern = (segment: string): boolean => /[*?[]/.test(segment)

/** `store-[0-9]*` as an expression; a leading dot is only matched by a dot. */
function segmentExpression(segment: string): RegExp {
  const body = segment.replace(/\[!?[^\]]+\]|[\s\S]/g, part => {
    if (part === '*') return '[^/]*'
    if (part === '?') return '[^/]'
    if (part.length > 1) return part.replace(/^\[!/, '[^')
    return part.replace(/[\\^$.|+(){}[\]]/, '\\$&')
  })
  return new RegExp(`^${segment.startsWith('.') ? '' : '(?!\\.)'}${body}$`)
}

/** How the file system is looked at. */
export interface DirectoryReader {
  readdir(directory: string): Promise<Dirent[]>
  isDirectory(path: string): Promise<boolean>
  /** How long a single look may take. */
  readonly deadlineMs?: number
}

const REAL: DirectoryReader = {
  readdir: directory => readdir(directory, { withFileTypes: true }),
  isDirectory: path => stat(path).then(found => found.isDirectory()),
}

/** What is missing or closed to us matches nothing; a mount that hangs is told of. */
async function look<T>(reader: DirectoryReader, path: string, operation: Promise<T>, otherwise: T): Promise<T> {
  const found = operation.catch(() => otherwise)
  return await touch(path, found, reader.deadlineMs)
}

/** The directories that a shell pattern names (`*`, `?`, `[a-z]`, and `**` for any depth), in the order of their names. Throws at a hung mount. */
export async function* directories(pattern: string, reader: DirectoryReader = REAL): AsyncIterable<string> {
  const segments = resolve(pattern).split('/').slice(1)
  yield* walk('/', segments, reader)
}

async function* walk(at: string, segments: readonly string[], reader: DirectoryReader): AsyncIterable<string> {
  const [segment, ...rest] = segments
  if (segment === undefined) {
    if (await look(reader, at, reader.isDirectory(at), false)) yield at
    return
  }
  if (!isPattern(segment)) {
    yield* walk(join(at, segment), rest, reader)
    return
  }
  if (segment === '**') yield* walk(at, rest, reader)
  const expression = segmentExpression(segment === '**' ? '*' : segment)
  const found = (await look(reader, at, reader.readdir(at), []))
    .filter(entry => expression.test(entry.name))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
  for (const entry of found) {
    if (segment !== '**') yield* walk(join(at, entry.name), rest, reader)
    else if (entry.isDirectory()) yield* walk(join(at, entry.name), segments, reader)
  }
}
