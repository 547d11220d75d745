import type { EffectiveSetting, EffectiveTable } from './effective-table.js'
import { tomlKey, tomlText } from './toml-text.js'

const COMMENT_COLUMN = 56

function line({ key, value, absent, origin }: EffectiveSetting): string {
  const name = key.map(tomlKey).join('.')
  const text = value === undefined ? `# ${name} =` : `${name} = ${tomlText(value)}`
  return `${text.padEnd(COMMENT_COLUMN - 2)}  # ${origin}${absent === undefined ? '' : `: ${absent}`}`
}

/** The effective configuration as a file, each line with where its value came from. What is not set is a comment. */
export function effectiveText(tables: readonly EffectiveTable[]): string {
  return tables
    .map(({ header, index, settings }) => {
      const title = index === undefined ? header : `${header.padEnd(COMMENT_COLUMN - 2)}  # ${index}`
      return `${[title, ...settings.map(line)].join('\n')}\n`
    })
    .join('\n')
}

/** `{"worker.name": …}`: for a log. */
export function effectiveRecord(tables: readonly EffectiveTable[]): Record<string, unknown> {
  return Object.fromEntries(
    tables.flatMap(({ header, index, settings }) => {
      const table = `${header.replace(/[[\]]/g, '')}${index === undefined ? '' : `[${index}]`}`
      return settings
        .filter(({ value }) => value !== undefined)
        .map(({ key, value }): [string, unknown] => [`${table}.${key.join('.')}`, value])
    }),
  )
}
