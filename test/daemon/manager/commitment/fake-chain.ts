import type { Knex } from 'knex'
import { CID } from 'multiformats/cid'
import { silentLog } from '../../../../daemon/kit/log.js'
import { Alarms } from '../../../../daemon/manager/alarms/alarms.js'
import type { ChainApi, ChainNode } from '../../../../daemon/manager/chain/chain-node.js'
import type { HeadMove, HeadTracker } from '../../../../daemon/manager/chain/head-tracker.js'
import { MessageDesk } from '../../../../daemon/manager/commitment/message-desk.js'
import { MessageRepository } from '../../../../daemon/manager/commitment/message-repository.js'
import type { Sending } from '../../../../daemon/manager/commitment/sending.js'
import type { Partition } from '../../../../rpc-schema/chain/partitions.js'
import type { SectorOnChainInfo } from '../../../../rpc-schema/chain/sectors.js'
import type { TipSet } from '../../../../rpc-schema/chain/tipset.js'
import { RpcError } from '../../../../rpc-schema/rpc/error.js'
import { Address } from '../../../../rpc-schema/wire/address.js'
import { Bitfield } from '../../../../rpc-schema/wire/bitfield.js'
import { newDeadlineInfo } from '../../../../rpc-schema/wire/deadline.js'
import { fastClock } from '../manager-bench.js'
import { FakeCarrier } from './fake-carrier.js'
import { COMM_R_CID, headAt, stubNode } from './stub-chain.js'

/** A sector of the fake chain: where it is, and what differs from a plain committed-capacity sector. */
export interface FakeSector extends Partial<SectorOnChainInfo> {
  readonly at: readonly [deadline: number, partition: number]
}

/** A chain of one miner whose live sectors and height the test sets. */
export class FakeChain {
  readonly sectors = new Map<number, FakeSector>()
  readonly carrier = new FakeCarrier()
  /** What StateCall says of a message, where it is not taken. */
  refuse: (params: Uint8Array) => number | undefined = () => undefined
  calls = 0
  readonly #moved = new Set<(move: HeadMove) => void>()
  #head: TipSet = headAt(100)

  get head(): TipSet {
    return this.#head
  }

  moveTo(height: number, undoneFrom?: number): void {
    // Another key for another height, so that what depends on the head is looked at again.
    const cid = CID.parse('bafy2bzaceapjebllo2utp5h56rfn26htedda4chaqr5tvmcva2tsqqpjuubhm')
    const digest = new Uint8Array(cid.multihash.bytes)
    digest[digest.length - 1] = height % 251
    digest[digest.length - 2] = Math.floor(height / 251) % 251
    this.#head = { Cids: [CID.createV1(cid.code, { ...cid.multihash, bytes: digest })], Blocks: [], Height: height }
    for (const listener of this.#moved) listener({ head: this.#head, undoneFrom, before: undefined })
  }

  readonly heads = ((chain: FakeChain): HeadTracker =>
    ({
      fresh: async () => chain.head,
      get last() {
        return chain.head
      },
      subscribe(listener: (move: HeadMove) => void) {
        chain.#moved.add(listener)
        return () => chain.#moved.delete(listener)
      },
    }) as never)(this)

  info(number: number): SectorOnChainInfo | null {
    const sector = this.sectors.get(number)
    if (sector === undefined) return null
    const { at, ...change } = sector
    return {
      SectorNumber: number,
      SealProof: 5,
      SealedCID: COMM_R_CID,
      Activation: 0,
      Expiration: 1_000_000,
      DealWeight: 0n,
      VerifiedDealWeight: 0n,
      InitialPledge: 1_000n,
      ExpectedDayReward: null,
      ExpectedStoragePledge: null,
      PowerBaseEpoch: 0,
      ReplacedDayReward: null,
      SectorKeyCID: null,
      Flags: 1,
      DailyFee: 0n,
      ...change,
    }
  }

  node(more: Partial<ChainApi> = {}): ChainNode {
    return stubNode({
      StateSectorGetInfo: async (_, number) => this.info(number),
      StateMinerSectors: async (_, filter) =>
        [...this.sectors.keys()].filter(number => filter?.has(number) ?? true).map(number => this.info(number)!),
      StateMinerActiveSectors: async () => [...this.sectors.keys()].map(number => this.info(number)!),
      StateSectorPartition: async (_, number) => {
        const at = this.sectors.get(number)?.at
        if (at === undefined) throw new RpcError(1, 'sector not found')
        return { Deadline: at[0], Partition: at[1] }
      },
      StateMinerPartitions: async (_, deadline) => this.#partitions(deadline),
      StateMinerProvingDeadline: async () =>
        newDeadlineInfo(0, Math.floor((this.#head.Height % 2880) / 60), this.#head.Height),
      StateCall: async message => {
        this.calls += 1
        const ExitCode = this.refuse(message.Params ?? new Uint8Array()) ?? 0
        const MsgRct = { ExitCode, Return: null, GasUsed: 1_000, EventsRoot: null }
        return { MsgRct, Error: ExitCode === 0 ? '' : 'refused' } as never
      },
      ...more,
    })
  }

  sending(db: Knex): Sending {
    const messages = new MessageRepository(db)
    const alarms = new Alarms(fastClock(1))
    const desk = new MessageDesk({
      carriers: [this.carrier],
      carrier: 'mempool',
      heads: this.heads,
      messages,
      transaction: work => db.transaction(work),
      clock: fastClock(1),
      alarms,
      log: silentLog,
    })
    return { desk, messages, alarms, senders: { choose: async () => Address.fromId(1001) } as never }
  }

  #partitions(deadline: number): Partition[] {
    const partitions: Partition[] = []
    for (const [number, { at }] of this.sectors) {
      if (at[0] !== deadline) continue
      while (partitions.length <= at[1]) partitions.push(EMPTY)
      const LiveSectors = partitions[at[1]]!.LiveSectors.union(Bitfield.of([number]))
      partitions[at[1]] = { ...EMPTY, AllSectors: LiveSectors, LiveSectors, ActiveSectors: LiveSectors }
    }
    return partitions
  }
}

const EMPTY: Partition = {
  AllSectors: Bitfield.EMPTY,
  FaultySectors: Bitfield.EMPTY,
  RecoveringSectors: Bitfield.EMPTY,
  LiveSectors: Bitfield.EMPTY,
  ActiveSectors: Bitfield.EMPTY,
}
