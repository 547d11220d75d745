import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'

const FILE = 'restored.json'

/** Left in a home by a restore, until a manager has started on it. */
const RestoredMark = z.object({ copiedAt: z.int(), restoredAt: z.int(), acknowledged: z.boolean() })
export type RestoredMark = z.infer<typeof RestoredMark>

const file = (homeDir: string): string => join(homeDir, FILE)

export const writeMark = (homeDir: string, mark: RestoredMark): Promise<void> =>
  writeFile(file(homeDir), `${JSON.stringify(mark)}\n`)

/** undefined when nothing was restored since the last start. */
export async function readMark(homeDir: string): Promise<RestoredMark | undefined> {
  let text: string
  try {
    text = await readFile(file(homeDir), 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  return RestoredMark.parse(JSON.parse(text))
}

export const clearMark = (homeDir: string): Promise<void> => rm(file(homeDir), { force: true })

/** The operator knows that what was sealed since the copy was made is missing. */
export async function acknowledge(homeDir: string): Promise<boolean> {
  const mark = await readMark(homeDir)
  if (mark === undefined) return false
  await writeMark(homeDir, { ...mark, acknowledged: true })
  return true
}
