import { memoryBytesOf, needsOf, parentsBytesOf, roomToFillBytes } from './needs.js'
import type { RunningView, WorkerView, World } from './world.js'

/** What is spoken for, added up over everything that runs. */
export class Ledger {
  readonly #world: World
  readonly #workers: ReadonlyMap<string, WorkerView>
  readonly #memory = new Map<string, number>()
  /** Machine -> the largest sector in PC1, by which the parents are held. */
  readonly #parents = new Map<string, number>()
  readonly #gpuTasks = new Map<string, number>()
  readonly #gpus = new Map<string, Set<string>>()
  readonly #posting = new Set<string>()
  readonly #byWorker = new Map<string, RunningView[]>()
  readonly #reserved = new Map<string, number>()
  readonly #awaitingPc1 = new Map<string, number>()
  readonly #holders = new Map<string, WorkerView[]>()

  constructor(world: World) {
    this.#world = world
    this.#workers = new Map(world.workers.map(worker => [worker.id, worker]))
    for (const worker of world.workers) {
      const gpus = this.#gpus.get(worker.machine) ?? new Set()
      for (const gpu of worker.gpus) gpus.add(gpu)
      this.#gpus.set(worker.machine, gpus)
      if (worker.posting) this.#posting.add(worker.machine)
      for (const { id } of worker.paths) this.#holders.set(id, [...(this.#holders.get(id) ?? []), worker])
    }
    for (const task of world.running) this.#count(task)
    for (const { path, kind, sectorSize } of world.resting) {
      this.#reserve(path, roomToFillBytes(kind, sectorSize))
      if (kind === 'PC1') this.#awaits(path)
    }
  }

  #count(task: RunningView): void {
    const { kind, sectorSize, worker, path } = task
    const machine = this.#workers.get(worker)?.machine
    const of = this.#byWorker.get(worker)
    if (of === undefined) this.#byWorker.set(worker, [task])
    else of.push(task)
    if (path !== null) {
      this.#reserve(path, roomToFillBytes(kind, sectorSize))
      if (kind === 'AP') this.#awaits(path)
    }
    if (machine === undefined) return
    this.#memory.set(machine, (this.#memory.get(machine) ?? 0) + memoryBytesOf(kind, sectorSize))
    if (needsOf(kind).parents)
      this.#parents.set(machine, Math.max(this.#parents.get(machine) ?? 0, parentsBytesOf(sectorSize)))
    if (needsOf(kind).gpu !== 'none' && this.#workers.get(worker)!.gpus.length > 0)
      this.#gpuTasks.set(machine, (this.#gpuTasks.get(machine) ?? 0) + 1)
  }

  #reserve(path: string, bytes: number): void {
    this.#reserved.set(path, (this.#reserved.get(path) ?? 0) + bytes)
  }

  #awaits(path: string): void {
    this.#awaitingPc1.set(path, (this.#awaitingPc1.get(path) ?? 0) + 1)
  }

  get world(): World {
    return this.#world
  }

  /** Of a machine, with what one more task would add. */
  memoryWith(machine: string, kind: RunningView['kind'], sectorSize: number): number {
    const held = this.#parents.get(machine) ?? 0
    const parents = needsOf(kind).parents ? Math.max(held, parentsBytesOf(sectorSize)) : held
    return (this.#memory.get(machine) ?? 0) + memoryBytesOf(kind, sectorSize) + parents
  }

  gpusFree(machine: string): number {
    return (this.#gpus.get(machine)?.size ?? 0) - (this.#gpuTasks.get(machine) ?? 0)
  }

  posting(machine: string): boolean {
    return this.#posting.has(machine)
  }

  of(worker: string): readonly RunningView[] {
    return this.#byWorker.get(worker) ?? []
  }

  /** Free on a path and promised to nobody. */
  freeOn(path: { readonly id: string; readonly freeBytes: number }): number {
    return path.freeBytes - (this.#reserved.get(path.id) ?? 0)
  }

  /** Sectors on a path that are on their way to PC1. */
  awaitingPc1(path: string): number {
    return this.#awaitingPc1.get(path) ?? 0
  }

  /** Who has a path attached. */
  holders(path: string): readonly WorkerView[] {
    return this.#holders.get(path) ?? []
  }
}
