import { expect } from 'chai'
import { endDueDeals } from '../../../daemon/devnet/actors/deal-ends.js'
import { totalSupply } from '../../../daemon/devnet/actors/economics.js'
import { market, marketBalances, publishedDeals } from '../../../daemon/devnet/state/market.js'
import { StateDraft } from '../../../daemon/devnet/state/state-tree.js'
import { METHODS } from '../../../rpc-schema/actors/actor-methods.js'
import {
  DealProposal,
  MarketWithdrawBalanceParams,
  PublishStorageDealsParams,
  PublishStorageDealsReturn,
} from '../../../rpc-schema/actors/market.js'
import type { PieceActivationManifest } from '../../../rpc-schema/actors/miner-pieces.js'
import { ProveReplicaUpdates3Params } from '../../../rpc-schema/actors/miner-replica-update.js'
import { TerminateSectorsParams } from '../../../rpc-schema/actors/miner-sectors.js'
import type { GetDealSpec } from '../../../rpc-schema/chain/market.js'
import type { MarketDeal } from '../../../rpc-schema/chain/market-deal.js'
import type { DealImport, ImportedDeal } from '../../../rpc-schema/devnet/index.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import { address, bigInt, uint } from '../../../rpc-schema/wire/cbor.js'
import { commDToCid } from '../../../rpc-schema/wire/cid.js'
import { computeUnsealedCid } from '../../../rpc-schema/wire/piece.js'
import { pretendedWindowProof, WindowPoster } from '../../harness/window-poster.js'
import { DevnetUnderTest, failure, GOOD_PROOF, MINER, NO_LIMITS, sealedCid } from './devnet-under-test.js'

const MARKET = Address.fromId(5, 't')
const BURNT = Address.fromId(99, 't')
const PIECE = commDToCid(new Uint8Array(32).fill(7))
const COLLATERAL = 10n ** 15n
const DURATION = 600_000
const FEE = 10n ** 9n * BigInt(DURATION)

