import type { Knex } from 'knex'
import type { StageGrant } from '../../../rpc-schema/manager/stages.js'
import { SEAL_PROOFS } from '../../../rpc-schema/wire/proof-types.js'
import { type SectorID, sectorName } from '../../../rpc-schema/wire/sector-id.js'
import type { Clock } from '../../kit/clock.js'
import { GroupCommit } from '../../kit/group-commit.js'
import type { Logger } from '../../kit/log.js'
import type { JobQueue } from '../../kit/queue/job-queue.js'
import { jobOf } from '../../kit/queue/job-table.js'
import type { SectorAllocation } from '../allocation/sector-allocation.js'
import { type Choice, choose } from './scheduler/choose.js'
import { Ledger } from './scheduler/ledger.js'
import { isObstacle, type Placement, verdictOf } from './scheduler/rules.js'
import type { World } from './scheduler/world.js'
import type { BoardView, StageBoard } from './stage-board.js'
import type { StageRepository, StageTask, StageWorker } from './stage-repository.js'
import { STAGE_TABLE } from './stage-table.js'
import { isHeard, ownerOf, workerOf, worldOf } from './stage-world.js'

export interface StageClaimsParts {
  readonly db: Knex
  readonly clock: Clock
  readonly log: Logger
  readonly rows: StageRepository
  readonly queue: JobQueue
  readonly board: StageBoard
  readonly allocation: Pick<SectorAllocation, 'allocate'>
  readonly postingOn: () => string | undefined
  readonly leaseMs: number
  /** Puts a new sector on its way, in a transaction. */
  begin(sector: Parameters<StageRepository['addSector']>[0], trx: Knex.Transaction): Promise<void>
  /** Something was granted, before its owner knows. */
  granted(owner: string, claim: StageGrant['Claim'], leaseUntil: number): void
}

interface Asked {
  readonly worker: string
  readonly owner: string
  resolve(grant: StageGrant | null): void
  reject(error: unknown): void
}

/** What one that asks would get. */
interface Decided {
  readonly asked: Asked
  readonly choice: Choice
  readonly seen: StageTask
  readonly source: StageGrant['Fetch']
}

interface Given {
  readonly grant: StageGrant
  readonly leaseUntil: number
}

/** Claims decided together at the most: the first is not to wait for hundreds. */
const MOST_TOGETHER = 64
/** Decisions made again when another manager has taken something meanwhile. */
const DECISIONS = 8

/**
 * Gives tasks out. Claims that come while others are written down are decided together, one after another, and written in one transaction, which only
 * holds when nobody has taken anything since what they were decided by: managers that share a database never promise the same memory or room twice.
 */
export class StageClaims {
  readonly #parts: StageClaimsParts
  #waiting: Asked[] = []
  #isAtWork = false

  constructor(parts: StageClaimsParts) {
    this.#parts = parts
  }

