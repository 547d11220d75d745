import { ProveCommitSectors3Params } from '../../../rpc-schema/actors/miner-prove-commit.js'
import type { TipSet } from '../../../rpc-schema/chain/tipset.js'
import { bytesEqual } from '../../../rpc-schema/wire/bytes.js'
import { sealProof } from '../../../rpc-schema/wire/proof-types.js'
import { dataPieces, dealTerm, sectorPieces } from '../allocation/pieces.js'
import type { ChainNode } from '../chain/chain-node.js'
import type { MinerFacts } from '../chain/miner-facts.js'
import { batchFee, POLICY } from '../chain/network-version.js'
import type { Randomness } from '../chain/randomness.js'
import type { ProveAggregation } from './aggregation/prove-aggregation.js'
import type { CommitKind } from './commit-kind.js'
import { pieceManifests } from './piece-manifest.js'
import { checkProof, type ProveCheckTools, type ProveMember } from './prove-check.js'
import { refuse, rejected } from './verdict.js'

export function proveCommitKind(
  node: ChainNode,
  facts: MinerFacts,
  randomness: Randomness,
  preCommitMayCome: ProveCheckTools['preCommitMayCome'],
  aggregation: ProveAggregation,
): CommitKind<ProveMember> {
  const tools = { node, randomness, verifier: undefined, preCommitMayCome }
  return {
    name: 'prove',
    title: 'prove-commit',
    maxBatch: async () => (await facts.rules()).aggregate.most,
    singleByBatchFees: true,
    settings: miner => miner.Commitment.Prove,
    judge: async (record, head) => {
      if (record.Pre === undefined || record.Proof === undefined) return refuse(rejected('nothing was submitted'))
      return checkProof({ record, pre: record.Pre, proof: record.Proof.Proof, head }, tools)
    },
    isSame: ({ proof }, record) => record.Proof !== undefined && bytesEqual(record.Proof.Proof, proof),
    mustLandBy: record => {
      const starts = dataPieces(sectorPieces(record)).flatMap(piece => dealTerm(piece)?.start ?? [])
      // The seed's epoch and the last moment of the pre-commit are counted from the same epoch, with the same delay.
      const expiry =
        record.Seed === undefined ? [] : [record.Seed.Epoch + POLICY.maxProveCommitDays * POLICY.epochsPerDay]
      const all = [...starts, ...expiry]
      return all.length > 0 ? Math.min(...all) : undefined
    },
    order: members => [...members].sort((a, b) => a.record.ID.Number - b.record.ID.Number),
    content: async (setup, members, head) => {
      const rules = await facts.rules()
      const manifests = await Promise.all(members.map(({ record }) => pieceManifests(node, sectorPieces(record), head)))
      const paramsWith = (proofs: Proofs): Uint8Array =>
        ProveCommitSectors3Params.encode({
          SectorActivations: members.map(({ record }, index) => ({
            SectorNumber: record.ID.Number,
            Pieces: manifests[index]!,
          })),
          ...proofs,
          RequireActivationSuccess: setup.Sealing.RequireActivationSuccess,
          RequireNotificationSuccess: setup.Sealing.RequireNotificationSuccess,
        })
      const pledges = setup.Commitment.Prove.SendFund
        ? await Promise.all(
            members.map((member, index) => {
              const verified = manifests[index]!.filter(piece => piece.VerifiedAllocationKey !== null)
              const verifiedBytes = verified.reduce((sum, piece) => sum + piece.Size, 0)
              return missingPledge(node, member, verifiedBytes, head)
            }),
          )
        : []
      const value = pledges.reduce((sum, pledge) => sum + pledge, 0n)
      const plain = { method: rules.methods.proveCommit, params: paramsWith(singleProofs(members)), value }
      const aggregate = await aggregation.proofOf(setup.Commitment.Prove.Aggregate, members, rules, head)
      if (aggregate === undefined) return plain
      // As with a batch of pre-commits: the base fee may rise until it lands.
      const baseFee = 2n * (head.Blocks[0]?.ParentBaseFee ?? 0n)
      const fee = setup.Commitment.Prove.SendFund ? batchFee(rules.aggregate.fee, members.length, baseFee) : 0n
      return { ...plain, params: paramsWith(oneProof(aggregate, rules.aggregate.proof)), value: value + fee, plain }
    },
  }
}

type Proofs = Pick<ProveCommitSectors3Params, 'SectorProofs' | 'AggregateProof' | 'AggregateProofType'>

/** One proof for each sector. */
const singleProofs = (members: readonly ProveMember[]): Proofs => ({
  SectorProofs: members.map(({ proof }) => proof),
  AggregateProof: new Uint8Array(),
  AggregateProofType: null,
})

const oneProof = (AggregateProof: Uint8Array, AggregateProofType: number): Proofs => ({
  SectorProofs: [],
  AggregateProof,
  AggregateProofType,
})

/** What the pledge of a sector is above the deposit of its pre-commit, attoFIL. */
async function missingPledge(
  node: ChainNode,
  { record, onChain }: ProveMember,
  verifiedBytes: number,
  head: TipSet,
): Promise<bigint> {
  const { sectorSize } = sealProof(record.SectorType)
  const lifetime = onChain.Info.Expiration - head.Height
  const pledge = await node.api.StateMinerInitialPledgeForSector(lifetime, sectorSize, verifiedBytes, head.Cids)
  return pledge > onChain.PreCommitDeposit ? pledge - onChain.PreCommitDeposit : 0n
}
