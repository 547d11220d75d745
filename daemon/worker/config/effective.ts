import { resolve } from 'node:path'
import { z } from 'zod'
import { pathText } from '../../../rpc-schema/schema-issue.js'
import {
  type EffectiveSetting,
  type EffectiveTable,
  place,
  shortDuration,
  valueAt,
} from '../../kit/config/effective-table.js'
import { fileSchema } from '../../kit/config/file-schema.js'
import { HIDDEN, withoutTokens } from '../../kit/config/hidden.js'
import { defaultInFile, noteOf } from '../../kit/config/key.js'
import type { TomlFile } from '../../kit/config/toml-file.js'
import { DEFAULT_CHILD, FOREIGN_STABLE_WAIT_MS } from '../processors/processors.js'
import { CHILD_STAGES, ChildEntry, PIECE_TOKEN_ENV } from './processors-config.js'
import { SealingOverrides } from './sealing-config.js'
import { shownArgs, shownEnv } from './secrets.js'
import type { LoadedWorkerConfig } from './worker-config.js'
import { AttachedEntry, ThreadEntry, WorkerFile } from './worker-file.js'

type Path = readonly (string | number)[]

/** A place where a key may be set. The first that sets it wins. */
interface Level {
  readonly file: TomlFile
  readonly path: Path
  /** Put before `FILE:line`. */
  readonly mark?: string
}

interface Special {
  /** Instead of what the schema knows, by dotted key. */
  readonly defaults?: Readonly<Record<string, unknown>>
  readonly absent?: Readonly<Record<string, string>>
}

