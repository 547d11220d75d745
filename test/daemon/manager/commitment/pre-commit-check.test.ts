import { expect } from 'chai'
import type { ChainApi, ChainNode } from '../../../../daemon/manager/chain/chain-node.js'
import { NEWEST_RULES } from '../../../../daemon/manager/chain/network-version.js'
import { checkPreCommit, type PreCommitCase } from '../../../../daemon/manager/commitment/pre-commit-check.js'
import { SUBMIT_RESULT } from '../../../../rpc-schema/manager/commitment.js'
import type { DealInfoV2 } from '../../../../rpc-schema/manager/deals.js'
import { RpcError } from '../../../../rpc-schema/rpc/error.js'
import { Address } from '../../../../rpc-schema/wire/address.js'
import { commDToCid, commRToCid } from '../../../../rpc-schema/wire/cid.js'
import { zeroPieceCid } from '../../../../rpc-schema/wire/piece.js'
import { headAt, onChainPreCommit, PRE, sealedRecord, stubNode, stubRandomness, TICKET } from './stub-chain.js'

const PIECE = commDToCid(new Uint8Array(32).fill(21))
const OTHER_R = commRToCid(new Uint8Array(32).fill(99))
const CLIENT = Address.fromId(2000)

const deal = (change: Partial<DealInfoV2>) => ({
  Piece: { Size: 2048, PieceCID: PIECE },
  DealInfo: {
    DealID: 0,
    PublishCid: null,
    AllocationID: 0,
    PieceCID: PIECE,
    PieceSize: 2048,
    Client: CLIENT,
    Provider: Address.fromId(1000),
    Offset: 0,
    Length: 2048,
    PayloadSize: 2000,
    StartEpoch: 9_000,
    EndEpoch: 1_000_000,
    IsBuiltinMarket: false,
    IsCompatible: false,
    ...change,
  },
})
const allocation = {
  Client: 2000,
  Provider: 1000,
  Data: PIECE,
  Size: 2048,
  TermMin: 1,
  TermMax: 2,
  Expiration: 9_000,
}
const marketDeal = (change: object = {}): Partial<ChainApi> => ({
  StateMarketStorageDeal: async () =>
    ({
      Proposal: { Provider: Address.fromId(1000), PieceCID: PIECE, PieceSize: 2048, StartEpoch: 9_000, ...change },
    }) as never,
})
const direct = { Pieces: [deal({ AllocationID: 4 })] }
const builtIn = { Pieces: [deal({ DealID: 8, IsBuiltinMarket: true })] }
const withPiece = { ...PRE, CommD: PIECE }

interface Row {
  when: string
  of?: Partial<PreCommitCase>
  chain?: Partial<ChainApi>
  expected: 'send' | 'done' | readonly [number, RegExp]
}
const { rejected, mismatchedSubmission: mismatched } = { ...SUBMIT_RESULT, rejected: SUBMIT_RESULT.rejected }

