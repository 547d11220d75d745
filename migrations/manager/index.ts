import type { Migration } from '../../daemon/kit/database.js'
import { sectors } from './001-sectors.js'
import { commitment } from './002-commitment.js'
import { storage } from './003-storage.js'
import { workers } from './004-workers.js'
import { messageCarrier } from './005-message-carrier.js'
import { operatorMessages } from './020-operator-messages.js'
import { settledMessages } from './030-settled-messages.js'
import { upgradeQueues } from './040-upgrade-queues.js'
import { snapUpFailedMessages } from './041-snapup-failed-messages.js'
import { storeIdentities } from './050-store-identities.js'
import { sectorSearch } from './060-sector-search.js'
import { numbersAndPledges } from './061-numbers-and-pledges.js'
import { owedSkip } from './062-owed-skip.js'
import { takeovers } from './063-takeovers.js'
import { pieceIndices } from './064-piece-indices.js'
import { windowPosts } from './090-window-posts.js'
import { wdpostJobs } from './095-wdpost-jobs.js'
import { stageTasks } from './096-stage-tasks.js'
import { postClaims } from './097-post-claims.js'
import { postRehearsals } from './098-post-rehearsals.js'
import { scrub } from './100-scrub.js'
import { stageBoard } from './101-stage-board.js'
import { unsealUpgraded } from './105-unseal-upgraded.js'
import { stageOwners } from './106-stage-owners.js'
import { wdpostParts } from './107-wdpost-parts.js'

/** The schema of the manager's database, in order. A migration that has run anywhere is never changed. */
export const managerMigrations: readonly Migration[] = [
  sectors,
  commitment,
  storage,
  workers,
  messageCarrier,
  operatorMessages,
  settledMessages,
  upgradeQueues,
  snapUpFailedMessages,
  storeIdentities,
  sectorSearch,
  numbersAndPledges,
  owedSkip,
  takeovers,
  pieceIndices,
  windowPosts,
  wdpostJobs,
  stageTasks,
  postClaims,
  postRehearsals,
  scrub,
  stageBoard,
  unsealUpgraded,
  stageOwners,
  wdpostParts,
]
