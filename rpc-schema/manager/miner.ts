import { method, param } from '../rpc/method.js'
import { ActorId } from '../wire/numbers.js'
import { MinerConfig } from './miner-config.js'
import { MinerInfo } from './miner-info.js'

const miner = param('miner', ActorId)

export const minerMethods = {
  GetInfo: method('What the chain says of a miner.', [miner], MinerInfo),
  GetMinerConfig: method('The configuration of a miner in this manager.', [miner], MinerConfig),
} as const
