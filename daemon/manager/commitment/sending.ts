import type { Knex } from 'knex'
import type { Connection } from '../../../rpc-schema/rpc/connection.js'
import type { Address } from '../../../rpc-schema/wire/address.js'
import type { Clock } from '../../kit/clock.js'
import { isSqlite } from '../../kit/database.js'
import { GroupCommit } from '../../kit/group-commit.js'
import type { Logger } from '../../kit/log.js'
import type { Alarms } from '../alarms/alarms.js'
import type { ChainNode } from '../chain/chain-node.js'
import type { HeadTracker } from '../chain/head-tracker.js'
import type { MinerFacts } from '../chain/miner-facts.js'
import { MempoolCarrier } from './mempool-carrier.js'
import { MessageDesk } from './message-desk.js'
import { MessageRepository } from './message-repository.js'
import { MessagerCarrier } from './messager-carrier.js'
import { type Fallback, Senders } from './senders.js'

/** What every room needs that sends messages. */
export interface Sending {
  readonly desk: MessageDesk
  readonly messages: MessageRepository
  readonly senders: Senders
  readonly alarms: Alarms
}

export interface SendingOptions {
  db: Knex
  node: ChainNode
  /** Messages go through it when there is one, else through the pool of the node. */
  messager: Connection | undefined
  heads: HeadTracker
  facts: MinerFacts
  /** Addresses of a miner that are set as senders for its window PoSt: other messages leave them alone where they can. */
  reserved?: (miner: number) => readonly Address[]
  /** Who pays for a miner when its senders cannot. */
  fallback?: (miner: number) => Fallback | undefined
  alarms: Alarms
  clock: Clock
  log: Logger
}

/** The desk is to be started once every room has registered its kinds. */
export function openSending(options: SendingOptions): Sending {
  const { db, node, messager, heads, facts, reserved, fallback, alarms, clock, log } = options
  const messages = new MessageRepository(db)
  const isKnown = (cid: string): Promise<boolean> => messages.isKnown(cid)
  const desk = new MessageDesk({
    carriers: [
      new MempoolCarrier(node, isKnown),
      ...(messager === undefined ? [] : [new MessagerCarrier(messager, node, isKnown)]),
    ],
    carrier: messager === undefined ? 'mempool' : 'messager',
    heads,
    messages,
    transaction: work => GroupCommit.of(db).run(work),
    shared: !isSqlite(db),
    alarms,
    clock,
    log,
  })
  const senders = new Senders(node, facts, {
    keysAtNode: messager === undefined,
    clock,
    ...(reserved && { reserved }),
    ...(fallback && { fallback }),
  })
  return { desk, messages, senders, alarms }
}
