import { readFileSync } from 'node:fs'
import TOML from '@iarna/toml'
import { pathText } from '../../../rpc-schema/schema-issue.js'
import { ConfigError } from './config-error.js'
import { keyLines } from './toml-lines.js'

export type TomlTable = Record<string, unknown>

/** A parsed TOML file that still knows on which line each key stands. */
export interface TomlFile {
  readonly name: string
  readonly value: TomlTable
  /** Line (from 1) of a key, or of the nearest table above it that is written in the file. */
  lineOf(path: readonly PropertyKey[]): number | undefined
}

/** Parses TOML text; a syntax error names the file and the line. */
export function parseToml(text: string, name: string): TomlFile {
  let value: TomlTable
  try {
    value = plain(TOML.parse(text)) as TomlTable
  } catch (error) {
    // The parser counts lines from 0 and adds a picture of the place behind the first line of its message.
    const { line, message } = error as Error & { line?: number }
    const what = message.split('\n', 1)[0]!.replace(/ at row \d+, col \d+, pos \d+:?$/, '')
    throw new ConfigError(name, [
      { line: line === undefined ? undefined : line + 1, path: '', message: `broken TOML: ${what}` },
    ])
  }
  const lines = keyLines(text)
  return {
    name,
    value,
    lineOf(path) {
      for (let length = path.length; length > 0; length--) {
        const line = lines.get(pathText(path.slice(0, length)))
        if (line !== undefined) return line
      }
      return undefined
    },
  }
}

/** Reads and parses a file at start-up. */
export function readTomlFile(path: string): TomlFile {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such file' : (error as Error).message
    throw new ConfigError(path, [{ line: undefined, path: '', message: `cannot read it: ${why}` }], { cause: error })
  }
  return parseToml(text, path)
}

/** The parser's tables carry symbols and a null prototype; dates and big integers pass as they are. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null || value instanceof Date) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]))
}
