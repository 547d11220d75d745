import { expect } from 'chai'
import { METHODS } from '../../../rpc-schema/actors/actor-methods.js'
import { BatchReturn } from '../../../rpc-schema/actors/batch-return.js'
import type { SectorPreCommitInfo } from '../../../rpc-schema/actors/miner-precommit.js'
import { ProveCommitAggregateParams, ProveCommitSectors3Params } from '../../../rpc-schema/actors/miner-prove-commit.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import { commDToCid } from '../../../rpc-schema/wire/cid.js'
import type { Message } from '../../../rpc-schema/wire/message.js'
import { computeUnsealedCid, zeroPieceCid, zeroPieceCommitment } from '../../../rpc-schema/wire/piece.js'
import { drawRandomness } from '../../../rpc-schema/wire/randomness.js'
import { FIL } from '../../../rpc-schema/wire/token-amount.js'
import { BAD_PROOF, DevnetUnderTest, GOOD_PROOF, MINER, sealedCid } from './devnet-under-test.js'

const MAX_PROVE = 30 * 2880 + 10
const MIN_LIFE = 518_400

describe('devnet: rules of the miner actor', () => {
  let test: DevnetUnderTest
  beforeEach(async () => {
    test = await DevnetUnderTest.start({ startEpoch: 5000 })
  })
  afterEach(() => test.stop())

  describe('PreCommitSectorBatch2', () => {
    /** The message lands in the epoch after the present head. */
    type Case = [name: string, exitCode: number, info: (epoch: number) => Partial<SectorPreCommitInfo>]
    const cases: Case[] = [
      ['a good one', 0, () => ({})],
      ['a synthetic proof', 0, () => ({ SealProof: 10 })],
      ['a proof type of before network 7', 16, () => ({ SealProof: 0 })],
      ['a non-interactive proof type', 16, () => ({ SealProof: 15 })],
      ['a proof type of another sector size', 16, () => ({ SealProof: 8 })],
      ['a sealed CID that is none', 16, () => ({ SealedCID: zeroPieceCid(2048) })],
      ['an unsealed CID that is none', 16, () => ({ UnsealedCid: sealedCid(1) })],
      ['a ticket of this very epoch', 16, epoch => ({ SealRandEpoch: epoch })],
      ['a ticket of the epoch before', 0, epoch => ({ SealRandEpoch: epoch - 1 })],
      ['the oldest ticket', 0, epoch => ({ SealRandEpoch: epoch - 3780 })],
      ['a ticket that is too old', 16, epoch => ({ SealRandEpoch: epoch - 3781 })],
      ['the shortest life', 0, epoch => ({ Expiration: epoch + MAX_PROVE + MIN_LIFE })],
      ['too short a life', 16, epoch => ({ Expiration: epoch + MAX_PROVE + MIN_LIFE - 1 })],
      ['an end before the beginning', 16, epoch => ({ Expiration: epoch })],
      ['the longest life', 0, epoch => ({ Expiration: epoch + 3_680_640 })],
      ['too long a life', 16, epoch => ({ Expiration: epoch + 3_680_641 })],
      ['a deal of the built-in market', 16, () => ({ DealIDs: [7] })],
    ]
    for (const [name, exitCode, changes] of cases) {
      it(`${name}: ${exitCode}`, async () => {
        const { Receipt } = await test.preCommit([test.preCommitInfo(1, changes(test.height + 1))])
        expect(Receipt.ExitCode).to.equal(exitCode)
        expect((await test.node.StateSectorPreCommitInfo(MINER, 1, [])) !== null).to.equal(exitCode === 0)
        expect(await test.node.StateMinerSectorAllocated(MINER, 1, [])).to.equal(exitCode === 0)
      })
    }

    it('takes the deposit and remembers the epoch', async () => {
      const before = await test.node.StateMinerAvailableBalance(MINER, [])
      const { Height } = await test.preCommit([test.preCommitInfo(1), test.preCommitInfo(5)])
      const info = (await test.node.StateSectorPreCommitInfo(MINER, 5, []))!
      expect(info.PreCommitEpoch).to.equal(Height - 1)
      expect(info.Info.SealedCID.equals(sealedCid(5))).to.equal(true)
      expect(await test.node.StateMinerAvailableBalance(MINER, [])).to.equal(before - 2n * info.PreCommitDeposit)
      expect((await test.node.StateMinerAllocated(MINER, []))!.toArray()).to.deep.equal([1, 5])
      const quoted = await test.node.StateMinerPreCommitDepositForPower(MINER, info.Info, [])
      expect(quoted > info.PreCommitDeposit).to.equal(true)
    })

    it('refuses a number twice: in a batch, while pre-committed, once proven', async () => {
      expect((await test.preCommit([test.preCommitInfo(1), test.preCommitInfo(1)])).Receipt.ExitCode).to.equal(16)
      await test.preCommitted(1)
      expect((await test.preCommit([test.preCommitInfo(2), test.preCommitInfo(1)])).Receipt.ExitCode).to.equal(16)
      expect(await test.node.StateSectorPreCommitInfo(MINER, 2, []), 'all or none').to.equal(null)
      await test.prove(test.proveParams([{ number: 1 }]))
      expect((await test.preCommit([test.preCommitInfo(1)])).Receipt.ExitCode).to.equal(16)
    })

    it('takes 256 sectors, not 257, not none', async () => {
      const infos = (count: number) => Array.from({ length: count }, (_, at) => test.preCommitInfo(at))
      expect((await test.preCommit(infos(257))).Receipt.ExitCode).to.equal(16)
      expect((await test.preCommit([])).Receipt.ExitCode).to.equal(16)
      expect((await test.preCommit(infos(256))).Receipt.ExitCode).to.equal(0)
    })

    it('serves owner, worker and control addresses only, by whatever address they sign', async () => {
      const [owner, worker, control] = [102, 103, 104].map(id => Address.fromId(id, 't'))
      for (const [at, From] of [owner!, worker!, control!, test.worker].entries()) {
        expect((await test.preCommit([test.preCommitInfo(at)], { From })).Receipt.ExitCode).to.equal(0)
      }
      expect((await test.preCommit([test.preCommitInfo(9)], { From: test.client })).Receipt.ExitCode).to.equal(18)
    })

    it('demands the deposit: 19 when the miner has not got it, unless the message brings it', async () => {
      const deposit = 2048n * 10n * 43_881_700n
      const poor = await DevnetUnderTest.start({ startEpoch: 5000, minerBalance: 2n * deposit - 1n })
      try {
        const infos = [poor.preCommitInfo(1), poor.preCommitInfo(2)]
        expect((await poor.preCommit(infos)).Receipt.ExitCode).to.equal(19)
        expect((await poor.preCommit(infos, { Value: 1n })).Receipt.ExitCode).to.equal(0)
        expect(await poor.node.StateMinerAvailableBalance(MINER, [])).to.equal(0n)
      } finally {
        await poor.stop()
      }
    })

    it('cannot read other parameters: 21', async () => {
      const { Receipt } = await test.land({ Method: 28, Params: Uint8Array.of(0x80) })
      expect(Receipt.ExitCode).to.equal(21)
    })

    it('loses the deposit when the proof does not come in time', async () => {
      await test.preCommitted(1)
      const burnt = await test.node.WalletBalance(Address.fromId(99, 't'))
      const info = (await test.node.StateSectorPreCommitInfo(MINER, 1, []))!
      await test.admin.NullRounds(MAX_PROVE + 960 - 14)
      await test.admin.Advance(1)
      expect(await test.node.StateSectorPreCommitInfo(MINER, 1, []), 'not yet').to.not.equal(null)
      await test.admin.Advance(2)
      expect(await test.node.StateSectorPreCommitInfo(MINER, 1, [])).to.equal(null)
      expect((await test.node.WalletBalance(Address.fromId(99, 't'))) - burnt).to.equal(info.PreCommitDeposit)
      expect(await test.node.StateMinerSectorAllocated(MINER, 1, []), 'the number stays used').to.equal(true)
    })
  })

  describe('ProveCommitSectors3', () => {
    const codes = (returned: Uint8Array | null) => BatchReturn.decode(returned!)
    const proveOne = (changes: Partial<ProveCommitSectors3Params>, message: Partial<Message> = {}) =>
      test.prove(test.proveParams([{ number: 1 }], changes), message)

    it('activates a sector: deposit freed, pledge locked, place given', async () => {
      await test.preCommitted(1)
      const { Receipt, ReturnDec, Height } = await test.prove(test.proveParams([{ number: 1 }]))
      expect(Receipt.ExitCode).to.equal(0)
      expect(codes(Receipt.Return)).to.deep.equal({ SuccessCount: 1, FailCodes: [] })
      expect(ReturnDec).to.deep.equal({ SuccessCount: 1, FailCodes: null })
      const sector = (await test.node.StateSectorGetInfo(MINER, 1, []))!
      expect(sector.Activation).to.equal(Height - 1)
      expect(sector.InitialPledge).to.equal(59_604_643_840n)
      expect(sector.SealedCID.equals(sealedCid(1))).to.equal(true)
      expect(await test.node.StateSectorPreCommitInfo(MINER, 1, [])).to.equal(null)
      const place = await test.node.StateSectorPartition(MINER, 1, [])
      const partitions = await test.node.StateMinerPartitions(MINER, place.Deadline, [])
      expect(partitions[place.Partition]!.LiveSectors.toArray()).to.deep.equal([1])
      expect(partitions[place.Partition]!.ActiveSectors.isEmpty).to.equal(true)
      expect(await test.node.StateMinerSectorCount(MINER, [])).to.deep.equal({ Live: 1, Active: 0, Faulty: 0 })
      expect(await test.node.StateMinerAvailableBalance(MINER, [])).to.equal(10_000n * FIL - sector.InitialPledge)
    })

    it('asks the verifier about this very sector, with the randomness of the chain', async () => {
      await test.preCommitted(1)
      const { Info, PreCommitEpoch } = (await test.node.StateSectorPreCommitInfo(MINER, 1, []))!
      await test.prove(test.proveParams([{ number: 1 }]))
      const [seal] = test.verifier.seals
      const entropy = Uint8Array.of(0x43, 0x00, 0xe8, 0x07)
      const key = (await test.node.ChainHead()).Cids
      expect(seal).to.deep.equal({
        sealProof: 5,
        miner: 1000,
        number: 1,
        commR: new Uint8Array(32).fill(2),
        commD: zeroPieceCommitment(2048),
        ticket: await test.node.StateGetRandomnessFromTickets(5, Info.SealRandEpoch, entropy, key),
        seed: await test.node.StateGetRandomnessFromBeacon(6, PreCommitEpoch + 10, entropy, key),
        proof: GOOD_PROOF,
      })
      const tipset = await test.node.ChainGetTipSetByHeight(Info.SealRandEpoch, key)
      expect(drawRandomness(tipset.Blocks[0]!.Ticket!.VRFProof, 5, Info.SealRandEpoch, entropy)).to.deep.equal(
        seal!.ticket,
      )
    })

    const refusals: [
      name: string,
      exitCode: number,
      changes: Partial<ProveCommitSectors3Params>,
      message?: Partial<Message>,
    ][] = [
      ['a proof that does not hold', 16, { SectorProofs: [BAD_PROOF] }],
      ['no proof at all', 16, { SectorProofs: [] }],
      ['two proofs for one sector', 16, { SectorProofs: [GOOD_PROOF, GOOD_PROOF] }],
      ['a proof too long', 16, { SectorProofs: [new Uint8Array(193).fill(1)] }],
      ['a proof and an aggregate', 16, { AggregateProof: Uint8Array.of(1), AggregateProofType: 1 }],
      ['an aggregate type with single proofs', 16, { AggregateProofType: 1 }],
      ['an aggregate of one', 16, { SectorProofs: [], AggregateProof: Uint8Array.of(1), AggregateProofType: 1 }],
      ['no sectors', 16, { SectorActivations: [], SectorProofs: [GOOD_PROOF] }],
      ['an unknown sector', 17, { SectorActivations: [{ SectorNumber: 2, Pieces: [] }] }],
      ['a stranger', 18, {}, { From: Address.fromId(100, 't') }],
    ]
    for (const [name, exitCode, changes, message] of refusals) {
      it(`refuses ${name}: ${exitCode}`, async () => {
        await test.preCommitted(1)
        expect((await proveOne(changes, message)).Receipt.ExitCode).to.equal(exitCode)
        expect(await test.node.StateSectorGetInfo(MINER, 1, [])).to.equal(null)
        expect(await test.node.StateSectorPreCommitInfo(MINER, 1, [])).to.not.equal(null)
      })
    }

    it('waits for the seed: the first epoch is the one after it', async () => {
      const { Height } = await test.preCommit([test.preCommitInfo(1)])
      const seedEpoch = Height - 1 + 10
      await test.admin.Advance(seedEpoch - test.height - 1)
      const early = await proveOne({})
      expect([early.Height - 1, early.Receipt.ExitCode]).to.deep.equal([seedEpoch, 18])
      expect((await proveOne({})).Receipt.ExitCode).to.equal(0)
    })

    it('is too late after thirty days', async () => {
      await test.preCommitted(1)
      await test.admin.NullRounds(MAX_PROVE)
      const { Receipt } = await proveOne({})
      expect(Receipt.ExitCode).to.equal(16)
    })

    it('tells of each sector, unless success is required of all', async () => {
      await test.preCommitted(1, 2, 3)
      const sectors = [{ number: 1 }, { number: 2, proof: BAD_PROOF }, { number: 3 }]
      const required = await test.prove(test.proveParams(sectors, { RequireActivationSuccess: true }))
      expect(required.Receipt.ExitCode).to.equal(16)
      expect(await test.node.StateMinerSectors(MINER, null, [])).to.deep.equal([])
      const { Receipt } = await test.prove(test.proveParams(sectors))
      expect(codes(Receipt.Return)).to.deep.equal({ SuccessCount: 2, FailCodes: [{ Idx: 1, Code: 16 }] })
      const proven = await test.node.StateMinerSectors(MINER, null, [])
      expect(proven.map(sector => sector.SectorNumber)).to.deep.equal([1, 3])
    })

    it('fills partitions of two, deadline by deadline', async () => {
      await test.preCommitted(1, 2, 3)
      await test.prove(test.proveParams([{ number: 1 }, { number: 2 }, { number: 3 }]))
      const places = await Promise.all([1, 2, 3].map(number => test.node.StateSectorPartition(MINER, number, [])))
      expect(places[0]).to.deep.equal(places[1])
      expect(places[2]!.Deadline).to.not.equal(places[0]!.Deadline)
      const current = await test.node.StateMinerProvingDeadline(MINER, [])
      const opensIn = ({ Deadline }: { Deadline: number }) => (Deadline - current.Index + 48) % 48
      expect(opensIn(places[0]!), 'not the open deadline, nor the next one').to.be.greaterThan(1)
    })

    it('wants the pieces that were pre-committed', async () => {
      const piece = commDToCid(new Uint8Array(32).fill(9))
      const UnsealedCid = computeUnsealedCid(2048, [{ Size: 1024, PieceCID: piece }])
      await test.preCommit([test.preCommitInfo(1, { UnsealedCid }), test.preCommitInfo(2)])
      await test.admin.Advance(10)
      const manifest = (CID: typeof piece) => [{ CID, Size: 1024, VerifiedAllocationKey: null, Notify: [] }]
      const prove = (number: number, pieces: ReturnType<typeof manifest>) =>
        test.prove(test.proveParams([{ number, pieces }]))
      expect((await prove(1, [])).Receipt.ExitCode, 'no pieces').to.equal(16)
      expect((await prove(1, manifest(zeroPieceCid(1024)))).Receipt.ExitCode, 'another piece').to.equal(16)
      expect((await prove(2, manifest(piece))).Receipt.ExitCode, 'a piece in an empty sector').to.equal(16)
      expect((await prove(1, manifest(piece))).Receipt.ExitCode).to.equal(0)
      const sector = (await test.node.StateSectorGetInfo(MINER, 1, []))!
      expect(sector.DealWeight).to.equal(1024n * BigInt(sector.Expiration - sector.Activation))
    })

    it('proves an aggregate of four with all their inputs', async () => {
      await test.preCommitted(1, 2, 3, 4)
      const aggregate = (proof: Uint8Array, type: number) =>
        test.prove(
          test.proveParams(
            [1, 2, 3, 4].map(number => ({ number })),
            { SectorProofs: [], AggregateProof: proof, AggregateProofType: type },
          ),
        )
      expect((await aggregate(Uint8Array.of(1), 0)).Receipt.ExitCode, 'SnarkPackV1').to.equal(16)
      expect((await aggregate(Uint8Array.of(0), 1)).Receipt.ExitCode, 'does not hold').to.equal(16)
      expect((await aggregate(Uint8Array.of(1), 1)).Receipt.ExitCode).to.equal(0)
      expect(test.verifier.aggregates.at(-1)!.sectors.map(({ number }) => number)).to.deep.equal([1, 2, 3, 4])
      expect(test.verifier.seals).to.deep.equal([])
    })

    it('fails where receivers must be told: nobody here receives', async () => {
      const piece = commDToCid(new Uint8Array(32).fill(9))
      const UnsealedCid = computeUnsealedCid(2048, [{ Size: 2048, PieceCID: piece }])
      await test.preCommit([test.preCommitInfo(1, { UnsealedCid })])
      await test.admin.Advance(10)
      const pieces = [
        {
          CID: piece,
          Size: 2048,
          VerifiedAllocationKey: null,
          Notify: [{ Address: Address.fromId(8), Payload: Uint8Array.of(1) }],
        },
      ]
      const strict = test.proveParams([{ number: 1, pieces }], { RequireNotificationSuccess: true })
      expect((await test.prove(strict)).Receipt.ExitCode).to.equal(1100)
      expect((await test.prove({ ...strict, RequireNotificationSuccess: false })).Receipt.ExitCode).to.equal(0)
    })
  })

  describe('ProveCommitAggregate', () => {
    const prove = (numbers: readonly number[], proof: Uint8Array) =>
      test.land({
        Method: METHODS.miner.ProveCommitAggregate,
        Params: ProveCommitAggregateParams.encode({ SectorNumbers: Bitfield.of(numbers), AggregateProof: proof }),
      })

    it('proves four sectors, not three, and not with a proof that does not hold', async () => {
      await test.preCommitted(1, 2, 3, 4)
      expect((await prove([1, 2, 3], Uint8Array.of(1))).Receipt.ExitCode).to.equal(16)
      expect((await prove([1, 2, 3, 9], Uint8Array.of(1))).Receipt.ExitCode).to.equal(17)
      expect((await prove([1, 2, 3, 4], Uint8Array.of(0))).Receipt.ExitCode).to.equal(16)
      expect((await prove([1, 2, 3, 4], Uint8Array.of(1))).Receipt.ExitCode).to.equal(0)
      expect((await test.node.StateMinerSectors(MINER, null, [])).length).to.equal(4)
    })
  })

  it('knows no other method: 22', async () => {
    expect((await test.land({ Method: 99 })).Receipt.ExitCode).to.equal(22)
    expect((await test.land({ Method: 6, Params: Uint8Array.of(0x80) })).Receipt.ExitCode).to.equal(22)
  })

  it('never takes an unanswered question for a yes: an epoch waits for the verifier', async () => {
    await test.preCommitted(1)
    const { verifier } = test
    let broken = true
    const good = verifier.verifySeal
    Object.assign(verifier, {
      verifySeal: (seal: Parameters<typeof good>[0]) =>
        broken ? Promise.reject(new Error('no verifying key')) : good(seal),
    })
    await test.forced({ Method: 34, Params: ProveCommitSectors3Params.encode(test.proveParams([{ number: 1 }])) })
    await test.admin.Advance(1)
    const stuck = test.height
    await test.admin.Advance(1).then(
      () => expect.fail('an epoch was made without the verifier'),
      (error: Error) => expect(error.message).to.contain('no verifying key'),
    )
    expect(test.height).to.equal(stuck)
    broken = false
    await test.admin.Advance(1)
    expect(await test.node.StateSectorGetInfo(MINER, 1, [])).to.not.equal(null)
  })
})