  /** The next task for a worker: one that waits, or the first of a new sector. */
  claim(worker: string, boot: string): Promise<StageGrant | null> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ worker, owner: ownerOf(worker, boot), resolve, reject })
      if (!this.#isAtWork) void this.#work()
    })
  }

  async #work(): Promise<void> {
    this.#isAtWork = true
    while (this.#waiting.length > 0) {
      const together = this.#waiting.splice(0, MOST_TOGETHER)
      try {
        await this.#serve(together)
      } catch (error) {
        for (const { reject } of together) reject(error)
      }
    }
    this.#isAtWork = false
  }

  async #serve(together: readonly Asked[]): Promise<void> {
    let left = await this.#give(together)
    for (let at = 0; left.length > 0 && at < DECISIONS; at++) left = await this.#beginAndGive(left)
    for (const { resolve } of left) resolve(null)
  }

  /** Serves whom there is a task for; the others. */
  async #give(together: readonly Asked[]): Promise<Asked[]> {
    const without: Asked[] = []
    let left = together
    for (let at = 0; left.length > 0 && at < DECISIONS; at++) {
      const view = await this.#parts.board.view()
      const decided = this.#decide(left, view)
      const choosers = new Set(decided.map(({ asked }) => asked))
      without.push(...left.filter(asked => !choosers.has(asked)))
      left = decided.length === 0 ? [] : await this.#write(decided, view.revision)
    }
    for (const { resolve } of left) resolve(null)
    return without
  }

  #world({ workers, standing }: BoardView): World {
    const { clock, postingOn } = this.#parts
    return worldOf(clock.now(), workers, standing, postingOn())
  }

  /** One after another: each reckons with those before it. */
  #decide(together: readonly Asked[], view: BoardView): Decided[] {
    const decided: Decided[] = []
    let world = this.#world(view)
    for (const asked of together) {
      const choice = choose(asked.worker, world)
      if (choice === undefined) continue
      const { fetchFrom } = choice.placement
      const source = fetchFrom === null ? null : sourceOf(fetchFrom, view.workers, this.#parts.clock.now())
      if (source === undefined) continue
      const seen = view.tasks.get(choice.task.id)!
      decided.push({ asked, choice, seen, source })
      world = worldAfter(world, choice, asked.worker)
    }
    return decided
  }

  /** Gives what still is as it was seen; those that are to be decided about again. */
  async #write(decided: readonly Decided[], revision: number): Promise<Asked[]> {
    const { db, rows, board, log } = this.#parts
    const grants = await GroupCommit.of(db).run(async trx => {
      if (!(await rows.advance(revision, trx))) return undefined
      const given: (Given | undefined)[] = []
      for (const each of decided) given.push(await this.#take(each, trx))
      return given
    })
    for (const { seen } of decided) board.changed(seen.sid)
    if (grants === undefined) board.forget()
    else board.advanced(revision + 1)
    const again: Asked[] = []
    for (const [at, { asked }] of decided.entries()) {
      const given = grants?.[at]
      if (given === undefined) {
        again.push(asked)
        continue
      }
      const { Claim, Sector, Path } = given.grant
      this.#parts.granted(asked.owner, Claim, given.leaseUntil)
      log.info(
        { task: Claim.Task, sector: sectorName(Sector.ID), worker: workerOf(asked.owner), path: Path },
        'stage task given',
      )
      asked.resolve(given.grant)
    }
    return again
  }

  async #take({ asked, choice, seen, source }: Decided, trx: Knex.Transaction): Promise<Given | undefined> {
    const { rows, queue, board, leaseMs } = this.#parts
    const { owner } = asked
    const { placement } = choice
    const row = await rows.rowToTake(seen.id, trx)
    if (row === undefined || Number(row.fence) !== seen.fence) return undefined
    if (!(await this.#notePlaces(seen, placement, trx))) {
      board.removalsChanged()
      return undefined
    }
    const job = await queue.claimThis(jobOf(STAGE_TABLE, row), { owner, leaseMs }, trx)
    if (job === undefined) return undefined
    await rows.noteAttempt(seen.id, placement.path, placement.fetchFrom, trx)
    const grant = {
      Claim: { Task: job.id, Fence: job.fence },
      Kind: seen.kind,
      Sector: { ID: seen.sid, ProofType: seen.proofType },
      Record: row.record === null ? null : String(row.record),
      Path: placement.path,
      Fetch: source,
    }
    return { grant, leaseUntil: job.leaseUntil }
  }

  /**
   * A sector without files is begun on this path; what an earlier attempt left on another one goes. False when what an earlier visit has left on this
   * path is being removed just now.
   */
  async #notePlaces(before: StageTask, { path }: Placement, trx: Knex.Transaction): Promise<boolean> {
    const { rows } = this.#parts
    const { sid, kind, place } = before
    if (path === null) return true
    // What was once to be removed there is not in the way any more, and must not be taken for what comes now.
    if (!(await rows.keepLeftover({ Path: path, Sector: sid }, trx))) return false
    if (before.path !== null && before.path !== path && before.path !== place)
      await rows.addLeftover({ Path: before.path, Sector: sid }, trx)
    if (kind !== 'AP' || place === path) return true
    if (place !== null) await rows.addLeftover({ Path: place, Sector: sid }, trx)
    await rows.change(sid, { place: path }, trx)
    return true
  }

  /** For those that nothing waits for: the first tasks of new sectors, where they could do these. Whom to ask again. */
  async #beginAndGive(without: readonly Asked[]): Promise<Asked[]> {
    const { db, rows, board } = this.#parts
    const view = await board.view()
    if ((await rows.revision(db)) !== view.revision) {
      // Another manager has taken something: what was decided without it may be otherwise.
      board.forget()
      return this.#give(without)
    }
    let world = this.#world(view)
    const may: { asked: Asked; sizes: readonly number[] }[] = []
    for (const asked of without) {
      const first = firstOf(asked.worker, world)
      if (first === undefined) continue
      may.push({ asked, sizes: first.sizes })
      world = worldAfter(world, first.largest, asked.worker)
    }
    const begun = await Promise.all(may.map(({ sizes }) => this.#beginSector(sizes)))
    const asking = without.filter(asked => !may.some(each => each.asked === asked))
    // Where nothing was to be begun, there is nothing for the others either.
    const isOver = begun.every(each => !each)
    const through = isOver ? without : may.filter((_, at) => !begun[at]).map(({ asked }) => asked)
    for (const { resolve } of through) resolve(null)
    if (isOver) return []
    return [...(await this.#give(may.filter((_, at) => begun[at]).map(({ asked }) => asked))), ...asking]
  }

  async #beginSector(sizes: readonly number[]): Promise<boolean> {
    const { allocation, board } = this.#parts
    const proofs = SEAL_PROOFS.filter(
      ({ sectorSize, feature }) => sizes.includes(sectorSize) && feature !== 'nonInteractive',
    )
    let begun: SectorID | undefined
    const allocated = await allocation.allocate(
      { AllowedMiners: [], AllowedProofTypes: proofs.map(proof => proof.number) },
      async (sector, trx) => {
        begun = sector.ID
        await this.#parts.begin(sector, trx)
      },
    )
    if (begun !== undefined) board.changed(begun)
    return allocated !== null
  }
}

/** The sizes of which a worker could begin a sector, and how it would begin the largest. */
function firstOf(workerId: string, world: World): { sizes: readonly number[]; largest: Choice } | undefined {
  const worker = world.workers.find(({ id }) => id === workerId)
  if (!worker?.kinds.has('AP')) return undefined
  const all = worker.sectorSizes.length > 0 ? worker.sectorSizes : [...new Set(SEAL_PROOFS.map(p => p.sectorSize))]
  const ledger = new Ledger(world)
  const choices = all.flatMap((sectorSize): Choice[] => {
    const task = { id: '', sector: '', kind: 'AP' as const, sectorSize, place: null, readyAt: world.now }
    const placement = verdictOf(worker, task, ledger)
    return isObstacle(placement) ? [] : [{ task, placement }]
  })
  const largest = choices.toSorted((a, b) => b.task.sectorSize - a.task.sectorSize)[0]
  return largest && { sizes: choices.map(({ task }) => task.sectorSize), largest }
}

/** As if a choice were at work. */
function worldAfter(world: World, { task, placement }: Choice, worker: string): World {
  const { sectorSize, kind, place } = task
  let isResting = false
  return {
    ...world,
    waiting: world.waiting.filter(({ id }) => id !== task.id),
    running: [
      ...world.running,
      { kind, sectorSize, worker, path: placement.path, fetches: placement.fetchFrom !== null },
    ],
    // One of those that look the same.
    resting: world.resting.filter(each => {
      const isIt = !isResting && each.path === place && each.kind === kind && each.sectorSize === sectorSize
      isResting ||= isIt
      return !isIt
    }),
  }
}

/** A worker that has a path and lets others fetch from it; undefined when there is none just now. */
function sourceOf(path: string, workers: readonly StageWorker[], now: number): StageGrant['Fetch'] | undefined {
  const holder = workers.find(
    worker => isHeard(worker, now) && worker.report.Url !== '' && worker.report.Paths.some(({ ID }) => ID === path),
  )
  return holder && { Path: path, Url: holder.report.Url, Token: holder.report.Token }
}
