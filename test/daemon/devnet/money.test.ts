import { expect } from 'chai'
import fc from 'fast-check'
import { totalSupply } from '../../../daemon/devnet/actors/economics.js'
import { activeSectors, liveSectors } from '../../../daemon/devnet/actors/partition.js'
import {
  allPartitions,
  deadlineOf,
  partitionsOf,
  powerOf,
  powerOfSector,
} from '../../../daemon/devnet/actors/proving-set.js'
import { market, marketBalances, publishedDeals, storageFee } from '../../../daemon/devnet/state/market.js'
import {
  actors,
  type MinerRecord,
  miners,
  network,
  preCommits,
  SINGLETONS,
  sectors,
} from '../../../daemon/devnet/state/records.js'
import type { StateTree } from '../../../daemon/devnet/state/state-tree.js'
import { METHODS } from '../../../rpc-schema/actors/actor-methods.js'
import { MarketWithdrawBalanceParams } from '../../../rpc-schema/actors/market.js'
import { DeclareFaultsParams } from '../../../rpc-schema/actors/miner-post.js'
import { ProveReplicaUpdates3Params } from '../../../rpc-schema/actors/miner-replica-update.js'
import {
  CompactPartitionsParams,
  ExtendSectorExpiration2Params,
  TerminateSectorsParams,
} from '../../../rpc-schema/actors/miner-sectors.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import { MAINNET_DEADLINES } from '../../../rpc-schema/wire/deadline.js'
import { pretendedWindowProof, WindowPoster } from '../../harness/window-poster.js'
import { BAD_PROOF, DevnetUnderTest, GOOD_PROOF, MINER, sealedCid } from './devnet-under-test.js'

/** One thing that happens to the chain; `at` picks among what there is. */
type Step =
  | { do: 'advance' | 'null-rounds' | 'reorg' | 'restart'; count: number }
  | { do: 'send'; value: bigint; to: number }
  | { do: 'pre-commit'; numbers: number[]; value: bigint }
  | { do: 'prove'; numbers: number[]; good: boolean; required: boolean }
  | { do: 'deal'; bytes: number; builtIn: boolean; verified: boolean }
  | { do: 'withdraw'; amount: bigint }
  | { do: 'windows'; count: number }
  | { do: 'declare' | 'terminate' | 'update' | 'extend' | 'compact'; number: number; method: number }

const numbers = fc.uniqueArray(fc.nat(12), { minLength: 1, maxLength: 4 })
const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('advance' as const), count: fc.integer({ min: 1, max: 12 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('null-rounds' as const), count: fc.constantFrom(1, 5, 90_000) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('reorg' as const), count: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const), count: fc.constant(1) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('send' as const), value: fc.bigInt(0n, 10n ** 24n), to: fc.nat(30) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('pre-commit' as const), numbers, value: fc.bigInt(0n, 10n ** 13n) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('prove' as const), numbers, good: fc.boolean(), required: fc.boolean() }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('windows' as const), count: fc.integer({ min: 1, max: 8 }) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'declare' as const,
        'terminate' as const,
        'update' as const,
        'extend' as const,
        'compact' as const,
      ),
      number: fc.nat(12),
      method: fc.constantFrom(METHODS.miner.DeclareFaults, METHODS.miner.DeclareFaultsRecovered),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('deal' as const),
      bytes: fc.integer({ min: 1, max: 2032 }),
      builtIn: fc.boolean(),
      verified: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('withdraw' as const), amount: fc.bigInt(0n, 10n ** 16n) }),
  },
)

/** What must hold in every state. */
function checkState(state: StateTree, supply: bigint): void {
  expect(totalSupply(state), 'supply').to.equal(supply)
  for (let id = 0; id < network.get(state).nextActorId; id++) {
    const actor = actors.get(state, id)
    if (actor) expect(actor.balance >= 0n, `balance of f0${id}`).to.equal(true)
  }
  checkMarket(state)
  for (const id of network.get(state).miners) {
    const miner = miners.get(state, id)!
    const deposits = miner.preCommitted.toArray().map(number => preCommits.get(state, id, number)!.deposit)
    const living = [...allPartitions(state, id, MAINNET_DEADLINES)].flatMap(part => liveSectors(part).toArray())
    const pledges = living.map(number => sectors.get(state, id, number)!.initialPledge)
    const sum = (amounts: readonly bigint[]) => amounts.reduce((total, amount) => total + amount, 0n)
    expect(miner.preCommitDeposits, 'deposits').to.equal(sum(deposits))
    expect(miner.initialPledge, 'pledges').to.equal(sum(pledges))
    expect(miner.preCommitDeposits + miner.initialPledge <= actors.get(state, id)!.balance, 'covered').to.equal(true)
    expect(miner.preCommitted.intersect(miner.sectors).isEmpty, 'either pre-committed or proven').to.equal(true)
    expect(miner.preCommitted.union(miner.sectors).subtract(miner.allocated).isEmpty, 'all allocated').to.equal(true)
    checkPlaces(state, id, miner)
  }
}