/** Every configuration value that is in force, secrets hidden. Reads back as the same configuration, but for the secrets. */
export function effectiveConfig(
  { config, source }: LoadedWorkerConfig,
  hot: ReadonlyMap<number, TomlFile> = new Map(),
): EffectiveTable[] {
  const { file, secrets } = source
  const main = (path: Path, mark?: string): Level => ({ file, path, ...(mark !== undefined && { mark }) })

  const settingsOf = (schema: z.ZodType, levels: readonly Level[], special: Special = {}): EffectiveSetting[] => {
    const found: EffectiveSetting[] = []
    const walk = (at: z.ZodType, keys: readonly string[]): void => {
      for (const [name, value] of Object.entries((fileSchema(at) as z.ZodObject).shape as Record<string, z.ZodType>)) {
        const key = [...keys, name]
        if (fileSchema(value) instanceof z.ZodObject) walk(value, key)
        else if (noteOf(value) !== undefined) found.push(...settings(value, key))
      }
    }
    /** One setting; of a table with free names (`envs`), one for each. */
    const settings = (schema: z.ZodType, key: readonly string[]): EffectiveSetting[] => {
      const note = noteOf(schema)!
      for (const level of levels) {
        const value = valueAt(level.file.value, [...level.path, ...key])
        if (value === undefined) continue
        const names = fileSchema(schema) instanceof z.ZodRecord ? Object.keys(value as object) : []
        if (names.length === 0) return [written(level, key, value, note.secret)]
        return names.map(name => written(level, [...key, name], valueAt(value, [name]), note.secret))
      }
      const standard = special.defaults?.[key.join('.')] ?? shortDuration(defaultInFile(schema))
      if (standard !== undefined) return [{ key, value: standard, origin: 'default' }]
      return [{ key, value: undefined, absent: special.absent?.[key.join('.')] ?? note.absent, origin: 'default' }]
    }
    const written = (level: Level, key: readonly string[], value: unknown, secret = false): EffectiveSetting => {
      const path = [...level.path, ...key]
      const where = `${level.mark === undefined ? '' : `${level.mark} `}${place(level.file, path)}`
      const origin = (level.file === file ? secrets.get(pathText(path)) : undefined) ?? where
      return { key, value: shown(key, value, secret), origin }
    }
    walk(schema, [])
    return found
  }

  const tables: EffectiveTable[] = []
  const shape = WorkerFile.shape
  tables.push({ header: '[worker]', settings: settingsOf(shape.worker, [main(['worker'])]) })
  tables.push({ header: '[metrics]', settings: settingsOf(shape.metrics, [main(['metrics'])]) })
  tables.push({
    header: '[sector_manager]',
    settings: settingsOf(shape.sector_manager, [main(['sector_manager'])]),
  })
  tables.push({ header: '[sealing]', settings: settingsOf(SealingOverrides, [main(['sealing'])]) })

  for (const [index, { entry, location }] of source.threads.entries()) {
    const own = main(['sealing_thread', entry])
    const changed = hot.get(index)
    const settings = settingsOf(ThreadEntry.omit({ sealing: true, count: true }), [
      ...(changed === undefined ? [] : [{ file: withoutLocation(changed), path: [] }]),
      own,
    ]).map(setting => (setting.key[0] === 'location' ? { ...setting, value: location } : setting))
    const sealing = settingsOf(SealingOverrides, [
      ...(changed === undefined ? [] : [{ file: changed, path: ['sealing'] }]),
      main([...own.path, 'sealing']),
      main(['sealing'], '[sealing]'),
    ])
    tables.push({
      header: '[[sealing_thread]]',
      index,
      settings: [...settings, ...sealing.map(setting => ({ ...setting, key: ['sealing', ...setting.key] }))],
    })
  }

  for (const [index, { location }] of config.attached.entries()) {
    tables.push({
      header: '[[attached]]',
      index,
      settings: settingsOf(AttachedEntry, [main(['attached', index])], {
        absent: { name: `the absolute path of its location: ${resolve(location)}` },
      }),
    })
  }

  tables.push({ header: '[processors]', settings: settingsOf(shape.processors, [main(['processors'])]) })
  for (const stage of CHILD_STAGES) {
    for (const [index, child] of (config.processors.children[stage] ?? []).entries()) {
      const token = stage === 'add_pieces' && config.manager.pieceToken !== undefined
      const settings = settingsOf(ChildEntry, [main(['processors', stage, index])], {
        defaults: {
          stable_wait:
            child.bin === undefined ? `${DEFAULT_CHILD.stableWaitMs / 1_000}s` : `${FOREIGN_STABLE_WAIT_MS / 1_000}s`,
        },
        absent: { args: `["processor", "${stage}"]` },
      })
      tables.push({
        header: `[[processors.${stage}]]`,
        index,
        settings: token ? withPieceToken(settings) : settings,
      })
    }
  }
  return tables
}

/** A `location` there has no effect. */
const withoutLocation = (file: TomlFile): TomlFile => {
  const { location: _, ...value } = file.value
  return { ...file, value }
}

const REFERENCE = /^(env|file):(?!\/\/)/

/** A value without what must not be seen. One that stands elsewhere is a secret whatever its name. */
function shown(key: readonly string[], value: unknown, secret: boolean): unknown {
  const [first, name] = key
  if (secret) return HIDDEN
  if (first === 'envs' && name !== undefined) {
    const text = String(value)
    return REFERENCE.test(text) ? HIDDEN : shownEnv(name, text)
  }
  if (first === 'args') return shownArgs(value as string[])
  return typeof value === 'string' ? withoutTokens(value) : value
}

/** The processors that fetch pieces are given the token for it. */
function withPieceToken(settings: readonly EffectiveSetting[]): EffectiveSetting[] {
  if (settings.some(({ key }) => key[0] === 'envs' && key[1] === PIECE_TOKEN_ENV)) return [...settings]
  const at = settings.findLastIndex(({ key }) => key[0] === 'envs')
  const token = { key: ['envs', PIECE_TOKEN_ENV], value: HIDDEN, origin: 'sector_manager.piece_token' }
  const before = settings.slice(0, settings[at]?.value === undefined ? at : at + 1)
  return [...before, token, ...settings.slice(at + 1)]
}
