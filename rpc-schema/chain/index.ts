import { nameSchemas } from '../rpc/schema-names.js'
import * as block from '../wire/block-header.js'
import * as deadline from '../wire/deadline.js'
import * as message from '../wire/message.js'
import * as signature from '../wire/signature.js'
import * as actor from './actor.js'
import * as gas from './gas.js'
import * as marketDeal from './market-deal.js'
import * as minerInfo from './miner-info.js'
import * as mining from './mining.js'
import * as networkParams from './network-params.js'
import * as node from './node.js'
import * as partitions from './partitions.js'
import * as power from './power.js'
import * as receipt from './receipt.js'
import * as sectors from './sectors.js'
import * as tipset from './tipset.js'
import * as verifiedData from './verified-data.js'

nameSchemas(block, deadline, message, signature, actor, gas, marketDeal, minerInfo, mining, networkParams, node)
nameSchemas(partitions, power, receipt, sectors, tipset, verifiedData)

export { lotusService } from './lotus/index.js'
