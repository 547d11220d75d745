import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { eventually } from '../harness/eventually.js'
import { seeded } from '../harness/seeded.js'

export const SEED = Number(process.env.SEALYARD_SEED ?? Date.now() % 1_000_000)
export const LIMIT_MS = 120_000
/** Proofs that are wanted at any time: whoever is started is never without work. */
const WANTED = 4

export interface Provers {
  /** Has a proof made; `number` is another one each time. */
  prove(number: number): Promise<{ readonly proofs: readonly unknown[] }>
  /** Arguments of Node for a process that proves. */
  readonly args: readonly string[]
  /** How often one is killed. */
  readonly kills: number
  /** What it logs when it has taken a task. */
  readonly taken: RegExp
}

/** Processes that prove are killed at any moment, one after the other, while proofs are wanted all the time; then one is left alone. How many were asked for, and made. */
export async function madeThoughKilled({
  prove,
  args,
  kills,
  taken,
}: Provers): Promise<{ asked: number; made: number }> {
  const random = seeded(SEED)
  let asked = 0
  let made = 0
  let isOver = false
  const wanting = Array.from({ length: WANTED }, async () => {
    while (!isOver) {
      asked += 1
      const { proofs } = await prove(asked)
      made += proofs.length
    }
  })
  const start = async (): Promise<ChildProcess> => {
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] })
    let hasTask = false
    createInterface({ input: child.stderr }).on('line', line => {
      hasTask ||= taken.test(line)
    })
    try {
      await eventually('a process with a task', LIMIT_MS, () => hasTask || undefined)
    } catch (error) {
      child.kill('SIGKILL')
      throw error
    }
    return child
  }
  const end = async (child: ChildProcess): Promise<void> => {
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }
  for (let killed = 0; killed < kills; killed++) {
    const child = await start()
    await new Promise(resolve => setTimeout(resolve, random() * 500))
    await end(child)
  }
  const last = await start()
  isOver = true
  try {
    await Promise.all(wanting)
  } finally {
    await end(last)
  }
  return { asked, made }
}
