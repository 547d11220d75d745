import type { Alarms } from '../alarms/alarms.js'
import type { NumberAllocator, StoredNumbers } from '../allocation/number-allocator.js'
import type { Pledges } from '../allocation/pledges.js'
import type { SectorAllocation } from '../allocation/sector-allocation.js'
import type { MinerFacts } from '../chain/miner-facts.js'
import type { Randomness } from '../chain/randomness.js'
import type { Committer } from '../commitment/committer.js'
import type { ExpiredSectors } from '../commitment/expired-sectors.js'
import type { Extender } from '../commitment/extension/extender.js'
import type { SealRandomness } from '../commitment/seal-randomness.js'
import type { Sending } from '../commitment/sending.js'
import type { Terminator } from '../commitment/termination/terminator.js'
import type { LiveSettings } from '../config/live-settings.js'
import type { MinerSetup } from '../config/load-settings.js'
import type { ManagerMetrics } from '../http/metrics.js'
import type { OperatorMessages } from '../operator-messages/operator-messages.js'
import type { ForesightRoom } from '../post/foresight/open-foresight.js'
import type { Poster } from '../post/poster.js'
import type { WindowProverRoom } from '../post/provers/open-window-prover.js'
import type { WindowRecords } from '../post/window-record.js'
import type { RebuildQueue } from '../rebuild/rebuild-queue.js'
import type { SectorBook } from '../sectors/sector-book.js'
import type { SectorLife } from '../sectors/sector-life.js'
import type { SectorSearch } from '../sectors/sector-search.js'
import type { SnapUpRoom } from '../snapup/open-snapup.js'
import type { GivingUp } from '../stages/giving-up.js'
import type { StageDesk } from '../stages/stage-desk.js'
import type { StageView } from '../stages/stage-view.js'
import type { PersistStores } from '../storage/persist-stores.js'
import type { PieceStores } from '../storage/piece-stores.js'
import type { Provable } from '../storage/provable.js'
import type { Scrub } from '../storage/scrub/scrub.js'
import type { SectorFiles } from '../storage/sector-files.js'
import type { SectorRemoval } from '../storage/sector-removal.js'
import type { Takeovers } from '../takeover/takeover.js'
import type { UnsealDesk } from '../unseal/unseal-desk.js'
import type { UnsealQueue } from '../unseal/unseal-queue.js'
import type { WorkerRegistry } from '../workers/worker-registry.js'
import type { WriteRefusals } from './write-refusals.js'

/** The rooms of the manager, as the methods of its API call them. */
export interface Rooms extends WindowProverRoom, ForesightRoom {
  readonly settings: LiveSettings
  readonly writeRefusals: WriteRefusals
  readonly miners: ReadonlyMap<number, MinerSetup>
  readonly book: SectorBook
  readonly life: SectorLife
  readonly search: SectorSearch
  readonly allocation: SectorAllocation
  readonly numbers: NumberAllocator
  readonly storedNumbers: StoredNumbers
  readonly pledges: Pledges
  readonly stages: StageDesk
  readonly stageView: StageView
  readonly givingUp: GivingUp
  readonly takeovers: Takeovers
  readonly sending: Sending
  readonly alarms: Alarms
  readonly operatorMessages: OperatorMessages
  readonly committer: Committer
  readonly terminator: Terminator
  readonly extender: Extender
  readonly expired: ExpiredSectors
  readonly sealRandomness: SealRandomness
  readonly randomness: Randomness
  readonly facts: MinerFacts
  readonly stores: PersistStores
  readonly files: SectorFiles
  readonly provable: Provable
  readonly removal: SectorRemoval
  readonly scrub: Scrub
  readonly workers: WorkerRegistry
  readonly pieces: PieceStores
  readonly snapUp: SnapUpRoom
  readonly rebuilds: RebuildQueue
  readonly unseals: UnsealQueue
  readonly unsealDesk: UnsealDesk
  readonly windowRecords: WindowRecords
  /** With `--poster`. */
  readonly poster?: Poster
  readonly metrics: ManagerMetrics
  readonly version: string
}
