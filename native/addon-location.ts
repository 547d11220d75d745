import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join, relative, resolve, sep } from 'node:path'

type Env = Readonly<Record<string, string | undefined>>

/** What the Rust side can be built with; none of them is needed. */
export const NATIVE_FEATURES = ['cuda', 'cuda-supraseal', 'opencl', 'multicore-sdr'] as const
export type NativeFeature = (typeof NATIVE_FEATURES)[number]

/** Everything that decides what comes out of the compiler. The dev-parameters are compiled in. */
const SOURCES = ['Cargo.toml', 'Cargo.lock', 'core', 'addon', 'dev-parameters']

/** Folder `native/` of the checkout, seen from the sources and from `dist/`. */
export function nativeDirectory(): string {
  let at = import.meta.dirname
  while (!existsSync(join(at, 'native', 'Cargo.toml'))) {
    const up = dirname(at)
    if (up === at) throw new Error(`no native/Cargo.toml above ${import.meta.dirname}`)
    at = up
  }
  return join(at, 'native')
}

/** Where built and generated things are kept, outside of any checkout: a fresh clone finds them again. */
export function cacheDirectory(env: Env = process.env): string {
  if (env.SEALYARD_CACHE) return resolve(env.SEALYARD_CACHE)
  const base = env.XDG_CACHE_HOME || join(env.HOME || homedir(), '.cache')
  return join(base, 'sealyard')
}

/** `$SEALYARD_NATIVE_FEATURES`, a list with commas. Throws on a name that does not exist. */
export function wantedFeatures(env: Env = process.env): NativeFeature[] {
  const names = (env.SEALYARD_NATIVE_FEATURES ?? '')
    .split(',')
    .map(name => name.trim())
    .filter(name => name !== '')
  for (const name of names) {
    if (!NATIVE_FEATURES.includes(name as NativeFeature))
      throw new Error(
        `SEALYARD_NATIVE_FEATURES: unknown feature ${JSON.stringify(name)}, expected ${NATIVE_FEATURES.join(', ')}`,
      )
  }
  if (names.includes('cuda') && names.includes('cuda-supraseal'))
    throw new Error('SEALYARD_NATIVE_FEATURES: cuda and cuda-supraseal exclude each other')
  return [...new Set(names as NativeFeature[])].sort()
}

function filesUnder(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path]
  return readdirSync(path)
    .sort()
    .flatMap(name => filesUnder(join(path, name)))
}

/** Hash of the Rust sources, the platform and the features: the same hash is the same addon. */
export function sourceHash(features: readonly NativeFeature[], directory = nativeDirectory()): string {
  const hash = createHash('sha256')
  hash.update(`${process.platform} ${process.arch} ${features.join(',')}\n`)
  for (const source of SOURCES) {
    for (const file of filesUnder(join(directory, source))) {
      hash.update(`${relative(directory, file).split(sep).join('/')}\n`)
      hash.update(readFileSync(file))
    }
  }
  return hash.digest('hex').slice(0, 16)
}

export interface AddonLocation {
  readonly path: string
  /** `given` by `$SEALYARD_NATIVE`, or `built` from these sources. */
  readonly kind: 'given' | 'built'
}

/** The addon that belongs to this checkout, whether it is there or not. */
export function addonLocation(env: Env = process.env): AddonLocation {
  const given = env.SEALYARD_NATIVE
  if (given) return { path: resolve(given), kind: 'given' }
  const hash = sourceHash(wantedFeatures(env))
  return { path: join(cacheDirectory(env), 'native', hash, 'sealyard-prover.node'), kind: 'built' }
}