/** What the market has is what people have in it; what is locked is what open deals need. */
function checkMarket(state: StateTree): void {
  const deals = market
    .get(state)
    .open.toArray()
    .map(id => publishedDeals.get(state, id)!)
  let all = 0n
  for (let id = 0; id < network.get(state).nextActorId; id++) {
    const { escrow, locked } = marketBalances.get(state, id)
    all += escrow
    expect(locked <= escrow, `f0${id} has what is locked`).to.equal(true)
    const needed = deals.reduce((sum, deal) => {
      const client = deal.client === id ? deal.clientCollateral + storageFee(deal) : 0n
      return sum + client + (deal.provider === id ? deal.providerCollateral : 0n)
    }, 0n)
    expect(locked, `locked of f0${id}`).to.equal(needed)
  }
  expect(actors.get(state, SINGLETONS.market)!.balance, 'escrow').to.equal(all)
}

/** Every sector is in one partition, in one way, and the sums that are kept of them are right. */
function checkPlaces(state: StateTree, id: number, miner: MinerRecord): void {
  let [placed, power] = [Bitfield.EMPTY, 0n]
  for (let index = 0; index < MAINNET_DEADLINES.WPoStPeriodDeadlines; index++) {
    let [total, live, fees] = [0, 0, 0n]
    for (const [at, partition] of partitionsOf(state, id, index)) {
      const { sectors: all, unproven, faulty, recovering, terminated, expirations } = partition
      const parts = [unproven, faulty, terminated, activeSectors(partition)]
      expect(
        parts.reduce((sum, part) => sum + part.count, 0),
        'states are disjoint',
      ).to.equal(all.count)
      expect(recovering.subtract(faulty).isEmpty, 'only faults recover').to.equal(true)
      const ending = expirations.flatMap(({ onTime, early }) => [...onTime, ...early]).sort((a, b) => a - b)
      expect(ending, 'each live sector ends once').to.deep.equal(liveSectors(partition).toArray())
      expect(all.count, 'partition of two').to.be.at.most(miner.partitionSectors)
      expect(all.intersect(placed).isEmpty, 'in one place').to.equal(true)
      placed = placed.union(all)
      total += all.count
      live += liveSectors(partition).count
      for (const number of all) {
        const sector = sectors.get(state, id, number)!
        expect([sector.deadline, sector.partition]).to.deep.equal([index, at])
        if (liveSectors(partition).has(number)) fees += sector.dailyFee
        if (activeSectors(partition).has(number)) power += powerOfSector(miner.sectorSize, sector)
      }
    }
    const record = deadlineOf(state, id, index)
    expect([record.total, record.live, record.dailyFee]).to.deep.equal([total, live, fees])
  }
  expect(placed.equals(miner.sectors), 'all placed').to.equal(true)
  expect(powerOf(state, id).qualityAdjusted, 'power').to.equal(power)
}

describe('devnet: money', () => {
  it('is neither made nor lost, whatever happens', async function () {
    this.timeout(60_000)
    await fc.assert(
      fc.asyncProperty(fc.array(steps, { minLength: 5, maxLength: 30 }), async sequence => {
        const test = await DevnetUnderTest.start({ minerBalance: 5n * 10n ** 12n, challengeWindow: 10, deadlines: 6 })
        try {
          const supply = totalSupply(test.devnet.chain.head.state)
          for (const step of sequence) {
            await run(test, step)
            checkState((await test.devnet.chain.outcome(test.devnet.chain.head)).state, supply)
          }
        } finally {
          await test.stop()
        }
      }),
      { numRuns: 12 },
    )
  })
})