const ROWS: readonly Row[] = [
  { when: 'nothing of it is on the chain', expected: 'send' },
  {
    when: 'the unsealed CID is not that of zeros',
    of: { pre: { ...PRE, CommD: PIECE } },
    expected: [mismatched, /unsealed CID .* is not that of a sector without data/],
  },
  {
    when: 'the unsealed CID is not that of the pieces',
    of: { record: sealedRecord(direct) },
    chain: { StateGetAllocation: async () => allocation },
    expected: [mismatched, /is not that of its 1 pieces/],
  },
  {
    when: 'a direct deal is as the chain has it',
    of: { record: sealedRecord(direct), pre: withPiece },
    chain: {
      StateGetAllocation: async client => {
        expect(client.equals(CLIENT), 'asked of the client').to.equal(true)
        return allocation
      },
    },
    expected: 'send',
  },
  {
    when: 'the allocation is not there',
    of: { record: sealedRecord(direct), pre: withPiece },
    chain: { StateGetAllocation: async () => null },
    expected: [rejected, /invalid deals: f02000 has no allocation 4/],
  },
  {
    when: 'the allocation is for another provider',
    of: { record: sealedRecord(direct), pre: withPiece },
    chain: { StateGetAllocation: async () => ({ ...allocation, Provider: 5 }) },
    expected: [rejected, /invalid deals: allocation 4 is for provider 5/],
  },
  {
    when: 'the allocation has ended',
    of: { record: sealedRecord(direct), pre: withPiece },
    chain: { StateGetAllocation: async () => ({ ...allocation, Expiration: 6_000 }) },
    expected: [rejected, /expired deals/],
  },
  {
    when: 'the allocation is for a larger piece, which nobody could claim with this one',
    of: { record: sealedRecord(direct), pre: withPiece },
    chain: { StateGetAllocation: async () => ({ ...allocation, Size: 4096 }) },
    expected: [rejected, /invalid deals: allocation 4 is for 4096 bytes/],
  },
  {
    when: 'the deal had to start by now, and is gone from the chain',
    of: { record: sealedRecord(builtIn), pre: withPiece, head: headAt(9_000) },
    chain: { StateMarketStorageDeal: () => Promise.reject(new RpcError(1, 'deal 8 not found')) },
    expected: [rejected, /expired deals: deal 8 had to start by epoch 9000, the head is at 9000/],
  },
  {
    when: 'a deal of the market is as the chain has it',
    of: { record: sealedRecord(builtIn), pre: withPiece },
    chain: marketDeal(),
    expected: 'send',
  },
  {
    when: 'the deal is with another provider',
    of: { record: sealedRecord(builtIn), pre: withPiece },
    chain: marketDeal({ Provider: Address.fromId(7) }),
    expected: [rejected, /invalid deals: deal 8 is with f07/],
  },
  {
    when: 'the deal had to start by now',
    of: { record: sealedRecord(builtIn), pre: withPiece },
    chain: marketDeal({ StartEpoch: 6_000 }),
    expected: [rejected, /expired deals: deal 8/],
  },
  {
    when: 'a filler is not zeros',
    of: { record: sealedRecord({ Pieces: [{ Piece: { Size: 2048, PieceCID: PIECE }, DealInfo: null }] }) },
    expected: [rejected, /invalid piece/],
  },
  {
    when: 'a filler is zeros',
    of: { record: sealedRecord({ Pieces: [{ Piece: { Size: 2048, PieceCID: zeroPieceCid(2048) }, DealInfo: null }] }) },
    expected: 'send',
  },
  { when: 'the ticket is as old as it may be', of: { head: headAt(8_780) }, expected: 'send' },
  { when: 'the ticket is an epoch older', of: { head: headAt(8_781) }, expected: [rejected, /ticket expired/] },
  {
    when: 'the ticket is another one of the chain',
    of: { pre: { ...PRE, Ticket: { Ticket: TICKET, Epoch: 5_001 } } },
    expected: 'send',
  },
  {
    when: 'the ticket is not of the chain',
    of: { pre: { ...PRE, Ticket: { Ticket: new Uint8Array(32), Epoch: 5_001 } } },
    expected: [rejected, /bad ticket: it is not the randomness of epoch 5001/],
  },
  {
    when: 'the same pre-commit is on the chain',
    chain: { StateSectorPreCommitInfo: async () => onChainPreCommit() },
    expected: 'done',
  },
  {
    when: 'a pre-commit with another ticket is on the chain',
    chain: { StateSectorPreCommitInfo: async () => onChainPreCommit({ SealRandEpoch: 4_000 }) },
    expected: [rejected, /bad ticket: the pre-commit on the chain has epoch 4000/],
  },
  {
    when: 'a pre-commit of another replica is on the chain',
    chain: { StateSectorPreCommitInfo: async () => onChainPreCommit({ SealedCID: OTHER_R }) },
    expected: [rejected, /has the sealed CID/],
  },
  {
    when: 'the number is used up',
    chain: { StateMinerSectorAllocated: async () => true },
    expected: [rejected, /sectorNumber is allocated/],
  },
  {
    when: 'the sector is proven already',
    chain: { StateSectorGetInfo: async () => ({ SealedCID: PRE.CommR }) as never },
    expected: 'done',
  },
  {
    when: 'another replica is proven under the number',
    chain: { StateSectorGetInfo: async () => ({ SealedCID: OTHER_R }) as never },
    expected: [rejected, /sector already allocated/],
  },
  {
    when: 'the network takes its proof no longer',
    of: { record: sealedRecord({ SectorType: 0 }) },
    expected: [
      rejected,
      /sealed with StackedDrg2KiBV1, which the network does not take .*StackedDrg2KiBV1_1.* sealed anew/,
    ],
  },
]

const toolsOf = (node: ChainNode) => ({
  node,
  randomness: stubRandomness(node),
  facts: { rules: async () => NEWEST_RULES },
})

describe('manager: what becomes of a pre-commit', () => {
  for (const { when, of, chain, expected } of ROWS) {
    it(`${when}: ${typeof expected === 'string' ? expected : `Res ${expected[0]}`}`, async () => {
      const node = stubNode(chain ?? {})
      const verdict = await checkPreCommit(
        { record: sealedRecord(), pre: PRE, head: headAt(6_500), ...of },
        toolsOf(node),
      )
      if (typeof expected === 'string') return void expect(verdict.outcome).to.equal(expected)
      expect(verdict.outcome).to.equal('refused')
      if (verdict.outcome !== 'refused') return
      expect(verdict.answer.Res).to.equal(expected[0])
      expect(verdict.answer.Desc).to.match(expected[1])
    })
  }

  it('a chain that cannot be asked is an error, not an answer', async () => {
    const node = stubNode({ StateSectorPreCommitInfo: () => Promise.reject(new RpcError(1, 'state not available')) })
    const asked = checkPreCommit({ record: sealedRecord(), pre: PRE, head: headAt(6_500) }, toolsOf(node))
    expect(await asked.catch((error: Error) => error.message)).to.equal('state not available')
  })

  it('an allocation that cannot be asked for is an error, too', async () => {
    const node = stubNode({ StateGetAllocation: () => Promise.reject(new RpcError(1, 'deadline exceeded')) })
    const of = { record: sealedRecord(direct), pre: withPiece, head: headAt(6_500) }
    const asked = checkPreCommit(of, toolsOf(node))
    expect(await asked.catch((error: Error) => error.message)).to.equal('deadline exceeded')
  })
})
