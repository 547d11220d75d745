import type { Knex } from 'knex'
import { sectorName } from '../../../rpc-schema/wire/sector-id.js'
import type { Clock } from '../../kit/clock.js'
import type { Logger } from '../../kit/log.js'
import type { DealMarket } from '../allocation/market.js'
import type { ChainNode } from '../chain/chain-node.js'
import type { HeadTracker } from '../chain/head-tracker.js'
import type { MinerFacts } from '../chain/miner-facts.js'
import type { ChainMessage } from '../commitment/chain-message.js'
import type { Sending } from '../commitment/sending.js'
import type { MinerSetup } from '../config/load-settings.js'
import type { SectorBook } from '../sectors/sector-book.js'
import type { PersistStores } from '../storage/persist-stores.js'
import type { SectorFiles } from '../storage/sector-files.js'
import { AutoPrefetch } from './auto-prefetch.js'
import { Candidates } from './candidates.js'
import { JobRepository } from './job-repository.js'
import { OldFiles } from './old-files.js'
import { SnapUp } from './snapup.js'
import { SnapUpAllocation } from './snapup-allocation.js'
import { SnapUpJobs } from './snapup-jobs.js'
import { updateEffects } from './update-effects.js'
import { UpdateSender } from './update-sender.js'
import { UpdateSteps } from './update-steps.js'
import type { UpdateVerifier } from './update-verifier.js'

export interface SnapUpRoomOptions {
  miners: ReadonlyMap<number, MinerSetup>
  db: Knex
  book: SectorBook
  files: SectorFiles
  stores: PersistStores
  node: ChainNode
  facts: Pick<MinerFacts, 'rules'>
  heads: HeadTracker
  market: DealMarket | undefined
  sending: Sending
  verifier: UpdateVerifier
  clock: Clock
  log: Logger
  /** Told of every message that has landed, for the metrics. */
  onLanded?: (message: ChainMessage) => void
}

/** Everything about upgrades. */
export interface SnapUpRoom {
  readonly candidates: Candidates
  readonly allocation: SnapUpAllocation
  readonly snapup: SnapUp
  readonly jobs: SnapUpJobs
  start(): Promise<void>
  stop(): Promise<void>
}

/** To be opened before the desk starts, and started after it. */
export function openSnapUp(options: SnapUpRoomOptions): SnapUpRoom {
  const { db, files, stores, log, sending, verifier, book } = options
  const repository = new JobRepository(db)
  const candidates = new Candidates(options)
  const oldFiles = new OldFiles(files, stores, log)
  const steps = new UpdateSteps({ ...options, jobs: repository, oldFiles })
  const sender = new UpdateSender({ ...options, jobs: repository })
  const jobs = new SnapUpJobs({ ...options, candidates, jobs: repository, steps, sender })
  sending.desk.register('update', updateEffects({ ...options, jobs: repository, wake: () => jobs.wake() }))
  sending.alarms.watch(async () =>
    (await jobs.failed()).map(({ sid, note, changedAt }) => ({
      kind: 'upgrade',
      subject: sectorName(sid),
      text: note,
      since: changedAt,
    })),
  )
  const prefetch = new AutoPrefetch({ ...options, candidates })
  return {
    candidates,
    allocation: new SnapUpAllocation({ ...options, candidates, jobs }),
    snapup: new SnapUp({ book, files, jobs: repository, loop: jobs, verifier, log }),
    jobs,
    start: async () => {
      await jobs.start()
      prefetch.start()
    },
    stop: async () => {
      await Promise.all([prefetch.stop(), jobs.stop()])
    },
  }
}