async function run(test: DevnetUnderTest, step: Step): Promise<void> {
  switch (step.do) {
    case 'advance':
      await test.admin.Advance(step.count)
      return
    case 'null-rounds':
      await test.admin.NullRounds(step.count)
      return
    case 'reorg':
      if (test.height > 1000 + step.count) await test.admin.Reorg(step.count).catch(() => undefined)
      return
    case 'restart':
      await test.restart()
      return
    case 'send': {
      // Beyond 20 a key address that the chain has not seen: an account is made.
      const to = step.to < 20 ? Address.fromId(95 + step.to, 't') : Address.fromBlsKey(new Uint8Array(48).fill(step.to))
      await test.forced({ To: to, Value: step.value }).catch(() => undefined)
      return
    }
    case 'pre-commit':
      await test.preCommit(
        step.numbers.map(number => test.preCommitInfo(number, { SealRandEpoch: test.height - 100 })),
        { Value: step.value },
      )
      return
    case 'prove':
      await test.prove(
        test.proveParams(
          step.numbers.map(number => ({ number, proof: step.good || number % 2 === 0 ? GOOD_PROOF : BAD_PROOF })),
          { RequireActivationSuccess: step.required },
        ),
      )
      return
    case 'windows': {
      const { CurrentEpoch } = await test.node.StateMinerProvingDeadline(MINER, [])
      const poster = new WindowPoster({ node: test.node, miner: MINER, prove: pretendedWindowProof })
      // Not enough money for gas, or a message that waits for its nonce, are no matter here.
      await poster.advanceTo(CurrentEpoch + step.count * 10, test.admin).catch(() => undefined)
      return
    }
    case 'declare':
    case 'terminate':
    case 'update':
    case 'extend':
    case 'compact':
      await change(test, step)
      return
    case 'withdraw':
      await test.forced({
        To: Address.fromId(SINGLETONS.market, 't'),
        Method: METHODS.market.WithdrawBalance,
        Params: MarketWithdrawBalanceParams.encode({ ProviderOrClientAddress: MINER, Amount: step.amount }),
      })
      return
    case 'deal':
      await test.admin
        .ImportDeal({
          Miner: 1000,
          Data: Buffer.alloc(step.bytes, 1),
          Builtin: step.builtIn,
          Verified: step.verified,
          StartIn: 20,
        })
        // The same proposal in the same epoch is refused.
        .catch(() => undefined)
  }
}

/** Whatever may be done with a proven sector; refused more often than not. */
async function change(
  test: DevnetUnderTest,
  { do: what, number, method }: Extract<Step, { number: number }>,
): Promise<void> {
  const place = await test.node.StateSectorPartition(MINER, number, []).catch(() => undefined)
  if (place === undefined) return
  const Sectors = Bitfield.of([number])
  const { Expiration } = (await test.node.StateSectorGetInfo(MINER, number, []))!
  const messages = {
    declare: () => [method, DeclareFaultsParams.encode({ Faults: [{ ...place, Sectors }] })] as const,
    terminate: () =>
      [
        METHODS.miner.TerminateSectors,
        TerminateSectorsParams.encode({ Terminations: [{ ...place, Sectors }] }),
      ] as const,
    extend: () =>
      [
        METHODS.miner.ExtendSectorExpiration2,
        ExtendSectorExpiration2Params.encode({
          Extensions: [{ ...place, Sectors, SectorsWithClaims: [], NewExpiration: Expiration + 1000 }],
        }),
      ] as const,
    compact: () =>
      [
        METHODS.miner.CompactPartitions,
        CompactPartitionsParams.encode({ Deadline: place.Deadline, Partitions: Bitfield.of([place.Partition]) }),
      ] as const,
    update: () =>
      [
        METHODS.miner.ProveReplicaUpdates3,
        ProveReplicaUpdates3Params.encode({
          SectorUpdates: [{ Sector: number, ...place, NewSealedCID: sealedCid(number + 20), Pieces: [] }],
          SectorProofs: [GOOD_PROOF],
          AggregateProof: new Uint8Array(),
          UpdateProofsType: 0,
          AggregateProofType: null,
          RequireActivationSuccess: false,
          RequireNotificationSuccess: false,
        }),
      ] as const,
  }
  const [Method, Params] = messages[what]()
  await test.forced({ Method, Params })
  await test.admin.Advance(2)
}
