import type { TomlFile } from './toml-file.js'

/** One setting as it holds. */
export interface EffectiveSetting {
  /** Below its table: `rpc_server`, `port`. */
  readonly key: readonly string[]
  /** As it would stand in the file; secrets are hidden. undefined: not set. */
  readonly value: unknown
  /** What it means that nothing is set. */
  readonly absent?: string | undefined
  /** `FILE:line`, `[sealing] FILE:line`, `default`, `env NAME`, `file PATH`. */
  readonly origin: string
}

/** A table of the file, every setting of it. */
export interface EffectiveTable {
  /** `[worker]`, `[[sealing_thread]]` */
  readonly header: string
  /** Of an array of tables: which one, from 0. */
  readonly index?: number
  readonly settings: readonly EffectiveSetting[]
}

type Path = readonly (string | number)[]

/** What stands at a path of a parsed file. */
export function valueAt(value: unknown, path: Path): unknown {
  let at = value
  for (const key of path)
    at = at === null || typeof at !== 'object' ? undefined : (at as Record<PropertyKey, unknown>)[key]
  return at
}

/** `FILE:line` of a key. */
export const place = (file: TomlFile, path: Path): string => {
  const line = file.lineOf(path)
  return line === undefined ? file.name : `${file.name}:${line}`
}

/** Go writes `3m0s`; nobody else does. */
export const shortDuration = (value: unknown): unknown =>
  typeof value === 'string' ? value.replace(/(?<=\dm)0s$/, '').replace(/(?<=\dh)0m$/, '') : value
