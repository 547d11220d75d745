import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { fillSector } from '../../../daemon/devnet/market/fill-sector.js'
import { marketService } from '../../../rpc-schema/chain/index.js'
import type { GetDealSpec } from '../../../rpc-schema/chain/market.js'
import { rpcClient } from '../../../rpc-schema/rpc/client.js'
import { commDToCid } from '../../../rpc-schema/wire/cid.js'
import { computeUnsealedCid, zeroPieceCid } from '../../../rpc-schema/wire/piece.js'
import { DevnetUnderTest, failure, MINER, NO_LIMITS } from './devnet-under-test.js'

describe('devnet: market', () => {
  describe('filling a sector', () => {
    const fill = (sizes: readonly number[], limits = { maxPieces: 0, minUsedBytes: 0 }) =>
      fillSector(
        2048,
        sizes.map(pieceSize => ({ pieceSize })),
        limits,
      ).map(({ deal, size, offset }) => `${deal ? 'deal' : 'zero'} ${size} at ${offset}`)

    it('aligns every deal to its own size, with zeros between and behind', () => {
      expect(fill([2048])).to.deep.equal(['deal 2048 at 0'])
      expect(fill([256, 1024])).to.deep.equal([
        'deal 256 at 0',
        'zero 256 at 256',
        'zero 512 at 512',
        'deal 1024 at 1024',
      ])
      expect(fill([256, 256, 512])).to.deep.equal([
        'deal 256 at 0',
        'deal 256 at 256',
        'deal 512 at 512',
        'zero 1024 at 1024',
      ])
      expect(fill([128])).to.deep.equal([
        'deal 128 at 0',
        'zero 128 at 128',
        'zero 256 at 256',
        'zero 512 at 512',
        'zero 1024 at 1024',
      ])
    })

    it('stops at the limit, at a deal that does not fit, and below the least use', () => {
      expect(
        fill([256, 256], { maxPieces: 1, minUsedBytes: 0 }).filter(piece => piece.startsWith('deal')),
      ).to.have.length(1)
      expect(fill([1024, 2048]).filter(piece => piece.startsWith('deal'))).to.deep.equal(['deal 1024 at 0'])
      expect(fill([256], { maxPieces: 0, minUsedBytes: 512 })).to.deep.equal([])
      expect(fill([])).to.deep.equal([])
    })
  })

  describe('served', () => {
    let test: DevnetUnderTest
    beforeEach(async () => {
      test = await DevnetUnderTest.start()
    })
    afterEach(() => test.stop())

    const data = (bytes: number) => Buffer.alloc(bytes, 'sealyard')
    const assign = (number: number, spec: Partial<GetDealSpec> = {}, miner = 1000) =>
      test.market.AssignDeals({ Miner: miner, Number: number }, 2048, { ...NO_LIMITS, ...spec })
    const states = async () => (await test.admin.Status()).Deals.map(deal => deal.State)

    it('offers imported data with an allocation on the chain, and its bytes', async () => {
      const deal = await test.admin.ImportDeal({ Miner: 1000, Data: data(1500) })
      expect([deal.AllocationID, deal.PieceSize, deal.PayloadSize, deal.PublishCid]).to.deep.equal([
        1,
        2048,
        1500,
        null,
      ])
      const allocation = (await test.node.StateGetAllocation(test.client, deal.AllocationID, []))!
      expect([allocation.Provider, allocation.Size]).to.deep.equal([1000, 2048])
      expect(allocation.Data.equals(deal.PieceCID)).to.equal(true)
      expect(Object.keys(await test.node.StateGetAllocations(test.client, []))).to.deep.equal(['1'])
      const get = (cid: unknown, method = 'GET') =>
        fetch(`${test.devnet.address}/resource?resource-id=${cid}`, { method })
      const response = await get(deal.PieceCID)
      expect(Buffer.from(await response.arrayBuffer()).equals(data(1500))).to.equal(true)
      expect((await get(zeroPieceCid(2048))).status).to.equal(404)
      expect((await get('../token')).status).to.equal(400)
      expect((await get(deal.PieceCID, 'DELETE')).status).to.equal(405)
    })

    it('imports files, and refuses what is no deal', async () => {
      const file = join(test.home, 'data')
      writeFileSync(file, data(200))
      expect((await test.admin.ImportDeal({ Miner: 1000, Path: file })).PieceSize).to.equal(256)
      const refused = async (deal: Parameters<typeof test.admin.ImportDeal>[0]) =>
        (await failure(test.admin.ImportDeal(deal))).message
      expect(await refused({ Miner: 1000, Data: data(2033) })).to.contain('2033 bytes do not fit')
      expect(await refused({ Miner: 1000, Data: data(0) })).to.contain('must have data')
      expect(await refused({ Miner: 1000 })).to.contain('either Data or Path')
      expect(await refused({ Miner: 100, Data: data(1) })).to.contain('no miner')
      expect(await refused({ Miner: 1000, Path: '/nowhere' })).to.contain('ENOENT')
      expect(await refused({ Miner: 1000, Data: data(1), Duration: 100 })).to.contain('exit=[ErrIllegalArgument(16)]')
    })

    it('gives small deals first, each to one sector only, with the zeros between', async () => {
      for (const bytes of [1000, 200]) await test.admin.ImportDeal({ Miner: 1000, Data: data(bytes) })
      expect(await assign(1, {}, 1001), 'another miner').to.deep.equal([])
      expect(await assign(1, { MinUsedSpace: 2048 }), 'not enough').to.deep.equal([])
      const pieces = await assign(1)
      expect(pieces.map(({ AllocationID, PieceSize, Offset }) => [AllocationID, PieceSize, Offset])).to.deep.equal([
        [2, 256, 0],
        [0, 256, 0],
        [0, 512, 0],
        [1, 1024, 1024],
      ])
      expect(pieces[1]!.PieceCID!.equals(zeroPieceCid(256))).to.equal(true)
      expect(pieces[1]!.Client.isEmpty).to.equal(true)
      expect(await assign(2)).to.deep.equal([])
      expect(await states()).to.deep.equal(['sealing', 'sealing'])
      await test.restart()
      expect(await assign(3), 'remembered').to.deep.equal([])
      await test.market.ReleaseDirectDeals(MINER, [1])
      expect((await assign(4)).map(({ AllocationID }) => AllocationID)).to.deep.equal([1, 0])
    })

    it('gives deals to a sector on the chain only if it lives as long as their terms ask', async () => {
      await test.admin.ImportDeal({ Miner: 1000, Data: data(2000) })
      const snap = (SectorExpiration: number) =>
        assign(1, { StartEpoch: 1, EndEpoch: SectorExpiration, SectorExpiration })
      expect(await snap(test.height + 518_399)).to.deep.equal([])
      expect(await snap(test.height + 2_000_000)).to.deep.equal([])
      expect(await snap(test.height + 600_000)).to.have.length(1)
    })

    it('lets a sector claim its data, and then gives nothing back', async () => {
      const deal = await test.admin.ImportDeal({ Miner: 1000, Data: data(2000) })
      const [piece] = await assign(1)
      const UnsealedCid = computeUnsealedCid(2048, [{ Size: 2048, PieceCID: deal.PieceCID }])
      await test.preCommit([
        test.preCommitInfo(1, { UnsealedCid, Expiration: piece!.EndEpoch }),
        test.preCommitInfo(2, { UnsealedCid }),
      ])
      await test.admin.Advance(10)
      const prove = (number: number, ID: number, CID = deal.PieceCID, RequireActivationSuccess = false) =>
        test.prove(
          test.proveParams(
            [{ number, pieces: [{ CID, Size: 2048, VerifiedAllocationKey: { Client: 101, ID }, Notify: [] }] }],
            { RequireActivationSuccess },
          ),
        )
      expect((await prove(1, 99)).Receipt.ExitCode, 'no such allocation: nothing is left to activate').to.equal(16)
      expect((await prove(1, 99, deal.PieceCID, true)).Receipt.ExitCode).to.equal(16)
      expect((await prove(1, 1)).Receipt.ExitCode).to.equal(0)
      const sector = (await test.node.StateSectorGetInfo(MINER, 1, []))!
      const duration = BigInt(sector.Expiration - sector.Activation)
      expect([sector.VerifiedDealWeight, sector.DealWeight]).to.deep.equal([2048n * duration, 0n])
      expect(sector.InitialPledge, 'ten times the power of an empty one').to.equal(596_046_438_400n)
      expect(await test.node.StateGetAllocation(test.client, 1, [])).to.equal(null)
      const claim = (await test.node.StateGetClaim(MINER, 1, []))!
      expect([claim.Sector, claim.Client, claim.TermStart]).to.deep.equal([1, 101, sector.Activation])
      expect(await states()).to.deep.equal(['active'])
      expect((await failure(test.market.ReleaseDirectDeals(MINER, [1]))).message).to.contain('active')
      expect((await prove(2, 1)).Receipt.ExitCode, 'claimed already').to.equal(16)
      await test.admin.Reorg(4)
      expect(await states(), 'not after a reorg').to.deep.equal(['sealing'])
    })

    it('does not let a foreign or wrong piece claim', async () => {
      const deal = await test.admin.ImportDeal({ Miner: 1000, Data: data(1000) })
      const other = commDToCid(new Uint8Array(32).fill(3))
      const pieces = [deal.PieceCID, other].map((CID, at) => ({
        CID,
        Size: 1024,
        // The second piece claims the allocation of the first.
        VerifiedAllocationKey: at === 1 ? { Client: 101, ID: 1 } : null,
        Notify: [],
      }))
      const UnsealedCid = computeUnsealedCid(
        2048,
        pieces.map(({ CID, Size }) => ({ PieceCID: CID, Size })),
      )
      await test.preCommit(
        [1, 2].map(number => test.preCommitInfo(number, { UnsealedCid: number === 1 ? UnsealedCid : null })),
      )
      await test.admin.Advance(10)
      const { Receipt, ReturnDec } = await test.prove(test.proveParams([{ number: 1, pieces }, { number: 2 }]))
      expect(Receipt.ExitCode).to.equal(0)
      expect(ReturnDec).to.deep.equal({ SuccessCount: 1, FailCodes: [{ Idx: 0, Code: 18 }] })
    })

    it('greets who listens for events', async () => {
      const market = rpcClient(marketService, test.connect('ws'))
      const events = await market.ListenMarketEvent({ Miner: MINER })
      const { value: event } = await events.next()
      expect(event.Method).to.equal('InitConnect')
      expect(JSON.parse(new TextDecoder().decode(event.Payload))).to.have.keys('ChannelId')
      await events.return!()
      expect((await failure(test.market.ReleaseDeals(MINER, [1]))).message).to.contain('not found')
      expect((await failure(test.market.ReleaseDirectDeals(MINER, [8]))).message).to.contain('not found')
    })
  })
})
