import { z } from 'zod'
import { shortDuration } from '../../kit/config/effective-table.js'
import { fileSchema } from '../../kit/config/file-schema.js'
import { defaultInFile, noteOf, typeText } from '../../kit/config/key.js'
import { tomlText } from '../../kit/config/toml-text.js'
import { CHECKS } from './checks.js'

import { OLD_NAMES } from './old-names.js'
import { CHILD_STAGES, ChildEntry } from './processors-config.js'
import { SealingOverrides } from './sealing-config.js'
import { AttachedEntry, ThreadEntry, WorkerFile } from './worker-file.js'

const cell = (text: string): string => text.replaceAll('|', '\\|')

/** The rows of every key below a schema. */
function rows(schema: z.ZodType, keys: readonly string[] = []): string[] {
  return Object.entries((fileSchema(schema) as z.ZodObject).shape as Record<string, z.ZodType>).flatMap(
    ([name, value]): string[] => {
      const key = [...keys, name]
      if (fileSchema(value) instanceof z.ZodObject) return rows(value, key)
      const note = noteOf(value)
      if (note === undefined) return []
      const standard = shortDuration(defaultInFile(value))
      const absent =
        standard !== undefined ? `\`${tomlText(standard)}\`` : note.absent === undefined ? '**required**' : note.absent
      return [`| \`${key.join('.')}\` | ${cell(typeText(value))} | ${cell(absent)} | ${cell(note.about)} |`]
    },
  )
}

const table = (title: string, text: string, schema: z.ZodType): string =>
  [
    `### ${title}`,
    ...(text === '' ? [] : [text, '']),
    '| key | type | default | meaning |',
    '|---|---|---|---|',
    ...rows(schema),
    '',
  ].join('\n')

const AT_START = {
  refuse: 'does not start',
  warn: 'starts, with a warning',
  itself: 'tells of it when it opens the place',
}

/** Every key, old name and check, as Markdown. */
export function keysMarkdown(): string {
  const { shape } = WorkerFile
  const threads = ThreadEntry.omit({ sealing: true })
  return [
    table('[worker]', '', shape.worker),
    table('[metrics]', '', shape.metrics),
    table('[sector_manager]', '', shape.sector_manager),
    table(
      '[sealing]',
      'For all threads; in a `[[sealing_thread]]` as `sealing.KEY`, for that one only.',
      SealingOverrides,
    ),
    table('[[sealing_thread]]', 'And `sealing.KEY` for each key of `[sealing]`.', threads),
    table('[[attached]]', '', AttachedEntry),
    table('[processors]', '', shape.processors),
    table(
      '[[processors.STAGE]]',
      `STAGE is one of ${CHILD_STAGES.map(stage => `\`${stage}\``).join(', ')}.`,
      ChildEntry,
    ),
    '### Old names',
    '| written | read as | |',
    '|---|---|---|',
    ...OLD_NAMES.map(
      ({ old, now, about }) => `| \`${old.join('.')}\` | ${now ? `\`${now.join('.')}\`` : '–'} | ${about} |`,
    ),
    '',
    '### What is checked',
    'Beyond the form of each value (a wrong one keeps the daemon from starting).',
    '',
    '| it is so that | else `config check` tells a | and the daemon |',
    '|---|---|---|',
    ...CHECKS.map(({ what, found, atStart }) => `| ${what} | ${found} | ${AT_START[atStart]} |`),
    '',
  ].join('\n')
}
