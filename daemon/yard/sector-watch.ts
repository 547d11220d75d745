import { lotusService } from '../../rpc-schema/chain/index.js'
import { managerService } from '../../rpc-schema/manager/index.js'
import { SECTOR_WORKER_JOB, type SectorState } from '../../rpc-schema/manager/sector-state.js'
import { rpcClient } from '../../rpc-schema/rpc/client.js'
import { type Connection, connectRpc } from '../../rpc-schema/rpc/connection.js'
import type { Client } from '../../rpc-schema/rpc/method.js'
import { Address } from '../../rpc-schema/wire/address.js'
import { sectorName } from '../../rpc-schema/wire/sector-id.js'
import { workerService } from '../../rpc-schema/worker/index.js'
import type { StageDone } from './stage-log.js'

/** What the yard follows of one sector. */
export interface WatchedSector {
  name: string
  kind: 'CC' | 'data'
  /** In words: the state it is in, or what became of it. */
  state: string
  /** On the chain, and its first window is proven. */
  active: boolean
  /** Why it will not get there. */
  failure: string | undefined
  stages: StageDone[]
}

export interface YardAddresses {
  chain: string
  manager: string
  worker: string
}

/** Looks at manager, worker and chain, and tells how the first sector of each kind stands. */
export class SectorWatch {
  readonly #connections: Connection[]
  readonly #chain: Client<typeof lotusService.methods>
  readonly #manager: Client<typeof managerService.methods>
  readonly #worker: Client<typeof workerService.methods>
  readonly #stages = new Map<string, StageDone[]>()

  constructor(addresses: YardAddresses) {
    const [chain, manager, worker] = [
      connectRpc(addresses.chain, { path: '/rpc/v1' }),
      connectRpc(addresses.manager),
      connectRpc(addresses.worker, { path: '/' }),
    ]
    this.#connections = [chain, manager, worker]
    this.#chain = rpcClient(lotusService, chain)
    this.#manager = rpcClient(managerService, manager)
    this.#worker = rpcClient(workerService, worker)
  }

  note(done: StageDone): void {
    const stages = this.#stages.get(done.sector) ?? []
    stages.push(done)
    this.#stages.set(done.sector, stages)
  }

  /** The first sector without data and the first with data that were not given up, as far as they exist. */
  async look(): Promise<WatchedSector[]> {
    const [online, offline] = await Promise.all([
      this.#manager.ListSectors('online', SECTOR_WORKER_JOB.all),
      this.#manager.ListSectors('offline', SECTOR_WORKER_JOB.all),
    ])
    const kept = [...(offline ?? []), ...(online ?? [])].filter(sector => sector.AbortReason === '')
    kept.sort((a, b) => a.ID.Number - b.ID.Number)
    const firsts = [kept.find(sector => isDecided(sector) && !hasData(sector)), kept.find(hasData)]
    return Promise.all(firsts.filter(sector => sector !== undefined).map(sector => this.#watched(sector)))
  }

  /** The reason of a sealing thread that has stopped and waits for a person. */
  async pausedThread(): Promise<string | undefined> {
    const threads = await this.#worker.WorkerList()
    const paused = threads.find(thread => thread.thread_state.state === 'Paused' && thread.last_error !== null)
    return paused && `thread #${paused.index} (${paused.job_id ?? 'no sector'}) is paused: ${paused.last_error}`
  }

  async close(): Promise<void> {
    await Promise.all(this.#connections.map(connection => connection.close()))
  }

  /** A sector is active once the chain has its first window proof. */
  async #hasPower({ ID }: SectorState): Promise<boolean> {
    const active = await this.#chain.StateMinerActiveSectors(Address.fromId(ID.Miner), [])
    return active.some(({ SectorNumber }) => SectorNumber === ID.Number)
  }

  async #watched(sector: SectorState): Promise<WatchedSector> {
    const name = sectorName(sector.ID)
    const onChain = await this.#chain.StateSectorGetInfo(Address.fromId(sector.ID.Miner), sector.ID.Number, [])
    const isSealed = onChain !== null && sector.Finalized
    const active = isSealed && (await this.#hasPower(sector))
    return {
      name,
      kind: hasData(sector) ? 'data' : 'CC',
      state: active
        ? 'active'
        : isSealed
          ? 'waits for its first WindowPoSt'
          : (sector.LatestState?.StateChange.Next ?? 'Allocated'),
      active,
      failure: sector.LatestState?.Failure?.Level === 'Permanent' ? sector.LatestState.Failure.Desc : undefined,
      stages: this.#stages.get(name) ?? [],
    }
  }
}

const hasData = (sector: SectorState): boolean =>
  (sector.Pieces ?? []).some(
    piece => piece.DealInfo !== null && (piece.DealInfo.DealID !== 0 || piece.DealInfo.AllocationID !== 0),
  )

/** A sector that has just got its number may still get deals; once its pieces are added it will not. */
const isDecided = (sector: SectorState): boolean =>
  sector.Finalized || !['', 'Empty', 'Allocated'].includes(sector.LatestState?.StateChange.Next ?? '')
