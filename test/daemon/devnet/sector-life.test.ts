import { expect } from 'chai'
import { miners } from '../../../daemon/devnet/state/records.js'
import { METHODS } from '../../../rpc-schema/actors/actor-methods.js'
import { BatchReturn } from '../../../rpc-schema/actors/batch-return.js'
import { WithdrawBalanceParams } from '../../../rpc-schema/actors/miner-control.js'
import type { PieceActivationManifest } from '../../../rpc-schema/actors/miner-pieces.js'
import { DeclareFaultsParams } from '../../../rpc-schema/actors/miner-post.js'
import {
  ProveReplicaUpdates3Params,
  type SectorUpdateManifest,
} from '../../../rpc-schema/actors/miner-replica-update.js'
import {
  CompactPartitionsParams,
  CompactSectorNumbersParams,
  type ExpirationExtension2,
  ExtendSectorExpiration2Params,
  ExtendSectorExpirationParams,
  TerminateSectorsParams,
} from '../../../rpc-schema/actors/miner-sectors.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import { commDToCid } from '../../../rpc-schema/wire/cid.js'
import { zeroPieceCid, zeroPieceCommitment } from '../../../rpc-schema/wire/piece.js'
import { pretendedWindowProof, WindowPoster } from '../../harness/window-poster.js'
import { BAD_PROOF, DevnetUnderTest, GOOD_PROOF, MINER, sealedCid } from './devnet-under-test.js'

const WINDOW = 20
const DEADLINES = 6
const PERIOD = WINDOW * DEADLINES
const PLEDGE = 59_604_643_840n
const NEW = sealedCid(40)
const DATA = commDToCid(new Uint8Array(32).fill(7))

