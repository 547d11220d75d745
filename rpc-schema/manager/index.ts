import { service } from '../rpc/method.js'
import { minerMethods } from './miner.js'
import { randomnessMethods } from './randomness.js'
import { sealerMethods } from './sealer.js'
import { sealerCliMethods } from './sealer-cli.js'
import { wdpostMethods } from './wdpost.js'

/** The manager's API; the name of the namespace is damocles's. */
export const managerService = service('Venus', {
  ...sealerMethods,
  ...sealerCliMethods,
  ...randomnessMethods,
  ...minerMethods,
  ...wdpostMethods,
})
