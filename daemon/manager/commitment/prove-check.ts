import type { SectorPreCommitOnChainInfo } from '../../../rpc-schema/chain/sectors.js'
import type { TipSet } from '../../../rpc-schema/chain/tipset.js'
import type { Seed } from '../../../rpc-schema/manager/commitment.js'
import type { PreCommitInfo, SectorState } from '../../../rpc-schema/manager/sector-state.js'
import { bytesEqual } from '../../../rpc-schema/wire/bytes.js'
import { cidToCommD, cidToCommR } from '../../../rpc-schema/wire/cid.js'
import { sectorName } from '../../../rpc-schema/wire/sector-id.js'
import { sectorPieces } from '../allocation/pieces.js'
import type { ChainNode } from '../chain/chain-node.js'
import { maxProveCommitDuration } from '../chain/network-version.js'
import type { Randomness } from '../chain/randomness.js'
import { onChain } from './on-chain.js'
import { pieceProblem } from './pieces-check.js'
import type { SealVerifier } from './seal-verifier.js'
import { done, refuse, rejected, type Verdict } from './verdict.js'

export interface ProveCase {
  readonly record: SectorState
  readonly pre: PreCommitInfo
  readonly proof: Uint8Array
  readonly head: TipSet
}

/** A sector that can be proven. */
export interface ProveMember {
  readonly record: SectorState
  readonly proof: Uint8Array
  readonly onChain: SectorPreCommitOnChainInfo
}

export interface ProveCheckTools {
  readonly node: ChainNode
  readonly randomness: Randomness
  /** Undefined where the proof was verified before. */
  readonly verifier: SealVerifier | undefined
  /** Whether a pre-commit of this manager may come, or come again after a reorg, to the chain. */
  preCommitMayCome(record: SectorState, head: TipSet): Promise<boolean>
}

/** Judges a seal proof by the chain at `head` and by the proof itself, before it is taken and (but for the proof) before it is sent. */
export async function checkProof(of: ProveCase, tools: ProveCheckTools): Promise<Verdict<ProveMember>> {
  const { record, pre, head } = of
  const { node, randomness, verifier } = tools
  const found = await onChain(node, record.ID, head.Cids)
  if (found.stage === 'proven') {
    if (found.sealedCid.equals(pre.CommR)) return done('the sector is proven on the chain')
    return refuse(rejected(`sector already allocated: it is proven with the sealed CID ${found.sealedCid}`))
  }
  const isMissing = found.stage === 'none' || found.stage === 'usedUp'
  if (isMissing && (await tools.preCommitMayCome(record, head)))
    throw new Error(`the pre-commit of ${sectorName(record.ID)} is not on the chain yet, its message is on its way`)
  if (found.stage === 'none') return refuse(rejected('pre-commit info not found on chain'))
  if (found.stage === 'usedUp')
    return refuse(
      rejected(
        "sectorNumber is allocated, but PreCommit info wasn't found on chain: the pre-commit has expired and its deposit is lost, or the sector has ended; the number stays used up",
      ),
    )
  const { info } = found
  if (!info.Info.SealedCID.equals(pre.CommR))
    return refuse(rejected(`the pre-commit on the chain has the sealed CID ${info.Info.SealedCID}, not ${pre.CommR}`))
  const { PreCommitChallengeDelay } = await node.params()
  const lastEpoch = info.PreCommitEpoch + maxProveCommitDuration(PreCommitChallengeDelay)
  if (head.Height > lastEpoch)
    return refuse(
      rejected(
        `pre-commit expired: the sector had to be proven by epoch ${lastEpoch}, the head is at ${head.Height}; its deposit is lost and the number stays used up`,
      ),
    )
  const seedEpoch = info.PreCommitEpoch + PreCommitChallengeDelay
  const bad = await seedProblem(record.Seed, seedEpoch, of, randomness)
  if (bad !== undefined) return refuse(rejected(`bad seed: ${bad}`))
  if (verifier !== undefined) {
    const valid = await verifier.verify({
      sector: record.ID,
      sealProofType: info.Info.SealProof,
      ticket: pre.Ticket.Ticket,
      seed: record.Seed!.Seed,
      commR: cidToCommR(info.Info.SealedCID),
      commD: cidToCommD(pre.CommD),
      proof: of.proof,
    })
    if (!valid) return refuse(rejected('invalid proof: it does not verify'))
  }
  const problem = await pieceProblem(node, record.ID.Miner, sectorPieces(record), head)
  if (problem !== undefined) return refuse(rejected(problem))
  return { outcome: 'send', member: { record, proof: of.proof, onChain: info } }
}

/** A reorg may have moved the pre-commit, and with it the epoch or the value of the seed. */
async function seedProblem(
  seed: Seed | undefined,
  seedEpoch: number,
  { record, head }: ProveCase,
  randomness: Randomness,
): Promise<string | undefined> {
  if (seed === undefined) return 'none has been assigned'
  if (seed.Epoch !== seedEpoch) return `its epoch is ${seed.Epoch}, that of the pre-commit on the chain is ${seedEpoch}`
  const drawn = await randomness.seed(record.ID.Miner, seedEpoch, head.Cids)
  return bytesEqual(drawn.Seed, seed.Seed) ? undefined : 'seed has changed'
}
