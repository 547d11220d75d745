import { statSync } from 'node:fs'
import module from 'node:module'
import { fileURLToPath } from 'node:url'

const DIST = new URL('../../', import.meta.url)

/**
 * The module of a program, given by its place below `dist`: the one of the bundle, which starts in half of the time since it is some files instead of
 * hundreds, or the one that the compiler wrote, where that has written anything since the bundle was made.
 */
export function programModule(place: string, dist: URL = DIST): URL {
  const bundled = new URL(`bundle/${place}`, dist)
  const [madeAt, compiledAt] = [writtenAt(bundled), writtenAt(new URL('.tsbuildinfo', dist))]
  return madeAt !== undefined && madeAt >= (compiledAt ?? 0) ? bundled : new URL(place, dist)
}

/** Runs a program in this process. Versions of Node that can keep what they have compiled do so. */
export async function runProgramModule(place: string): Promise<void> {
  const { enableCompileCache } = module as { enableCompileCache?: (directory: string) => unknown }
  enableCompileCache?.(fileURLToPath(new URL('.compile-cache', DIST)))
  await import(programModule(place).href)
}

const writtenAt = (file: URL): number | undefined => statSync(file, { throwIfNoEntry: false })?.mtimeMs