describe('devnet: the life of a proven sector', () => {
  let test: DevnetUnderTest
  beforeEach(async () => {
    test = await DevnetUnderTest.start({ startEpoch: 5000, challengeWindow: WINDOW, deadlines: DEADLINES })
  })
  afterEach(() => test.stop())

  const proveCommitted = async (...numbers: number[]): Promise<void> => {
    await test.preCommitted(...numbers)
    await test.prove(test.proveParams(numbers.map(number => ({ number }))))
  }
  const active = async (...numbers: number[]): Promise<void> => {
    await proveCommitted(...numbers)
    await poster().activate(test.admin)
    await toQuiet(numbers[0]!)
  }
  const poster = () => new WindowPoster({ node: test.node, miner: MINER, prove: pretendedWindowProof })
  const place = (number: number) => test.node.StateSectorPartition(MINER, number, [])
  const info = async (number: number) => (await test.node.StateSectorGetInfo(MINER, number, []))!
  const power = async () => (await test.node.StateMinerPower(MINER, [])).MinerPower
  const locked = () => miners.get(test.devnet.chain.head.state, 1000)!.initialPledge
  const windowOf = async (index: number, into: number): Promise<number> => {
    const { CurrentEpoch, PeriodStart } = await test.node.StateMinerProvingDeadline(MINER, [])
    const epoch = PeriodStart + index * WINDOW + into
    return epoch >= CurrentEpoch ? epoch : epoch + PERIOD
  }
  /** Moves to an epoch of the next window of this deadline. What must be proven on the way is. */
  const toWindow = async (index: number, into = 1) => poster().advanceTo(await windowOf(index, into), test.admin)
  /** To an epoch in which this sector's deadline may be changed, soon after its window. */
  const toQuiet = async (number: number) => toWindow(((await place(number)).Deadline + 1) % DEADLINES)

  describe('ProveReplicaUpdates3', () => {
    const deal = async (): Promise<PieceActivationManifest> => {
      const { AllocationID, PieceCID, PieceSize } = await test.admin.ImportDeal({
        Miner: 1000,
        Data: Buffer.alloc(2032, 1),
      })
      return { CID: PieceCID, Size: PieceSize, VerifiedAllocationKey: { Client: 101, ID: AllocationID }, Notify: [] }
    }
    const plain: PieceActivationManifest = { CID: DATA, Size: 2048, VerifiedAllocationKey: null, Notify: [] }
    const manifest = async (
      number: number,
      changes: Partial<SectorUpdateManifest> = {},
    ): Promise<SectorUpdateManifest> => ({
      Sector: number,
      ...(await place(number)),
      NewSealedCID: NEW,
      Pieces: [plain],
      ...changes,
    })
    const send = (updates: SectorUpdateManifest[], changes: Partial<ProveReplicaUpdates3Params> = {}) =>
      test.land({
        Method: METHODS.miner.ProveReplicaUpdates3,
        Params: ProveReplicaUpdates3Params.encode({
          SectorUpdates: updates,
          SectorProofs: updates.map(() => GOOD_PROOF),
          AggregateProof: new Uint8Array(),
          UpdateProofsType: 0,
          AggregateProofType: null,
          RequireActivationSuccess: false,
          RequireNotificationSuccess: false,
          ...changes,
        }),
      })

    it('puts data into a sector: new comm_r, the old one kept, power, pledge and claims', async () => {
      await active(1)
      const before = await info(1)
      const pieces = [await deal()]
      const landed = await send([await manifest(1, { Pieces: pieces })])
      expect(landed.Receipt.ExitCode).to.equal(0)
      expect(BatchReturn.decode(landed.Receipt.Return!)).to.deep.equal({ SuccessCount: 1, FailCodes: [] })
      const epoch = landed.Height - 1
      const after = await info(1)
      expect(after.SealedCID.equals(NEW) && after.SectorKeyCID!.equals(before.SealedCID)).to.equal(true)
      expect([after.Activation, after.Expiration]).to.deep.equal([before.Activation, before.Expiration])
      expect(after.PowerBaseEpoch).to.equal(epoch)
      expect(after.VerifiedDealWeight).to.equal(2048n * BigInt(after.Expiration - epoch))
      expect([before.InitialPledge, after.InitialPledge, locked()]).to.deep.equal([PLEDGE, 10n * PLEDGE, 10n * PLEDGE])
      expect(await power()).to.deep.equal({ RawBytePower: 2048n, QualityAdjPower: 20_480n })
      const { ID } = pieces[0]!.VerifiedAllocationKey!
      expect((await test.node.StateGetClaim(MINER, ID, []))!.Sector).to.equal(1)
      const [verified] = test.verifier.updates.slice(-1)
      expect(verified!.commDNew).to.deep.equal(new Uint8Array(32).fill(7))
      expect((await send([await manifest(1)])).Receipt.ExitCode, 'once only').to.equal(16)
      await test.restart()
      expect(await info(1)).to.deep.equal(after)
    })

    it('is the sector that window proofs are about from then on', async () => {
      await active(1)
      await send([await manifest(1)])
      await toWindow((await place(1)).Deadline, 0)
      expect((await poster().proveOpen()).length).to.equal(1)
      await test.admin.Advance(2)
      expect(test.verifier.posts.at(-1)!.sectors).to.deep.equal([{ number: 1, commR: new Uint8Array(32).fill(41) }])
    })

    it('leaves the pledge as it is when the data is not verified', async () => {
      await active(1)
      expect((await send([await manifest(1)])).Receipt.ExitCode).to.equal(0)
      const { DealWeight, VerifiedDealWeight, InitialPledge } = await info(1)
      expect([DealWeight > 0n, VerifiedDealWeight, InitialPledge]).to.deep.equal([true, 0n, PLEDGE])
      expect((await power()).QualityAdjPower).to.equal(2048n)
    })

    it('takes no pieces as a sector of zeros', async () => {
      await active(1)
      expect((await send([await manifest(1, { Pieces: [] })])).Receipt.ExitCode).to.equal(0)
      expect(test.verifier.updates.at(-1)!.commDNew).to.deep.equal(zeroPieceCommitment(2048))
    })

    type Case = [
      name: string,
      exitCode: number,
      sector: Partial<SectorUpdateManifest>,
      params?: Partial<ProveReplicaUpdates3Params>,
    ]
    const refusals: Case[] = [
      ['a proof that does not hold', 16, {}, { SectorProofs: [BAD_PROOF] }],
      ['a proof that is too long', 16, {}, { SectorProofs: [new Uint8Array(4097).fill(1)] }],
      ['no proofs', 16, {}, { SectorProofs: [] }],
      ['an aggregate', 16, {}, { SectorProofs: [], AggregateProof: Uint8Array.of(1), AggregateProofType: 1 }],
      ['more proofs than updates', 16, {}, { SectorProofs: [GOOD_PROOF, GOOD_PROOF] }],
      ['another type of proof', 16, {}, { UpdateProofsType: 3 }],
      ['a sealed CID that is none', 16, { NewSealedCID: zeroPieceCid(2048) }],
      ['a deadline that is none', 16, { Deadline: DEADLINES }],
      ['a partition that is none', 16, { Partition: 5 }],
      ['a sector that is none', 17, { Sector: 9 }],
      ['pieces that are too much', 16, { Pieces: [plain, plain] }],
      ['an allocation that is none', 16, { Pieces: [{ ...plain, VerifiedAllocationKey: { Client: 101, ID: 77 } }] }],
    ]
    it('refuses the rest', async () => {
      await active(1)
      for (const [name, exitCode, sector, params] of refusals) {
        expect((await send([await manifest(1, sector)], params)).Receipt.ExitCode, name).to.equal(exitCode)
      }
      const stranger = await test.land({
        Method: METHODS.miner.ProveReplicaUpdates3,
        From: test.client,
        Params: ProveReplicaUpdates3Params.encode({
          SectorUpdates: [await manifest(1)],
          SectorProofs: [GOOD_PROOF],
          AggregateProof: new Uint8Array(),
          UpdateProofsType: 0,
          AggregateProofType: null,
          RequireActivationSuccess: false,
          RequireNotificationSuccess: false,
        }),
      })
      expect(stranger.Receipt.ExitCode, 'a stranger').to.equal(18)
      expect((await info(1)).SectorKeyCID).to.equal(null)
    })

    it('wants an active sector: not one that was never proven, nor a faulty one', async () => {
      await proveCommitted(1)
      expect((await send([await manifest(1)])).Receipt.ExitCode).to.equal(16)
      await poster().activate(test.admin)
      const Faults = [{ ...(await place(1)), Sectors: Bitfield.of([1]) }]
      await test.land({ Method: METHODS.miner.DeclareFaults, Params: DeclareFaultsParams.encode({ Faults }) })
      expect((await send([await manifest(1)])).Receipt.ExitCode).to.equal(16)
    })
    it('not in the window of its deadline, nor the one before', async () => {
      await active(1)
      const { Deadline } = await place(1)
      for (const before of [1, 0]) {
        await toWindow((Deadline + DEADLINES - before) % DEADLINES)
        expect((await send([await manifest(1)])).Receipt.ExitCode, `${before} before`).to.equal(16)
      }
    })

    it('tells of each sector, unless success is required of all', async () => {
      await active(1, 2)
      const updates = [await manifest(1), await manifest(2, { Pieces: [await deal()] })]
      const SectorProofs = [BAD_PROOF, GOOD_PROOF]
      const required = await send(updates, { SectorProofs, RequireActivationSuccess: true })
      expect(required.Receipt.ExitCode).to.equal(16)
      expect((await info(2)).SectorKeyCID, 'all or none').to.equal(null)
      const { Receipt } = await send(updates, { SectorProofs })
      expect(BatchReturn.decode(Receipt.Return!)).to.deep.equal({ SuccessCount: 1, FailCodes: [{ Idx: 0, Code: 16 }] })
      expect([(await info(1)).SectorKeyCID, (await info(2)).SectorKeyCID === null]).to.deep.equal([null, false])
    })

    it('demands the pledge: 19 when the miner has not got it', async () => {
      const deposit = 2048n * 10n * 43_881_700n
      const [rich, options] = [test, { startEpoch: 5000, challengeWindow: WINDOW, deadlines: DEADLINES }]
      test = await DevnetUnderTest.start({ ...options, minerBalance: deposit })
      try {
        await active(1)
        const spare = await test.node.StateMinerAvailableBalance(MINER, [])
        await test.land({
          Method: METHODS.miner.WithdrawBalance,
          From: Address.fromId(102, 't'),
          Params: WithdrawBalanceParams.encode({ AmountRequested: spare }),
        })
        const pieces = [await deal()]
        expect((await send([await manifest(1, { Pieces: pieces })])).Receipt.ExitCode).to.equal(19)
        const { ID } = pieces[0]!.VerifiedAllocationKey!
        expect(await test.node.StateGetAllocation(test.client, ID, []), 'the allocation stays').to.not.equal(null)
      } finally {
        await test.stop()
        test = rich
      }
    })
  })

  describe('TerminateSectors', () => {
    const terminate = async (number: number, at = number) => {
      const Terminations = [{ ...(await place(at)), Sectors: Bitfield.of([number]) }]
      const Params = TerminateSectorsParams.encode({ Terminations })
      return (await test.land({ Method: METHODS.miner.TerminateSectors, Params })).Receipt
    }

    it('ends a sector: power and pledge go, the fee is burnt, and once is enough', async () => {
      await active(1, 2)
      const available = await test.node.StateMinerAvailableBalance(MINER, [])
      const burnt = await test.node.WalletBalance(Address.fromId(99, 't'))
      expect((await terminate(9, 1)).ExitCode, 'a stranger').to.equal(16)
      const receipt = await terminate(1)
      expect([receipt.ExitCode, [...receipt.Return!]]).to.deep.equal([0, [0x81, 0xf5]])
      expect(await power()).to.deep.equal({ RawBytePower: 2048n, QualityAdjPower: 2048n })
      expect(await test.node.StateMinerSectorCount(MINER, [])).to.deep.equal({ Live: 1, Active: 1, Faulty: 0 })
      const fee = (PLEDGE * 20n) / 1000n
      expect((await test.node.StateMinerAvailableBalance(MINER, [])) - available).to.equal(PLEDGE - fee)
      expect((await test.node.WalletBalance(Address.fromId(99, 't'))) - burnt >= fee).to.equal(true)
      expect((await terminate(1)).ExitCode, 'again').to.equal(16)
      expect((await info(1)).SectorNumber, 'its record stays until it is compacted').to.equal(1)
    })

    it('not in the window of its deadline, nor the one before', async () => {
      await active(1)
      const { Deadline } = await place(1)
      for (const before of [1, 0]) {
        await toWindow((Deadline + DEADLINES - before) % DEADLINES, 0)
        expect((await terminate(1)).ExitCode).to.equal(16)
      }
      await test.admin.NullRounds(WINDOW)
      await test.admin.Advance(1)
      // The window went by without a proof: it ends all the same.
      expect(await test.node.StateMinerSectorCount(MINER, [])).to.deep.equal({ Live: 1, Active: 0, Faulty: 1 })
      expect((await terminate(1)).ExitCode).to.equal(0)
      expect(locked()).to.equal(0n)
    })
  })

  describe('ExtendSectorExpiration2', () => {
    const extend = async (number: number, changes: Partial<ExpirationExtension2>) => {
      const { Expiration } = await info(number)
      const Extensions = [
        {
          ...(await place(number)),
          Sectors: Bitfield.of([number]),
          SectorsWithClaims: [],
          NewExpiration: Expiration + 10_000,
          ...changes,
        },
      ]
      const Params = ExtendSectorExpiration2Params.encode({ Extensions })
      return (await test.land({ Method: METHODS.miner.ExtendSectorExpiration2, Params })).Receipt.ExitCode
    }

    it('lets a sector live longer', async () => {
      await active(1)
      const before = await info(1)
      expect(await extend(1, {})).to.equal(0)
      const after = await info(1)
      expect(after.Expiration).to.equal(before.Expiration + 10_000)
      expect(after.InitialPledge).to.equal(before.InitialPledge)
      const { OnTime } = await test.node.StateSectorExpiration(MINER, 1, [])
      expect(OnTime - after.Expiration).to.be.within(0, PERIOD - 1)
      expect((await power()).QualityAdjPower).to.equal(2048n)
    })

    it('not shorter, not beyond five years or 1278 days from now, not without its sector', async () => {
      await active(1)
      const { Expiration } = await info(1)
      expect(await extend(1, { NewExpiration: Expiration - 1 })).to.equal(16)
      expect(await extend(1, { NewExpiration: test.height + 2 + 1278 * 2880 })).to.equal(16)
      expect(await extend(1, { NewExpiration: test.height + 1 + 1278 * 2880 })).to.equal(0)
      expect(await extend(1, { Sectors: Bitfield.of([9]) })).to.equal(20)
      expect(await extend(1, { Partition: 4 })).to.equal(17)
      expect(await extend(1, { Deadline: DEADLINES })).to.equal(16)
    })

    it('is served by method 8 too, which knows no claims', async () => {
      await active(1)
      const { Expiration } = await info(1)
      const Extensions = [{ ...(await place(1)), Sectors: Bitfield.of([1]), NewExpiration: Expiration + 5 }]
      const Params = ExtendSectorExpirationParams.encode({ Extensions })
      const { Receipt } = await test.land({ Method: METHODS.miner.ExtendSectorExpiration, Params })
      expect([Receipt.ExitCode, (await info(1)).Expiration]).to.deep.equal([0, Expiration + 5])
    })

    it('not while it is faulty', async () => {
      await active(1)
      const Faults = [{ ...(await place(1)), Sectors: Bitfield.of([1]) }]
      await test.land({ Method: METHODS.miner.DeclareFaults, Params: DeclareFaultsParams.encode({ Faults }) })
      expect(await extend(1, {})).to.equal(20)
    })

    it('wants every claim of a sector named, and keeps to their terms', async () => {
      const { AllocationID, PieceCID } = await test.admin.ImportDeal({ Miner: 1000, Data: Buffer.alloc(2032, 1) })
      const piece = { CID: PieceCID, Size: 2048, VerifiedAllocationKey: { Client: 101, ID: AllocationID }, Notify: [] }
      const { TermMax } = (await test.node.StateGetAllocation(test.client, AllocationID, []))!
      await test.preCommit([test.preCommitInfo(1, { UnsealedCid: DATA, Expiration: test.height + 700_000 })])
      await test.admin.Advance(10)
      await test.prove(test.proveParams([{ number: 1, pieces: [piece] }]))
      const claim = (changes: object) => [
        { SectorNumber: 1, MaintainClaims: [AllocationID], DropClaims: [], ...changes },
      ]
      const { TermStart } = (await test.node.StateGetClaim(MINER, AllocationID, []))!
      const named = { Sectors: Bitfield.EMPTY, SectorsWithClaims: claim({}) }
      expect(await extend(1, {}), 'without its claim').to.equal(16)
      expect(await extend(1, { ...named, SectorsWithClaims: claim({ MaintainClaims: [] }) }), 'none').to.equal(16)
      expect(await extend(1, { ...named, SectorsWithClaims: claim({ MaintainClaims: [77] }) }), 'unknown').to.equal(16)
      const dropped = claim({ MaintainClaims: [], DropClaims: [AllocationID] })
      expect(await extend(1, { ...named, SectorsWithClaims: dropped }), 'within its least term').to.equal(18)
      const last = Math.min(TermStart + TermMax, test.height + 1 + 1278 * 2880)
      if (last === TermStart + TermMax) {
        expect(await extend(1, { ...named, NewExpiration: last + 1 }), 'beyond its term').to.equal(18)
      }
      expect(await extend(1, { ...named, NewExpiration: last })).to.equal(0)
      const { Expiration, PowerBaseEpoch, VerifiedDealWeight } = await info(1)
      expect(VerifiedDealWeight).to.equal(2048n * BigInt(Expiration - PowerBaseEpoch))
    })
  })

  describe('compaction', () => {
    const compact = async (Deadline: number, ...partitions: number[]) => {
      const Params = CompactPartitionsParams.encode({ Deadline, Partitions: Bitfield.of(partitions) })
      return (await test.land({ Method: METHODS.miner.CompactPartitions, Params })).Receipt.ExitCode
    }

    it('forgets ended sectors and keeps the power of the others', async () => {
      const numbers = Array.from({ length: 26 }, (_, at) => at + 1)
      await active(...numbers)
      const { Deadline } = await place(1)
      const mates = await test.node.StateMinerPartitions(MINER, Deadline, [])
      expect(mates.length, 'the test needs partitions').to.be.greaterThan(1)
      const ended = mates[0]!.AllSectors.first!
      const Terminations = [{ Deadline, Partition: 0, Sectors: Bitfield.of([ended]) }]
      await test.land({ Method: 9, Params: TerminateSectorsParams.encode({ Terminations }) })
      const before = await power()
      expect(await compact(Deadline, 0), 'too soon after the window').to.equal(18)
      // Three fifths of the period after the window are over, and the window before the next one has not begun.
      await toWindow((Deadline + 4) % DEADLINES, 14)
      expect(await compact(Deadline, 9), 'a partition that is none').to.equal(16)
      expect(await compact(DEADLINES, 0), 'a deadline that is none').to.equal(16)
      expect(await compact(Deadline, 0)).to.equal(0)
      expect(await power()).to.deep.equal(before)
      expect(await test.node.StateSectorGetInfo(MINER, ended, [])).to.equal(null)
      const after = await test.node.StateMinerPartitions(MINER, Deadline, [])
      const everybody = (partitions: typeof mates) =>
        partitions.flatMap(({ AllSectors }) => AllSectors.toArray()).sort((a, b) => a - b)
      expect(everybody(after)).to.deep.equal(everybody(mates).filter(number => number !== ended))
      for (const [Partition, { AllSectors }] of after.entries()) {
        for (const number of AllSectors) expect(await place(number)).to.deep.equal({ Deadline, Partition })
      }
      const { Live, Active } = await test.node.StateMinerSectorCount(MINER, [])
      expect([Live, Active]).to.deep.equal([25, 25])
    })

    it('marks numbers as used, which can then never be used', async () => {
      const Params = CompactSectorNumbersParams.encode({ MaskSectorNumbers: Bitfield.of([3, 4]) })
      const { Receipt } = await test.land({ Method: METHODS.miner.CompactSectorNumbers, Params })
      expect(Receipt.ExitCode).to.equal(0)
      expect((await test.node.StateMinerAllocated(MINER, []))!.toArray()).to.deep.equal([3, 4])
      expect((await test.preCommit([test.preCommitInfo(3)])).Receipt.ExitCode).to.equal(16)
      const none = CompactSectorNumbersParams.encode({ MaskSectorNumbers: Bitfield.EMPTY })
      expect((await test.land({ Method: 20, Params: none })).Receipt.ExitCode).to.equal(16)
    })
  })
})
