import { z } from 'zod'
import { fileSchema } from '../../kit/config/file-schema.js'
import { typeText } from '../../kit/config/key.js'
import { tomlText } from '../../kit/config/toml-text.js'
import { CHECKS } from './checks.js'
import { defaultInFile } from './effective.js'
import { ManagerSettings } from './manager-settings.js'
import { keyNotes } from './notes.js'
import { OLD_KEYS } from './old-keys.js'
import { RELOAD_RULES } from './reload-rules.js'

const cell = (text: string): string => text.replaceAll('|', '\\|')

/** The type of a value as it stands in the file. */
function fileType(schema: z.ZodType): string {
  const title = titleOf(schema)
  if (title !== undefined) return title
  const inner = fileSchema(schema)
  if (inner instanceof z.ZodArray) return `array of ${fileType(inner.element as z.ZodType)}`
  if (inner instanceof z.ZodUnion) return inner.options.map(option => fileType(option as z.ZodType)).join(' or ')
  return typeText(inner)
}

function titleOf(schema: z.ZodType): string | undefined {
  for (let at: z.ZodType = schema; ; ) {
    const title = at.meta()?.title
    if (title !== undefined) return title
    if (at instanceof z.ZodOptional || at instanceof z.ZodDefault || at instanceof z.ZodPrefault)
      at = at.unwrap() as never
    else if (at instanceof z.ZodNullable) at = at.unwrap() as never
    else return undefined
  }
}

interface Table {
  readonly header: string
  readonly about: string | undefined
  readonly rows: string[]
}

function tablesOf(schema: z.ZodType, names: readonly string[], array: boolean, about?: string): Table[] {
  const shape = (fileSchema(schema) as z.ZodObject).shape as Record<string, z.ZodType>
  const rows: string[] = []
  const below: Table[] = []
  for (const [name, value] of Object.entries(shape)) {
    const inner = fileSchema(value)
    const note = keyNotes.get(value)
    if (inner instanceof z.ZodObject) below.push(...tablesOf(value, [...names, name], false, note?.note))
    else if (inner instanceof z.ZodArray && fileSchema(inner.element as z.ZodType) instanceof z.ZodObject)
      below.push(...tablesOf(inner.element as z.ZodType, [...names, name], true, note?.note))
    else if (note !== undefined) {
      const standard = defaultInFile(value)
      const shown = standard === undefined ? 'not set' : `\`${tomlText(standard)}\``
      rows.push(`| \`${name}\` | ${cell(fileType(value))} | ${cell(shown)} | ${cell(note.note)} |`)
    }
  }
  const header = array ? `[[${names.join('.')}]]` : `[${names.join('.')}]`
  return rows.length === 0 ? below : [{ header, about, rows }, ...below]
}

/** Every key, old name, check and rule of the reload, as Markdown. */
export function keysMarkdown(): string {
  const tables = tablesOf(ManagerSettings, [], false).map(({ header, about, rows }) =>
    [
      `### ${header}`,
      ...(about === undefined ? [] : [about, '']),
      '| key | type | default | meaning |',
      '|---|---|---|---|',
      ...rows,
      '',
    ].join('\n'),
  )
  return [
    ...tables,
    '### Old and foreign keys',
    '| written | what becomes of it |',
    '|---|---|',
    ...OLD_KEYS.map(({ key, now }) => `| \`${key}\` | ${cell(now)} |`),
    '',
    '### What is checked',
    'Beyond the form of each value (a wrong one keeps the daemon from starting).',
    '',
    '| it is so that | else `config check` tells a |',
    '|---|---|',
    ...CHECKS.map(({ what, found }) => `| ${what} | ${found} |`),
    '',
    '### What a reload changes',
    '`damocles-manager util config reload`, SIGHUP or SIGUSR1.',
    '',
    '| changed | takes effect |',
    '|---|---|',
    ...RELOAD_RULES.map(
      ({ key, effect, about }) => `| \`${key}\` | ${effect}${about === undefined ? '' : `: ${cell(about)}`} |`,
    ),
    '',
  ].join('\n')
}
