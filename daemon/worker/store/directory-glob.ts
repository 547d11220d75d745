import type { Dirent } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'

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

async function entries(directory: string): Promise<Dirent[]> {
  try {
    return await readdir(directory, { withFileTypes: true })
  } catch {
    return []
  }
}

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    found => found.isDirectory(),
    () => false,
  )
}

/** The directories that a shell pattern names (`*`, `?`, `[a-z]`, and `**` for any depth), in the order of their names. */
export async function* directories(pattern: string): AsyncIterable<string> {
  const segments = resolve(pattern).split('/').slice(1)
  yield* walk('/', segments)
}

async function* walk(at: string, segments: readonly string[]): AsyncIterable<string> {
  const [segment, ...rest] = segments
  if (segment === undefined) {
    if (await isDirectory(at)) yield at
    return
  }
  if (!isPattern(segment)) {
    yield* walk(join(at, segment), rest)
    return
  }
  if (segment === '**') yield* walk(at, rest)
  const expression = segmentExpression(segment === '**' ? '*' : segment)
  const found = (await entries(at))
    .filter(entry => expression.test(entry.name))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
  for (const entry of found) {
    if (segment !== '**') yield* walk(join(at, entry.name), rest)
    else if (entry.isDirectory()) yield* walk(join(at, entry.name), segments)
  }
}
