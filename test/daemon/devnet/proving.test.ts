import { join } from 'node:path'
import { expect } from 'chai'
import { ChainRepository } from '../../../daemon/devnet/persistence/chain-repository.js'
import { MIGRATIONS } from '../../../daemon/devnet/persistence/schema.js'
import { miners } from '../../../daemon/devnet/state/records.js'
import { openDatabase } from '../../../daemon/kit/database.js'
import { METHODS } from '../../../rpc-schema/actors/actor-methods.js'
import {
  DeclareFaultsParams,
  DeclareFaultsRecoveredParams,
  type PoStPartition,
  type SubmitWindowedPoStParams,
} from '../../../rpc-schema/actors/miner-post.js'
import type { MsgLookup } from '../../../rpc-schema/chain/receipt.js'
import { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import { FIL } from '../../../rpc-schema/wire/token-amount.js'
import { pretendedWindowProof, WindowPoster } from '../../harness/window-poster.js'
import { vectorLines } from '../../rpc-schema/rpc/recorded-calls.js'
import { BAD_PROOF, DevnetUnderTest, failure, GOOD_PROOF, MINER } from './devnet-under-test.js'
import { submitWindowPost, toWindow as toWindowOf, whole } from './window-moves.js'

const WINDOW = 20
const DEADLINES = 6
const PERIOD = WINDOW * DEADLINES

describe('devnet: windows, faults and recoveries', () => {
  let test: DevnetUnderTest
  let poster: WindowPoster
  beforeEach(async () => {
    test = await DevnetUnderTest.start({ startEpoch: 5000, challengeWindow: WINDOW, deadlines: DEADLINES })
    poster = new WindowPoster({ node: test.node, miner: MINER, prove: pretendedWindowProof })
  })
  afterEach(() => test.stop())

  const proveCommitted = async (...numbers: number[]): Promise<void> => {
    await test.preCommitted(...numbers)
    await test.prove(test.proveParams(numbers.map(number => ({ number }))))
  }
  const place = (number: number) => test.node.StateSectorPartition(MINER, number, [])
  const count = () => test.node.StateMinerSectorCount(MINER, [])
  const toWindow = (index: number, into?: number) => toWindowOf(test, index, into)
  const submit = (partitions: readonly PoStPartition[], changes?: Partial<SubmitWindowedPoStParams>) =>
    submitWindowPost(test, partitions, changes)
  const declare = async (kind: 'DeclareFaults' | 'DeclareFaultsRecovered', number: number, at = number) => {
    const { Deadline, Partition } = await place(at)
    const list = [{ Deadline, Partition, Sectors: Bitfield.of([number]) }]
    const Params =
      kind === 'DeclareFaults'
        ? DeclareFaultsParams.encode({ Faults: list })
        : DeclareFaultsRecoveredParams.encode({ Recoveries: list })
    const landed: MsgLookup = await test.land({ Method: METHODS.miner[kind], Params })
    return landed.Receipt.ExitCode
  }

  it('tells its own proving period', async () => {
    const info = await test.node.StateMinerProvingDeadline(MINER, [])
    expect([info.WPoStChallengeWindow, info.WPoStPeriodDeadlines, info.WPoStProvingPeriod]).to.deep.equal([20, 6, 120])
    expect(info.Close - info.Open).to.equal(WINDOW)
    expect(info.Open <= test.height && test.height < info.Close).to.equal(true)
    expect((await test.node.StateMinerDeadlines(MINER, [])).length).to.equal(DEADLINES)
  })

  it('shows active sectors and power as a real node does', async () => {
    await proveCommitted(1, 2)
    await poster.activate(test.admin)
    const samples = vectorLines('lotus-samples/calls.jsonl') as { name: string; response: { result: unknown } }[]
    const names = (value: unknown): unknown => (Array.isArray(value) ? [names(value[0])] : Object.keys(value as object))
    for (const [name, method] of [
      ['onboard.StateMinerActiveSectors', 'StateMinerActiveSectors'],
      ['onboard.StateMinerPower.afterPoSt', 'StateMinerPower'],
    ]) {
      const params = ['t01000', null]
      const { result } = await test.raw({ jsonrpc: '2.0', id: 1, method: `Filecoin.${method}`, params })
      const sample = samples.find(sample => sample.name === name)!.response.result
      expect(names(result), name).to.deep.equal(names(sample))
    }
    const { Deadline } = await place(1)
    const params = ['t01000', Deadline, null]
    const { result } = await test.raw({ jsonrpc: '2.0', id: 1, method: 'Filecoin.StateMinerPartitions', params })
    expect(result).to.deep.equal([
      {
        AllSectors: [1, 2],
        FaultySectors: [0],
        RecoveringSectors: [0],
        LiveSectors: [1, 2],
        ActiveSectors: [1, 2],
      },
    ])
  })

  it('refuses a proving period in which no sector could be put anywhere', async () => {
    const refused = await failure(DevnetUnderTest.start({ challengeWindow: 20, deadlines: 3 }))
    expect(refused.message).to.match(/at least 4 deadlines/)
  })

  it('refuses the home of a chain from before there were deadlines', async () => {
    await test.halt()
    type Stored = { network: Record<string, unknown> }
    const rewrite = async (change: (stored: Stored) => unknown): Promise<Stored> => {
      const db = await openDatabase({ dsn: join(test.home, 'devnet.sqlite'), migrations: MIGRATIONS })
      const repository = new ChainRepository(db)
      const stored = (await repository.meta<Stored>('network'))!
      await repository.putMeta('network', change(stored))
      await db.destroy()
      return stored
    }
    const kept = await rewrite(({ network: { deadlines: _, ...older }, ...rest }) => ({ ...rest, network: older }))
    const refused = await failure(test.run())
    expect(refused.message).to.contain(`the chain in ${test.home} was made by an older version`)
    await rewrite(() => kept)
    await test.run()
  })

  it('gives power with the first proof, not with the prove-commit', async () => {
    await proveCommitted(1, 2, 3)
    expect(await count()).to.deep.equal({ Live: 3, Active: 0, Faulty: 0 })
    expect((await test.node.StateMinerPower(MINER, [])).MinerPower.RawBytePower).to.equal(0n)
    expect(await test.node.StateMinerActiveSectors(MINER, [])).to.deep.equal([])
    await poster.activate(test.admin)
    expect(await count()).to.deep.equal({ Live: 3, Active: 3, Faulty: 0 })
    const power = await test.node.StateMinerPower(MINER, [])
    expect(power.MinerPower).to.deep.equal({ RawBytePower: 6144n, QualityAdjPower: 6144n })
    expect(power.TotalPower).to.deep.equal(power.MinerPower)
    expect(power.HasMinPower).to.equal(true)
    const active = await test.node.StateMinerActiveSectors(MINER, [])
    expect(active.map(sector => sector.SectorNumber)).to.deep.equal([1, 2, 3])
    const proven = test.verifier.posts.flatMap(post => post.sectors.map(sector => sector.number))
    expect([...new Set(proven)].sort()).to.deep.equal([1, 2, 3])
  })

  it('makes a partition faulty that is not proven in its window, and takes it back after a declared recovery', async () => {
    await proveCommitted(1)
    await poster.activate(test.admin)
    const { Deadline } = await place(1)
    await toWindow((Deadline + 1) % DEADLINES)
    expect(await count(), 'proven in this window').to.deep.equal({ Live: 1, Active: 1, Faulty: 0 })
    await toWindow((Deadline + 1) % DEADLINES)
    expect(await count(), 'a period later').to.deep.equal({ Live: 1, Active: 0, Faulty: 1 })
    expect((await test.node.StateMinerFaults(MINER, [])).toArray()).to.deep.equal([1])
    expect((await test.node.StateMinerPower(MINER, [])).MinerPower.QualityAdjPower).to.equal(0n)
    const { OnTime, Early } = await test.node.StateSectorExpiration(MINER, 1, [])
    expect([OnTime, Early > test.height && Early < test.height + 43 * PERIOD]).to.deep.equal([0, true])

    expect(await declare('DeclareFaultsRecovered', 1)).to.equal(0)
    expect((await test.node.StateMinerRecoveries(MINER, [])).toArray()).to.deep.equal([1])
    expect((await count()).Faulty, 'until it is proven').to.equal(1)
    await toWindow(Deadline)
    expect((await poster.proveOpen()).length).to.equal(1)
    await test.admin.Advance(2)
    expect(await count()).to.deep.equal({ Live: 1, Active: 1, Faulty: 0 })
    expect((await test.node.StateMinerRecoveries(MINER, [])).isEmpty).to.equal(true)
    expect((await test.node.StateSectorExpiration(MINER, 1, [])).Early).to.equal(0)
  })

  it('ends a sector that stays faulty for 42 periods, for a fee', async () => {
    await proveCommitted(1)
    const { InitialPledge } = (await test.node.StateSectorGetInfo(MINER, 1, []))!
    const locked = () => miners.get(test.devnet.chain.head.state, 1000)!.initialPledge
    expect(locked()).to.equal(InitialPledge)
    const balance = await test.node.StateMinerAvailableBalance(MINER, [])
    const { Deadline } = await place(1)
    await toWindow((Deadline + 1) % DEADLINES)
    if ((await count()).Faulty === 0) await toWindow((Deadline + 1) % DEADLINES)
    const { Early } = await test.node.StateSectorExpiration(MINER, 1, [])
    await test.admin.NullRounds(Early - test.height - 1)
    expect((await count()).Live, 'its last epoch').to.equal(1)
    await test.admin.Advance(1)
    expect(await count()).to.deep.equal({ Live: 0, Active: 0, Faulty: 0 })
    expect(locked()).to.equal(0n)
    const after = await test.node.StateMinerAvailableBalance(MINER, [])
    // Young as it is, it pays the least: 2 %.
    expect(after - balance).to.equal(InitialPledge - (InitialPledge * 20n) / 1000n)
    const partition = (await test.node.StateMinerPartitions(MINER, Deadline, []))[0]!
    expect([partition.AllSectors.toArray(), partition.LiveSectors.toArray()]).to.deep.equal([[1], []])
  })

  it('ends a sector with the deadline after its expiration, without a fee', async () => {
    // Mainnet's proving period: a chain that is proven for 180 days takes few leaps with it.
    const long = await DevnetUnderTest.start({ startEpoch: 5000 })
    const longPoster = new WindowPoster({ node: long.node, miner: MINER, prove: pretendedWindowProof })
    const period = 2880
    const live = async () => (await long.node.StateMinerSectorCount(MINER, [])).Live
    try {
      await long.preCommit([long.preCommitInfo(1, { Expiration: long.height + 30 * period + 518_500 })])
      await long.admin.Advance(10)
      await long.prove(long.proveParams([{ number: 1 }]))
      const { OnTime } = await long.node.StateSectorExpiration(MINER, 1, [])
      const { Expiration, InitialPledge } = (await long.node.StateSectorGetInfo(MINER, 1, []))!
      expect(OnTime - Expiration).to.be.within(0, period - 1)
      const { Deadline, Partition } = await long.node.StateSectorPartition(MINER, 1, [])
      await longPoster.activate(long.admin)
      const before = await long.node.StateMinerAvailableBalance(MINER, [])
      // Leaps of 30 periods: faulty for 42, it would be ended for that.
      while (long.height < Expiration - 35 * period) {
        const { PeriodStart } = await long.node.StateMinerProvingDeadline(MINER, [])
        const window = PeriodStart + 30 * period + Deadline * 60
        await long.admin.NullRounds(window - 1000 - long.height)
        const Recoveries = [{ Deadline, Partition, Sectors: Bitfield.of([1]) }]
        await long.land({ Method: 11, Params: DeclareFaultsRecoveredParams.encode({ Recoveries }) })
        await long.admin.NullRounds(window - long.height)
        await longPoster.activate(long.admin)
      }
      await long.admin.NullRounds(OnTime - long.height - 1)
      expect(await live(), 'its last epoch').to.equal(1)
      await long.admin.Advance(1)
      expect(await live()).to.equal(0)
      expect((await long.node.StateMinerAvailableBalance(MINER, [])) - before).to.equal(InitialPledge)
      expect(await long.node.StateSectorExpiration(MINER, 1, []).catch((error: Error) => error.message)).to.match(
        /failed to find sector 1/,
      )
    } finally {
      await long.stop()
    }
  }).timeout(20_000)

  describe('SubmitWindowedPoSt', () => {
    beforeEach(async () => {
      await proveCommitted(1, 2)
      await toWindow((await place(1)).Deadline)
    })

    const all = () => [whole(0)]
    it('a good one: 0, and only once: 16', async () => {
      expect(await submit(all())).to.equal(0)
      const { Index } = await test.node.StateMinerProvingDeadline(MINER, [])
      const deadline = (await test.node.StateMinerDeadlines(MINER, []))[Index]!
      expect(deadline.PostSubmissions.toArray()).to.deep.equal([0])
      expect(await submit(all())).to.equal(16)
    })

    type Case = [name: string, exitCode: number, changes: () => Promise<number>]
    const cases: Case[] = [
      ['another deadline', 16, () => submit(all(), { Deadline: 5 })],
      ['no proof', 16, () => submit(all(), { Proofs: [] })],
      ['another type of proof', 16, () => submit(all(), { Proofs: [{ PoStProof: 5, ProofBytes: GOOD_PROOF }] })],
      [
        'too long a proof',
        16,
        () => submit(all(), { Proofs: [{ PoStProof: 10, ProofBytes: new Uint8Array(193).fill(1) }] }),
      ],
      ['a wrong proof', 16, () => submit(all(), { Proofs: [{ PoStProof: 10, ProofBytes: BAD_PROOF }] })],
      ['a commitment to before the challenge', 16, () => submit(all(), { ChainCommitEpoch: test.height - WINDOW })],
      ['a commitment to its own epoch', 16, () => submit(all(), { ChainCommitEpoch: test.height + 1 })],
      ['a commitment to the epoch before', 0, () => submit(all(), { ChainCommitEpoch: test.height })],
      ['randomness of another fork', 16, () => submit(all(), { ChainCommitRand: new Uint8Array(32) })],
      ['a partition that is none', 17, () => submit([whole(0), whole(7)])],
      ['a partition twice', 16, () => submit([whole(0), whole(0)])],
      ['four partitions', 16, () => submit([0, 1, 2, 3].map(whole))],
      ['a stranger as skipped', 16, () => submit([{ Index: 0, Skipped: Bitfield.of([9]) }])],
      ['nothing but skipped sectors', 16, () => submit([{ Index: 0, Skipped: Bitfield.of([1, 2]) }])],
    ]
    for (const [name, exitCode, run] of cases) {
      it(`${name}: ${exitCode}`, async () => {
        expect(await run()).to.equal(exitCode)
        const { Active, Faulty } = await count()
        expect([Active > 0, Faulty]).to.deep.equal([exitCode === 0, 0])
      })
    }

    it('after its window: 16, though the deadline was right', async () => {
      const { Index } = await test.node.StateMinerProvingDeadline(MINER, [])
      await toWindow((Index + 1) % DEADLINES)
      expect(await submit(all(), { Deadline: Index })).to.equal(16)
    })

    it('leaves skipped sectors out, which become faulty', async () => {
      const { Partition } = await place(1)
      const mates = (await test.node.StateMinerPartitions(MINER, (await place(1)).Deadline, []))[Partition]!
      const skipped = mates.AllSectors.last!
      if (mates.AllSectors.count < 2) throw new Error('the test needs two sectors in a partition')
      expect(await submit([{ Index: Partition, Skipped: Bitfield.of([skipped]) }])).to.equal(0)
      expect((await test.node.StateMinerFaults(MINER, [])).toArray()).to.deep.equal([skipped])
      expect(test.verifier.posts.at(-1)!.sectors.map(({ number }) => number)).to.not.include(skipped)
    })

    it('draws the challenge of this deadline and of this miner', async () => {
      await submit(all())
      const { Challenge } = await test.node.StateMinerProvingDeadline(MINER, [])
      const drawn = await test.node.StateGetRandomnessFromBeacon(4, Challenge, Uint8Array.of(0x43, 0, 0xe8, 7), [])
      expect(test.verifier.posts.at(-1)!.randomness).to.deep.equal(drawn)
    })
  })

  it('takes declarations before the cutoff only, of sectors that are there', async () => {
    await proveCommitted(1)
    await poster.activate(test.admin)
    const { Deadline, Partition } = await place(1)
    // The cutoff of a window of 20 epochs is 23 epochs before it opens.
    await toWindow((Deadline + DEADLINES - 1) % DEADLINES, 1)
    expect(await declare('DeclareFaults', 1)).to.equal(16)
    await toWindow((Deadline + DEADLINES - 3) % DEADLINES, 1)
    expect(await declare('DeclareFaults', 9, 1), 'a stranger').to.equal(16)
    expect(await declare('DeclareFaults', 1)).to.equal(0)
    expect(await count()).to.deep.equal({ Live: 1, Active: 0, Faulty: 1 })
    expect(await declare('DeclareFaultsRecovered', 1)).to.equal(0)
    expect(await declare('DeclareFaults', 1), 'takes the recovery back').to.equal(0)
    expect((await test.node.StateMinerRecoveries(MINER, [])).isEmpty).to.equal(true)
    const list = [{ Deadline: DEADLINES, Partition, Sectors: Bitfield.of([1]) }]
    const { Receipt } = await test.land({ Method: 10, Params: DeclareFaultsParams.encode({ Faults: list }) })
    expect(Receipt.ExitCode, 'a deadline that is none').to.equal(16)
  })

  it('keeps all this over a restart, and takes it back with a reorg', async () => {
    await proveCommitted(1, 2, 3)
    await poster.activate(test.admin)
    const before = await Promise.all([count(), test.node.StateMinerPower(MINER, [])])
    await test.restart()
    expect(await Promise.all([count(), test.node.StateMinerPower(MINER, [])])).to.deep.equal(before)
    expect(await declare('DeclareFaults', 1)).to.equal(0)
    expect((await count()).Faulty).to.equal(1)
    await test.admin.Reorg(2)
    expect((await count()).Faulty).to.equal(0)
  })

  it('keeps its pace with many sectors', async () => {
    const many = await DevnetUnderTest.start({ minerBalance: 1_000_000n * FIL })
    try {
      const batches = Array.from({ length: 20 }, (_, batch) => Array.from({ length: 100 }, (_, at) => batch * 100 + at))
      for (const numbers of batches) {
        await many.preCommit(numbers.map(number => many.preCommitInfo(number, { SealRandEpoch: many.height - 100 })))
      }
      await many.admin.Advance(10)
      for (const numbers of batches) {
        const params = many.proveParams(numbers.map(number => ({ number })))
        const { Receipt } = await many.prove(params, { GasLimit: 7_000_000_000 })
        expect(Receipt.ExitCode).to.equal(0)
      }
      const { WPoStProvingPeriod } = await many.node.StateMinerProvingDeadline(MINER, [])
      const before = process.cpuUsage()
      await many.admin.Advance(WPoStProvingPeriod / 4)
      const { user, system } = process.cpuUsage(before)
      expect((user + system) / 1000 / (WPoStProvingPeriod / 4), 'ms of CPU an epoch').to.be.below(10)
      const counted = await many.node.StateMinerSectorCount(MINER, [])
      expect([counted.Live, counted.Faulty > 200]).to.deep.equal([2_000, true])
    } finally {
      await many.stop()
    }
  }).timeout(60_000)
})
