import type { TipSet } from '../../../rpc-schema/chain/tipset.js'
import type { PreCommitInfo, SectorState } from '../../../rpc-schema/manager/sector-state.js'
import { bytesEqual } from '../../../rpc-schema/wire/bytes.js'
import { cidToCommD } from '../../../rpc-schema/wire/cid.js'
import { computeUnsealedCommitment } from '../../../rpc-schema/wire/piece.js'
import { sealProof } from '../../../rpc-schema/wire/proof-types.js'
import { sectorPieces } from '../allocation/pieces.js'
import type { ChainNode } from '../chain/chain-node.js'
import type { MinerFacts } from '../chain/miner-facts.js'
import { POLICY, sealProofProblem } from '../chain/network-version.js'
import type { Randomness } from '../chain/randomness.js'
import { onChain } from './on-chain.js'
import { pieceProblem } from './pieces-check.js'
import { done, mismatched, refuse, rejected, type Verdict } from './verdict.js'

export interface PreCommitCase {
  readonly record: SectorState
  readonly pre: PreCommitInfo
  readonly head: TipSet
}

/** A sector that can be pre-committed. */
export interface PreCommitMember {
  readonly record: SectorState
  readonly pre: PreCommitInfo
}

/** Who is asked about it. */
export interface PreCommitCheckTools {
  readonly node: ChainNode
  readonly randomness: Randomness
  readonly facts: Pick<MinerFacts, 'rules'>
}

type Check = (of: PreCommitCase, tools: PreCommitCheckTools) => Promise<Verdict<PreCommitMember> | undefined>

/** In this order; the first one with something to say decides. */
export const PRE_COMMIT_CHECKS: Readonly<Record<string, Check>> = {
  async pieces({ record, head }, { node }) {
    const problem = await pieceProblem(node, record.ID.Miner, sectorPieces(record), head)
    return problem === undefined ? undefined : refuse(rejected(problem))
  },

  async unsealedCommitment({ record, pre }) {
    const { sectorSize } = sealProof(record.SectorType)
    const pieces = sectorPieces(record).map(({ piece }) => piece)
    const expected = computeUnsealedCommitment(sectorSize, pieces)
    if (bytesEqual(expected, cidToCommD(pre.CommD))) return undefined
    const of = pieces.length > 0 ? `its ${pieces.length} pieces` : 'a sector without data'
    return refuse(mismatched(`unsealed CID ${pre.CommD} is not that of ${of}`))
  },

  async ticketAge({ pre, head }) {
    const oldest = head.Height - POLICY.maxPreCommitRandomnessLookback
    if (pre.Ticket.Epoch >= oldest) return undefined
    return refuse(
      rejected(`ticket expired: seal height: ${pre.Ticket.Epoch}, head: ${head.Height}, oldest allowed: ${oldest}`),
    )
  },

  /** A ticket that this manager gave is known to be right; another one is drawn again. */
  async ticketValue({ record, pre, head }, { randomness }) {
    const given = record.Ticket
    if (given?.Epoch === pre.Ticket.Epoch && bytesEqual(given.Ticket, pre.Ticket.Ticket)) return undefined
    const drawn = await randomness.ticket(record.ID.Miner, pre.Ticket.Epoch, head.Cids)
    if (bytesEqual(drawn.Ticket, pre.Ticket.Ticket)) return undefined
    return refuse(rejected(`bad ticket: it is not the randomness of epoch ${pre.Ticket.Epoch}`))
  },

  async chain({ record, pre, head }, { node }) {
    const found = await onChain(node, record.ID, head.Cids)
    if (found.stage === 'none') return undefined
    if (found.stage === 'usedUp')
      return refuse(rejected("sectorNumber is allocated, but PreCommit info wasn't found on chain"))
    if (found.stage === 'proven') {
      if (found.sealedCid.equals(pre.CommR)) return done('the sector is proven on the chain')
      return refuse(rejected(`sector already allocated: it is proven with the sealed CID ${found.sealedCid}`))
    }
    const { SealRandEpoch, SealedCID } = found.info.Info
    if (SealRandEpoch !== pre.Ticket.Epoch)
      return refuse(
        rejected(`bad ticket: the pre-commit on the chain has epoch ${SealRandEpoch}, not ${pre.Ticket.Epoch}`),
      )
    if (!SealedCID.equals(pre.CommR))
      return refuse(rejected(`the pre-commit on the chain has the sealed CID ${SealedCID}, not ${pre.CommR}`))
    return done('the pre-commit is on the chain')
  },

  /** An upgrade of the network between the seal and the pre-commit may have taken the proof away. After `chain`: what is on it stays. */
  async sealProof({ record }, { facts }) {
    const problem = sealProofProblem(await facts.rules(), record.SectorType)
    return problem === undefined ? undefined : refuse(rejected(problem))
  },
}

/** Judges a pre-commit by the chain at `head`, before it is taken and again before it is sent. */
export async function checkPreCommit(of: PreCommitCase, tools: PreCommitCheckTools): Promise<Verdict<PreCommitMember>> {
  for (const check of Object.values(PRE_COMMIT_CHECKS)) {
    const verdict = await check(of, tools)
    if (verdict !== undefined) return verdict
  }
  return { outcome: 'send', member: { record: of.record, pre: of.pre } }
}
