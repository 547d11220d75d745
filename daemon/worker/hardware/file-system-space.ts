import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

/** Bytes. `freeBytes` is what a plain user may still write. */
export interface FileSystemSpace {
  readonly totalBytes: number
  readonly usedBytes: number
  readonly freeBytes: number
}

const DEADLINE_MS = 3_000
/** For the process to come up on a machine that is busy. */
const START_MS = 30_000

/**
 * Asks in a process of its own: a question to a hung mount can be neither cancelled nor waited for, and would keep this process from
 * ending. It answers an empty line when it is up, then a line for each path, in order.
 */
const ASK = `
const { statfsSync, writeSync } = require('node:fs')
writeSync(1, '\\n')
for (const path of process.argv.slice(1)) {
  let line = 'null'
  try {
    const { bsize, blocks, bfree, bavail } = statfsSync(path, { bigint: true })
    line = JSON.stringify([blocks, blocks - bfree, bavail].map(count => Number(count * bsize)))
  } catch {}
  writeSync(1, line + '\\n')
}`

/** Starts the process that asks. */
export type SpawnAsking = (paths: readonly string[]) => ChildProcess

const spawnAsking: SpawnAsking = paths =>
  spawn(process.execPath, ['-e', ASK, '--', ...paths], { stdio: ['ignore', 'pipe', 'ignore'] })

/** Space of the file systems at these paths. One that does not answer within the deadline, or fails, is missing from the result. */
export async function fileSystemSpaces(
  paths: readonly string[],
  { deadlineMs = DEADLINE_MS, spawnAsking: ask = spawnAsking }: { deadlineMs?: number; spawnAsking?: SpawnAsking } = {},
): Promise<Map<string, FileSystemSpace>> {
  const found = new Map<string, FileSystemSpace>()
  let rest = [...paths]
  while (rest.length > 0) {
    const answers = await answersOf(ask(rest), rest.length, deadlineMs)
    for (const [index, answer] of answers.entries()) {
      if (answer !== undefined) found.set(rest[index]!, answer)
    }
    // The path after the last answer is the one that hangs.
    rest = rest.slice(answers.length + 1)
  }
  return found
}

/** The answers until the process ends or keeps silent for too long. */
async function answersOf(
  child: ChildProcess,
  count: number,
  deadlineMs: number,
): Promise<(FileSystemSpace | undefined)[]> {
  const answers: (FileSystemSpace | undefined)[] = []
  await new Promise<void>(resolve => {
    let timer = setTimeout(resolve, START_MS)
    child.on('error', () => resolve())
    const lines = createInterface({ input: child.stdout! })
    lines.on('line', line => {
      if (line !== '') answers.push(spaceOf(line))
      clearTimeout(timer)
      if (answers.length === count) resolve()
      else timer = setTimeout(resolve, deadlineMs)
    })
    lines.on('close', () => {
      clearTimeout(timer)
      resolve()
    })
  })
  child.kill('SIGKILL')
  child.stdout?.destroy()
  child.unref()
  return answers
}

function spaceOf(line: string): FileSystemSpace | undefined {
  const values: unknown = JSON.parse(line)
  if (!Array.isArray(values)) return undefined
  const [totalBytes, usedBytes, freeBytes] = values as [number, number, number]
  return { totalBytes, usedBytes, freeBytes }
}
