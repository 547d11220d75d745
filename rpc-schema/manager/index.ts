import * as market from '../chain/market.js'
import * as marketDeal from '../chain/market-deal.js'
import * as sectors from '../chain/sectors.js'
import { service } from '../rpc/method.js'
import { nameSchemas } from '../rpc/schema-names.js'
import * as piece from '../wire/piece.js'
import * as allocation from './allocation.js'
import * as commitment from './commitment.js'
import * as deals from './deals.js'
import { minerMethods } from './miner.js'
import * as minerConfig from './miner-config.js'
import * as minerInfo from './miner-info.js'
import * as proving from './proving.js'
import * as randomness from './randomness.js'
import * as rebuild from './rebuild.js'
import { sealerMethods } from './sealer.js'
import { sealerCliMethods } from './sealer-cli.js'
import * as sectorState from './sector-state.js'
import * as snapup from './snapup.js'
import * as stores from './stores.js'
import * as unseal from './unseal.js'
import { wdpostMethods } from './wdpost.js'
import * as wdpostJob from './wdpost-job.js'
import * as workerPing from './worker-ping.js'

nameSchemas(
  piece,
  market,
  marketDeal,
  sectors,
  allocation,
  commitment,
  deals,
  minerConfig,
  minerInfo,
  proving,
  randomness,
  rebuild,
)
nameSchemas(sectorState, snapup, stores, unseal, wdpostJob, workerPing)

/** The manager's API; the namespace is damocles's. */
export const managerService = service('Venus', {
  ...sealerMethods,
  ...sealerCliMethods,
  ...randomness.randomnessMethods,
  ...minerMethods,
  ...wdpostMethods,
})