describe('devnet: the built-in market', () => {
  let test: DevnetUnderTest
  let supply: bigint
  beforeEach(async () => {
    test = await DevnetUnderTest.start({ challengeWindow: 10, deadlines: 6 })
    supply = totalSupply(test.devnet.chain.head.state)
  })
  afterEach(async () => {
    expect(totalSupply(test.devnet.chain.head.state), 'supply').to.equal(supply)
    await test.stop()
  })

  const publish = (changes: Partial<DealImport> = {}): Promise<ImportedDeal> =>
    test.admin.ImportDeal({
      Miner: 1000,
      Data: Buffer.alloc(1500, 'sealyard'),
      Builtin: true,
      StartIn: 100,
      Duration: DURATION,
      ...changes,
    })
  const assign = (number: number, spec: Partial<GetDealSpec> = {}) =>
    test.market.AssignDeals({ Miner: 1000, Number: number }, 2048, { ...NO_LIMITS, ...spec })
  const states = async () => (await test.admin.Status()).Deals.map(deal => deal.State)
  const onChain = (id: number): Promise<MarketDeal> => test.node.StateMarketStorageDeal(id, [])
  const balances = async (): Promise<Record<'client' | 'provider', readonly [bigint, bigint]>> => {
    const of = async (who: Address) => {
      const { Escrow, Locked } = await test.node.StateMarketBalance(who, [])
      return [Escrow, Locked] as const
    }
    return { client: await of(test.client), provider: await of(MINER) }
  }
  const burnt = async () => (await test.node.StateGetActor(BURNT, [])).Balance

  const notifying = (id: number, changes: Partial<PieceActivationManifest> = {}): PieceActivationManifest => ({
    CID: PIECE,
    Size: 2048,
    VerifiedAllocationKey: null,
    Notify: [{ Address: MARKET, Payload: uint.encode(id) }],
    ...changes,
  })

  /** Seals a sector with this piece. */
  async function seal(number: number, piece: PieceActivationManifest, RequireNotificationSuccess = true) {
    const UnsealedCid = computeUnsealedCid(2048, [{ Size: piece.Size, PieceCID: piece.CID }])
    const Expiration = test.height + 800_000
    await test.preCommit([test.preCommitInfo(number, { UnsealedCid, Expiration })])
    await test.admin.Advance(10)
    return prove(number, piece, RequireNotificationSuccess)
  }
  const prove = async (number: number, piece: PieceActivationManifest, RequireNotificationSuccess = true) =>
    (await test.prove(test.proveParams([{ number, pieces: [piece] }], { RequireNotificationSuccess }))).Receipt.ExitCode

  it('publishes a deal, with the money of both behind it', async () => {
    const deal = await publish()
    expect([deal.DealID, deal.AllocationID, deal.PieceSize, deal.PayloadSize]).to.deep.equal([1, 0, 2048, 1500])
    const found = await test.node.StateSearchMsg([], deal.PublishCid!, -1, true)
    expect(found!.Receipt.ExitCode).to.equal(0)
    expect(await onChain(1)).to.deep.include({
      State: { SectorNumber: 0, SectorStartEpoch: -1, LastUpdatedEpoch: -1, SlashEpoch: -1 },
    })
    const { Proposal } = await onChain(1)
    expect([`${Proposal.Client}`, `${Proposal.Provider}`, Proposal.VerifiedDeal]).to.deep.equal([
      'f0101',
      'f01000',
      false,
    ])
    expect([Proposal.StartEpoch, Proposal.EndEpoch]).to.deep.equal([deal.StartEpoch, deal.StartEpoch + DURATION])
    expect(await balances()).to.deep.equal({
      client: [COLLATERAL + FEE, COLLATERAL + FEE],
      provider: [COLLATERAL, COLLATERAL],
    })
    expect(await test.node.StateGetAllocationIdForPendingDeal(1, [])).to.equal(0)
    expect(await test.node.StateGetAllocationForPendingDeal(1, [])).to.equal(null)
    expect((await failure(onChain(2))).message).to.contain('deal 2 not found')
    const landed = await test.admin.Messages({ Method: METHODS.market.PublishStorageDeals })
    expect(landed[0]).to.deep.include({ To: 5, MethodName: 'PublishStorageDeals' })
    await test.restart()
    expect(
      (await assign(1)).map(({ DealID }) => DealID),
      'remembered',
    ).to.deep.equal([1])
  })

  it('turns the data cap of a verified deal into an allocation, which its sector claims', async () => {
    const cap = (await test.node.StateVerifiedClientStatus(test.client, []))!
    const { DealID } = await publish({ Verified: true })
    expect(await test.node.StateVerifiedClientStatus(test.client, [])).to.equal(cap - 2048n)
    const id = await test.node.StateGetAllocationIdForPendingDeal(DealID, [])
    const allocation = (await test.node.StateGetAllocationForPendingDeal(DealID, []))!
    expect([id, allocation.Client, allocation.Provider, allocation.TermMin]).to.deep.equal([1, 101, 1000, DURATION])
    expect(await seal(1, notifying(DealID, { VerifiedAllocationKey: { Client: 101, ID: id } }))).to.equal(0)
    expect((await test.node.StateGetClaim(MINER, id, []))!.Sector).to.equal(1)
    expect(await test.node.StateGetAllocationIdForPendingDeal(DealID, [])).to.equal(0)
    expect((await onChain(DealID)).State.SectorNumber).to.equal(1)
  })

  it('activates a deal in the sector that names it, until a reorg', async () => {
    const { DealID } = await publish()
    await assign(3)
    expect(await seal(3, notifying(DealID))).to.equal(0)
    const { Activation } = (await test.node.StateSectorGetInfo(MINER, 3, []))!
    expect((await onChain(DealID)).State).to.deep.include({ SectorNumber: 3, SectorStartEpoch: Activation })
    expect(await states()).to.deep.equal(['active'])
    expect((await failure(test.market.ReleaseDeals(MINER, [DealID]))).message).to.contain('active')
    await test.admin.Reorg(4)
    expect(await states()).to.deep.equal(['sealing'])
    await test.market.ReleaseDeals(MINER, [DealID])
    expect(await states()).to.deep.equal(['allocated'])
  })

  for (const [what, change] of Object.entries<(id: number) => PieceActivationManifest>({
    'an unknown deal': id => notifying(id + 9),
    'a payload that is no id': id => notifying(id, { Notify: [{ Address: MARKET, Payload: Uint8Array.of(0xff) }] }),
    'another piece': id => notifying(id, { CID: commDToCid(new Uint8Array(32).fill(8)) }),
  })) {
    it(`refuses ${what}: the sector is proven without its deal, or not at all when success is required`, async () => {
      const { DealID } = await publish()
      expect(await seal(1, change(DealID))).to.equal(1103)
      expect(await prove(1, change(DealID), false)).to.equal(0)
      expect(await test.node.StateSectorGetInfo(MINER, 1, [])).to.not.equal(null)
      expect((await onChain(DealID)).State.SectorStartEpoch).to.equal(-1)
    })
  }

  it('refuses a deal that is active already, one of another provider, and a sector that ends before it', async () => {
    const { DealID } = await publish()
    const late = await publish({ Duration: 1_000_000 })
    expect(await seal(1, notifying(late.DealID)), 'the sector ends first').to.equal(1103)
    expect(await prove(1, notifying(DealID)), 'and may hold another').to.equal(0)
    expect(await seal(2, notifying(DealID)), 'active already').to.equal(1103)
    const receivers = { 1100: Address.fromId(77_777, 't'), 1101: Address.fromId(6, 't'), 1102: test.client }
    for (const [code, receiver] of Object.entries(receivers)) {
      const Notify = [{ Address: receiver, Payload: uint.encode(late.DealID) }]
      expect(await prove(2, notifying(late.DealID, { Notify })), `${receiver}`).to.equal(Number(code))
    }
  })

  it('burns the collateral of a deal that was not proven in time, and sets the money of the client free', async () => {
    const { DealID } = await publish()
    await test.admin.NullRounds(120)
    await test.admin.Advance(1)
    expect(await states()).to.deep.equal(['expired'])
    expect((await failure(onChain(DealID))).message).to.contain('not found')
    expect(await balances()).to.deep.equal({ client: [COLLATERAL + FEE, 0n], provider: [0n, 0n] })
    expect(await assign(1)).to.deep.equal([])
    expect(await seal(1, notifying(DealID)), 'too late').to.equal(1103)
    const next = await publish()
    expect(next.DealID, 'a number is not used again').to.equal(2)
  })

  it('puts a deal into a sector that had none', async () => {
    await test.preCommitted(1)
    expect((await test.prove(test.proveParams([{ number: 1 }]))).Receipt.ExitCode).to.equal(0)
    const poster = new WindowPoster({ node: test.node, miner: MINER, prove: pretendedWindowProof })
    await poster.advanceTo(test.height + 140, test.admin)
    const { DealID } = await publish({ StartIn: 5000 })
    const place = await test.node.StateSectorPartition(MINER, 1, [])
    const update = (id: number) =>
      test.land({
        Method: METHODS.miner.ProveReplicaUpdates3,
        Params: ProveReplicaUpdates3Params.encode({
          SectorUpdates: [{ Sector: 1, ...place, NewSealedCID: sealedCid(30), Pieces: [notifying(id)] }],
          SectorProofs: [GOOD_PROOF],
          AggregateProof: new Uint8Array(),
          UpdateProofsType: 0,
          AggregateProofType: null,
          RequireActivationSuccess: true,
          RequireNotificationSuccess: true,
        }),
      })
    // A deadline can be changed from its end to the start of the one before it: right after it is best.
    const current = () => test.node.StateMinerProvingDeadline(MINER, [])
    while ((await current()).Index !== (place.Deadline + 1) % 6) {
      await poster.advanceTo((await current()).Close, test.admin)
    }
    expect((await update(DealID + 1)).Receipt.ExitCode).to.equal(1103)
    expect((await update(DealID)).Receipt.ExitCode).to.equal(0)
    expect((await onChain(DealID)).State.SectorNumber).to.equal(1)
  })

  it('ends a deal with its sector: the provider loses its collateral', async () => {
    const { DealID } = await publish()
    expect(await seal(1, notifying(DealID))).to.equal(0)
    const place = await test.node.StateSectorPartition(MINER, 1, [])
    const before = await burnt()
    const Params = TerminateSectorsParams.encode({ Terminations: [{ ...place, Sectors: Bitfield.of([1]) }] })
    const terminate = () => test.land({ Method: METHODS.miner.TerminateSectors, Params })
    let code = (await terminate()).Receipt.ExitCode
    for (let tries = 0; tries < 20 && code !== 0; tries++) {
      await test.admin.Advance(3)
      code = (await terminate()).Receipt.ExitCode
    }
    expect(code).to.equal(0)
    expect((await burnt()) - before >= COLLATERAL, 'burnt').to.equal(true)
    expect(await balances()).to.deep.equal({ client: [COLLATERAL + FEE, 0n], provider: [0n, 0n] })
  })

  it('pays a deal that has come to its end', async () => {
    const { DealID, EndEpoch } = await publish()
    expect(await seal(1, notifying(DealID))).to.equal(0)
    // A sector lives on only while somebody proves it; half a million epochs of that would take too long.
    const draft = new StateDraft((await test.devnet.chain.outcome(test.devnet.chain.head)).state)
    endDueDeals(draft, EndEpoch - 1)
    expect(publishedDeals.get(draft, DealID)).to.not.equal(undefined)
    endDueDeals(draft, EndEpoch)
    expect(publishedDeals.get(draft, DealID)).to.equal(undefined)
    expect(marketBalances.get(draft, 101)).to.deep.equal({ escrow: COLLATERAL, locked: 0n })
    expect(marketBalances.get(draft, 1000)).to.deep.equal({ escrow: COLLATERAL + FEE, locked: 0n })
    expect(market.get(draft).nextDue).to.equal(null)
  })

  it('gives back what no deal holds, to whom it belongs', async () => {
    await publish()
    const add = (value: bigint, who: Address) =>
      test.land({ To: MARKET, Method: METHODS.market.AddBalance, Params: address.encode(who), Value: value })
    expect((await add(500n, MINER)).Receipt.ExitCode).to.equal(0)
    expect((await add(0n, MINER)).Receipt.ExitCode, 'nothing to add').to.equal(16)
    expect((await add(5n, Address.fromId(88_888, 't'))).Receipt.ExitCode, 'nobody').to.equal(16)
    const withdraw = async (who: Address, Amount: bigint, From = test.worker) => {
      const Params = MarketWithdrawBalanceParams.encode({ ProviderOrClientAddress: who, Amount })
      const { Receipt } = await test.land({ To: MARKET, From, Method: METHODS.market.WithdrawBalance, Params })
      return Receipt.ExitCode === 0 ? bigInt.decode(Receipt.Return!) : Receipt.ExitCode
    }
    const owner = (await test.node.StateMinerInfo(MINER, [])).Owner
    const before = (await test.node.StateGetActor(owner, [])).Balance
    expect(await withdraw(MINER, 10n ** 18n)).to.equal(500n)
    expect((await test.node.StateGetActor(owner, [])).Balance - before, 'to the owner').to.equal(500n)
    expect(await withdraw(MINER, -1n)).to.equal(16)
    expect(await withdraw(MINER, 1n, test.client), 'of another').to.equal(18)
    expect(await withdraw(test.client, 1n, test.client), 'all is locked').to.equal(0n)
  })

  describe('what is published', () => {
    const proposal = (changes: Partial<DealProposal> = {}): DealProposal => ({
      PieceCID: PIECE,
      PieceSize: 2048,
      VerifiedDeal: false,
      Client: test.client,
      Provider: MINER,
      Label: 'mine',
      StartEpoch: test.height + 500,
      EndEpoch: test.height + 600_500,
      StoragePricePerEpoch: 0n,
      ProviderCollateral: 0n,
      ClientCollateral: 0n,
      ...changes,
    })
    const signed = (of: DealProposal, signer = test.client, what = of) => ({
      Proposal: of,
      ClientSignature: test.devnet.wallet.sign(signer, DealProposal.encode(what)),
    })
    const send = async (deals: readonly ReturnType<typeof signed>[], From = test.worker) => {
      const Params = PublishStorageDealsParams.encode({ Deals: [...deals] })
      const { Receipt } = await test.land({ To: MARKET, From, Method: METHODS.market.PublishStorageDeals, Params })
      if (Receipt.ExitCode !== 0) return Receipt.ExitCode
      const { IDs, ValidDeals } = PublishStorageDealsReturn.decode(Receipt.Return!)
      return { ids: IDs, valid: ValidDeals.toArray() }
    }

    it('is left out when it is wrong', async () => {
      const wrong: Record<string, () => ReturnType<typeof signed>> = {
        'signed by another': () => signed(proposal(), test.worker),
        'changed after it was signed': () => signed(proposal({ PieceSize: 1024 }), test.client, proposal()),
        'started already': () => signed(proposal({ StartEpoch: test.height - 1 })),
        'too short': () => signed(proposal({ EndEpoch: test.height + 1000 })),
        'no piece': () => signed(proposal({ PieceSize: 1000 })),
        'too long a label': () => signed(proposal({ Label: 'x'.repeat(257) })),
        'without the money': () => signed(proposal({ ClientCollateral: 1n })),
        "without the provider's money": () => signed(proposal({ ProviderCollateral: 1n })),
        'of another provider': () => signed(proposal({ Provider: Address.fromId(1001, 't') })),
        'without data cap': () => signed(proposal({ VerifiedDeal: true, Client: test.worker }), test.worker),
      }
      for (const [what, deal] of Object.entries(wrong)) {
        const good = signed(proposal({ Label: what }))
        const sent = await send([good, deal()])
        expect(sent, what).to.have.property('valid').that.deep.equals([0])
      }
      expect(await send([signed(proposal(), test.worker)]), 'no good one').to.equal(16)
      expect(await send([])).to.equal(16)
    })

    it('comes from the provider, and only once', async () => {
      expect(await send([signed(proposal())], test.client), 'from the client').to.equal(18)
      expect(await send([signed(proposal({ Provider: test.client }))]), 'no miner').to.equal(16)
      const twice = signed(proposal())
      expect(await send([twice, twice])).to.deep.equal({ ids: [1], valid: [0] })
      expect(await send([twice])).to.equal(16)
    })
  })

  describe('offered to sectors', () => {
    it('behind direct deals, never beside them', async () => {
      await publish({ Data: Buffer.alloc(200, 1) })
      const direct = await test.admin.ImportDeal({ Miner: 1000, Data: Buffer.alloc(200, 2) })
      const first = await assign(1)
      expect(first.map(({ AllocationID }) => AllocationID).filter(id => id > 0)).to.deep.equal([direct.AllocationID])
      expect(first.every(({ DealID }) => DealID === 0)).to.equal(true)
      const second = await assign(2)
      expect(second.filter(({ PublishCid }) => PublishCid !== null).map(({ DealID }) => DealID)).to.deep.equal([1])
      expect(await assign(3)).to.deep.equal([])
    })

    it('if they start and end within the limits, and the sector lives as long', async () => {
      const { StartEpoch, EndEpoch } = await publish()
      const ids = async (number: number, spec: Partial<GetDealSpec>) => {
        const given = (await assign(number, spec)).map(({ DealID }) => DealID)
        await test.market.ReleaseDeals(
          MINER,
          given.filter(id => id > 0),
        )
        return given
      }
      const forever = Number.MAX_SAFE_INTEGER
      expect(await ids(1, { StartEpoch, EndEpoch: forever }), 'must start later').to.deep.equal([])
      expect(await ids(1, { StartEpoch: StartEpoch - 1, EndEpoch: forever })).to.deep.equal([1])
      expect(await ids(1, { StartEpoch: 1, EndEpoch }), 'must end earlier').to.deep.equal([])
      expect(await ids(1, { StartEpoch: 1, EndEpoch: EndEpoch + 1 })).to.deep.equal([1])
      const living = (left: number) =>
        ids(1, { StartEpoch: 1, EndEpoch: forever, SectorExpiration: test.height + left })
      expect(await living(DURATION - 1)).to.deep.equal([])
      expect(await living(DURATION)).to.deep.equal([1])
      expect(await living(DURATION + 90 * 2880 + 1)).to.deep.equal([])
    })
  })
})
