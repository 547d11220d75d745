import { expect } from 'chai'
import type { ChainApi } from '../../../../daemon/manager/chain/chain-node.js'
import { checkProof, type ProveCase } from '../../../../daemon/manager/commitment/prove-check.js'
import type { SealClaim } from '../../../../daemon/manager/commitment/seal-verifier.js'
import { SUBMIT_RESULT } from '../../../../rpc-schema/manager/commitment.js'
import { commRToCid } from '../../../../rpc-schema/wire/cid.js'
import { zeroPieceCommitment } from '../../../../rpc-schema/wire/piece.js'
import {
  COMM_R,
  headAt,
  onChainPreCommit,
  PRE,
  SEED,
  sealedRecord,
  stubNode,
  stubRandomness,
  TICKET,
} from './stub-chain.js'

const OTHER_R = commRToCid(new Uint8Array(32).fill(99))
const PROOF = new Uint8Array(192).fill(5)
const preCommitted: Partial<ChainApi> = { StateSectorPreCommitInfo: async () => onChainPreCommit() }

interface Row {
  when: string
  of?: Partial<ProveCase>
  chain?: Partial<ChainApi>
  valid?: boolean
  mayCome?: boolean
  expected: 'send' | 'done' | RegExp
}

const ROWS: readonly Row[] = [
  { when: 'all is well', expected: 'send' },
  { when: 'no seed has been assigned', of: { record: sealedRecord({ Seed: undefined }) }, expected: /bad seed: none/ },
  {
    when: 'a reorg has moved the pre-commit',
    chain: { StateSectorPreCommitInfo: async () => onChainPreCommit({ PreCommitEpoch: 6_001 }) },
    expected: /bad seed: its epoch is 6010, that of the pre-commit on the chain is 6011/,
  },
  {
    when: 'the seed has another value now',
    chain: { ...preCommitted, StateGetRandomnessFromBeacon: async () => new Uint8Array(32).fill(1) },
    expected: /seed has changed/,
  },
  { when: 'the chain has no pre-commit', chain: {}, expected: /^pre-commit info not found on chain$/ },
  {
    when: 'the chain has no pre-commit, but its message is on its way (an error, to be tried again)',
    chain: {},
    mayCome: true,
    expected: /is not on the chain yet/,
  },
  {
    when: 'the number is used up',
    chain: { StateMinerSectorAllocated: async () => true },
    expected: /sectorNumber is allocated/,
  },
  {
    when: 'the pre-commit is of another replica',
    chain: { StateSectorPreCommitInfo: async () => onChainPreCommit({ SealedCID: OTHER_R }) },
    expected: /has the sealed CID/,
  },
  {
    when: 'the sector is proven already',
    chain: { StateSectorGetInfo: async () => ({ SealedCID: PRE.CommR }) as never },
    expected: 'done',
  },
  {
    when: 'the pre-commit is past its last moment',
    of: { head: headAt(6_000 + 30 * 2_880 + 10 + 1) },
    expected: /pre-commit expired: the sector had to be proven by epoch 92410/,
  },
  { when: 'the proof does not verify', valid: false, expected: /invalid proof/ },
]

describe('manager: what becomes of a proof', () => {
  for (const { when, of, chain = preCommitted, valid = true, mayCome = false, expected } of ROWS) {
    it(`${when}: ${typeof expected === 'string' ? expected : 'rejected'}`, async () => {
      const node = stubNode(chain)
      const claims: SealClaim[] = []
      const verifier = {
        verify: async (claim: SealClaim) => {
          claims.push(claim)
          return valid
        },
        close: async () => {},
      }
      const verdict = await checkProof(
        { record: sealedRecord(), pre: PRE, proof: PROOF, head: headAt(6_500), ...of },
        { node, randomness: stubRandomness(node), verifier, preCommitMayCome: async () => mayCome },
      ).catch((error: Error) => error)
      if (verdict instanceof Error) {
        expect(mayCome, 'the pre-commit is on its way').to.equal(true)
        return void expect(verdict.message).to.match(expected as RegExp)
      }
      expect(mayCome).to.equal(false)
      if (expected === 'send')
        expect(claims).to.deep.equal([
          {
            sector: { Miner: 1000, Number: 3 },
            sealProofType: 5,
            ticket: TICKET,
            seed: SEED,
            commR: COMM_R,
            commD: zeroPieceCommitment(2048),
            proof: PROOF,
          },
        ])
      if (typeof expected === 'string') return void expect(verdict.outcome).to.equal(expected)
      expect(verdict).to.deep.include({ outcome: 'refused' })
      if (verdict.outcome !== 'refused') return
      expect(verdict.answer.Res).to.equal(SUBMIT_RESULT.rejected)
      expect(verdict.answer.Desc).to.match(expected)
    })
  }
})
