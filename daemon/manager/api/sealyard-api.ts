import type { sealyardService } from '../../../rpc-schema/manager/sealyard.js'
import type { SectorHistoryEvent } from '../../../rpc-schema/manager/sector-search.js'
import type { Handlers } from '../../../rpc-schema/rpc/method.js'
import type { SectorEvent } from '../sectors/sector-repository.js'
import { alarmsApi } from './alarms-api.js'
import { numbersApi } from './numbers-api.js'
import { operationsApi } from './operations-api.js'
import { operatorMessageApi } from './operator-message-api.js'
import { postApi } from './post-api.js'
import type { Rooms } from './rooms.js'
import { sectorLifeApi } from './sector-life-api.js'
import { sectorPageApi } from './sector-list-api.js'
import { stagesApi } from './stages-api.js'
import { storeCareApi } from './storage-api.js'
import { takeoverApi } from './takeover-api.js'
import { workQueuesApi } from './work-queues-api.js'

/** The `Sealyard.*` methods, which the original does not have. */
export function sealyardApi(rooms: Rooms): Handlers<typeof sealyardService.methods> {
  const { book } = rooms
  return {
    ...alarmsApi(rooms),
    ...sectorPageApi(rooms),
    ...numbersApi(rooms),
    ...sectorLifeApi(rooms),
    ...operationsApi(rooms),
    ...storeCareApi(rooms),
    ...operatorMessageApi(rooms),
    ...takeoverApi(rooms),
    ...workQueuesApi(rooms),
    ...postApi(rooms),
    ...stagesApi(rooms),
    SectorHistory: async sid => (await book.history(sid)).map(historyEvent),
  }
}

const historyEvent = ({ at, actor, event, detail }: SectorEvent): SectorHistoryEvent => ({
  At: at,
  Actor: actor,
  Event: event,
  Detail: detail,
})
