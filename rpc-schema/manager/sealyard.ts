import * as receipt from '../chain/receipt.js'
import { service } from '../rpc/method.js'
import { nameSchemas } from '../rpc/schema-names.js'
import * as alarms from './alarms.js'
import * as operations from './operations.js'
import * as operatorMessage from './operator-message.js'
import * as postRehearsal from './post-rehearsal.js'
import * as postTimeline from './post-timeline.js'
import * as sectorLife from './sector-life.js'
import * as sectorNumbers from './sector-numbers.js'
import * as sectorSearch from './sector-search.js'
import * as stages from './stages.js'
import * as storeCare from './store-care.js'
import * as takeover from './takeover.js'
import * as workQueues from './work-queues.js'

nameSchemas(
  alarms,
  receipt,
  operatorMessage,
  sectorLife,
  sectorSearch,
  sectorNumbers,
  operations,
  storeCare,
  takeover,
  postTimeline,
  postRehearsal,
  workQueues,
  stages,
)

/** The methods that the original does not have. */
export const sealyardService = service('Sealyard', {
  ...alarms.alarmMethods,
  ...storeCare.storeCareMethods,
  ...sectorSearch.sectorSearchMethods,
  ...sectorNumbers.sectorNumberMethods,
  ...sectorLife.sectorLifeMethods,
  ...operations.operationsMethods,
  ...operatorMessage.operatorMessageMethods,
  ...takeover.takeoverMethods,
  ...workQueues.workQueueMethods,
  ...postTimeline.postTimelineMethods,
  ...postRehearsal.postRehearsalMethods,
  ...stages.stageMethods,
})
