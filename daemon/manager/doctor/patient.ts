import type { AlarmInfo } from '../../../rpc-schema/manager/alarms.js'
import type { Clock } from '../../kit/clock.js'
import type { ChainNode } from '../chain/chain-node.js'
import type { ManagerHome } from '../config/home.js'
import type { ManagerSetup } from '../config/load-settings.js'

/** What is looked at. */
export interface Patient {
  readonly home: ManagerHome
  readonly setup: ManagerSetup
  readonly node: ChainNode
  readonly clock: Clock
  /** Of the manager, where it runs; rejects when it cannot be asked. */
  readonly alarms: () => Promise<readonly AlarmInfo[]>
}
