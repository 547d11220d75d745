import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tableText } from '../daemon/kit/terminal/table.js'
import { DeskUnderTest } from '../test/daemon/manager/stages/desk-under-test.js'

/**
 * How fast the manager hands out stage tasks, on SQLite, with 50 workers and so many sectors in flight: `node dist/bench/stage-claims.js [SECTORS]`. A claim
 * is a decision over all tasks and workers, and a commit.
 */
const WORKERS = 50
const SECTORS = Number(process.argv[2] ?? 2_000)
const CLAIMS = Math.min(300, SECTORS)
const ROOM = 2 ** 50

const dir = mkdtempSync(join(tmpdir(), 'stage-claims-'))
const of = await DeskUnderTest.open(join(dir, 'manager.db'))
const nameOf = (index: number): string => `worker ${index % WORKERS}`

async function timed(
  what: string,
  count: number,
  work: (index: number) => Promise<unknown>,
): Promise<(string | number)[]> {
  const took: number[] = []
  const start = performance.now()
  for (let index = 0; index < count; index++) {
    const begin = performance.now()
    await work(index)
    took.push(performance.now() - begin)
  }
  const perSecond = Math.round((count / (performance.now() - start)) * 1_000)
  took.sort((a, b) => a - b)
  return [what, count, perSecond, (took[count >> 1] ?? 0).toFixed(1), (took[Math.floor(count * 0.99)] ?? 0).toFixed(1)]
}

try {
  for (let index = 0; index < WORKERS; index++)
    await of.report(nameOf(index), {
      MemoryBytes: ROOM,
      Cores: 1_000,
      TasksAtOnce: SECTORS,
      Paths: [{ ID: `path ${index}`, Location: '', CanSeal: true, CanStore: true, FreeBytes: ROOM }],
    })
  of.sectorsToBegin = SECTORS
  const grants = new Map<number, NonNullable<Awaited<ReturnType<typeof of.claim>>>>()
  const rows = [
    await timed('claim that begins a sector', SECTORS, async index => {
      grants.set(index, (await of.claim(nameOf(index)))!)
    }),
    await timed('claim that gets nothing', CLAIMS, index => of.claim(nameOf(index))),
    await timed('report', CLAIMS, index => of.report(nameOf(index), { MemoryBytes: ROOM })),
    await timed('end of a task', CLAIMS, index => of.next(grants.get(index)!, 'TreeDBuilt')),
  ]
  console.log(tableText(['what', 'times', 'a second', 'p50 ms', 'p99 ms'], rows))
} finally {
  await of.db.destroy()
  rmSync(dir, { recursive: true, force: true })
}
