import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tableText } from '../daemon/kit/terminal/table.js'
import { DeskUnderTest } from '../test/daemon/manager/stages/desk-under-test.js'

/**
 * How fast the manager hands out stage tasks, on SQLite, with 50 workers and so many sectors in flight: `node dist/bench/stage-claims.js [SECTORS]`. A claim
 * is a decision over all tasks and workers, and a commit; those that come at once share it.
 */
const WORKERS = 50
const SECTORS = Number(process.argv[2] ?? 2_000)
const CLAIMS = Math.min(300, SECTORS)
const ROOM = 2 ** 50
const ROOMY = { MemoryBytes: ROOM, Cores: 1_000, TasksAtOnce: SECTORS }

const dir = mkdtempSync(join(tmpdir(), 'stage-claims-'))
const of = await DeskUnderTest.open(join(dir, 'manager.db'))
const nameOf = (index: number): string => `worker ${index % WORKERS}`

const pathsOf = (index: number) => [
  { ID: `path ${index}`, Location: '', CanSeal: true, CanStore: true, FreeBytes: ROOM },
]

async function timed(
  what: string,
  count: number,
  atOnce: number,
  work: (index: number) => Promise<unknown>,
): Promise<(string | number)[]> {
  const took: number[] = []
  const start = performance.now()
  let next = 0
  const one = async (): Promise<void> => {
    while (next < count) {
      const begin = performance.now()
      await work(next++)
      took.push(performance.now() - begin)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, one))
  const perSecond = Math.round((count / (performance.now() - start)) * 1_000)
  took.sort((a, b) => a - b)
  return [what, count, perSecond, (took[count >> 1] ?? 0).toFixed(1), (took[Math.floor(count * 0.99)] ?? 0).toFixed(1)]
}

try {
  for (let index = 0; index < WORKERS; index++)
    await of.report(nameOf(index), {
      ...ROOMY,
      Paths: pathsOf(index),
    })
  of.sectorsToBegin = SECTORS
  const grants = new Map<number, NonNullable<Awaited<ReturnType<typeof of.claim>>>>()
  const begin = async (index: number): Promise<void> => {
    grants.set(index, (await of.claim(nameOf(index)))!)
  }
  const first = SECTORS >> 1
  const report = (index: number) => {
    const own = [...grants].filter(([sector]) => sector % WORKERS === index % WORKERS)
    const Claims = own.map(([, { Claim }]) => Claim)
    return of.report(nameOf(index), { ...ROOMY, Paths: pathsOf(index % WORKERS), Claims })
  }
  const rows = [
    await timed('claim that begins a sector', first, 1, begin),
    await timed('the same, 50 workers at once', SECTORS - first, WORKERS, index => begin(first + index)),
    await timed('claim that gets nothing', CLAIMS, 1, index => of.claim(nameOf(index))),
    await timed('report', CLAIMS, 1, report),
    await timed('report, 50 workers at once', CLAIMS, WORKERS, report),
    await timed('end of a task', first, 1, index => of.next(grants.get(index)!, 'TreeDBuilt')),
    await timed('the same, 50 workers at once', SECTORS - first, WORKERS, index =>
      of.next(grants.get(first + index)!, 'TreeDBuilt'),
    ),
    await timed('claim of a task', CLAIMS, 1, index => of.claim(nameOf(index))),
    await timed('the same, 50 workers at once', first - CLAIMS, WORKERS, index => of.claim(nameOf(index))),
  ]
  console.log(tableText(['what', 'times', 'a second', 'p50 ms', 'p99 ms'], rows))
} finally {
  await of.db.destroy()
  rmSync(dir, { recursive: true, force: true })
}
