import { PreCommitSectorBatch2Params } from '../../../rpc-schema/actors/miner-precommit.js'
import type { SectorPreCommitInfo } from '../../../rpc-schema/chain/sectors.js'
import type { TipSet } from '../../../rpc-schema/chain/tipset.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { dataPieces, dealTerm, sectorPieces } from '../allocation/pieces.js'
import type { ChainNode } from '../chain/chain-node.js'
import type { MinerFacts } from '../chain/miner-facts.js'
import { batchFee, type NetworkRules, POLICY } from '../chain/network-version.js'
import type { Randomness } from '../chain/randomness.js'
import type { MinerSetup } from '../config/load-settings.js'
import type { CommitKind } from './commit-kind.js'
import { sectorExpiration } from './expiration.js'
import { checkPreCommit, type PreCommitMember } from './pre-commit-check.js'
import { refuse, rejected } from './verdict.js'

export function preCommitKind(node: ChainNode, facts: MinerFacts, randomness: Randomness): CommitKind<PreCommitMember> {
  const infoOf = ({ record, pre }: PreCommitMember, terms: Terms): SectorPreCommitInfo => ({
    SealProof: record.SectorType,
    SectorNumber: record.ID.Number,
    SealedCID: pre.CommR,
    SealRandEpoch: pre.Ticket.Epoch,
    // Deals are named by the prove-commit.
    DealIDs: [],
    Expiration: sectorExpiration({
      head: terms.head.Height,
      ticketEpoch: pre.Ticket.Epoch,
      pieces: dataPieces(sectorPieces(record)),
      lifetimeDays: terms.setup.Sector.LifetimeDays,
      challengeDelay: terms.challengeDelay,
      rules: terms.rules,
    }),
    UnsealedCid: sectorPieces(record).length > 0 ? pre.CommD : null,
  })
  return {
    name: 'pre',
    title: 'pre-commit',
    maxBatch: async () => (await facts.rules()).mostPreCommits,
    singleByBatchFees: false,
    settings: miner => miner.Commitment.Pre,
    judge: async (record, head) =>
      record.Pre === undefined
        ? refuse(rejected('nothing was submitted'))
        : checkPreCommit({ record, pre: record.Pre, head }, { node, randomness, facts }),
    isSame: ({ pre }, record) =>
      record.Pre?.CommR.equals(pre.CommR) === true && record.Pre.Ticket.Epoch === pre.Ticket.Epoch,
    mustLandBy: record => {
      if (record.Pre === undefined) return undefined
      const starts = dataPieces(sectorPieces(record)).map(piece => dealTerm(piece)?.start ?? Number.POSITIVE_INFINITY)
      return Math.min(record.Pre.Ticket.Epoch + POLICY.maxPreCommitRandomnessLookback, ...starts)
    },
    order: members => [...members].sort((a, b) => a.record.ID.Number - b.record.ID.Number),
    content: async (setup, members, head) => {
      const [rules, { PreCommitChallengeDelay }] = await Promise.all([facts.rules(), node.params()])
      const terms = { setup, head, rules, challengeDelay: PreCommitChallengeDelay }
      const Sectors = members.map(member => infoOf(member, terms))
      const deposits = setup.Commitment.Pre.SendFund
        ? await Promise.all(
            Sectors.map(info =>
              node.api.StateMinerPreCommitDepositForPower(Address.fromId(setup.Actor), info, head.Cids),
            ),
          )
        : []
      const fee = setup.Commitment.Pre.SendFund && Sectors.length > 1 ? feeOf(rules, Sectors.length, head) : 0n
      return {
        method: rules.methods.preCommit,
        params: PreCommitSectorBatch2Params.encode({ Sectors }),
        value: deposits.reduce((sum, deposit) => sum + deposit, fee),
      }
    },
  }
}

/** What is too much of it stays with the miner; what is too little fails the message: the base fee may rise until it lands. */
const feeOf = ({ preCommitFee }: NetworkRules, sectors: number, { Blocks }: TipSet): bigint =>
  batchFee(preCommitFee, sectors, 2n * (Blocks[0]?.ParentBaseFee ?? 0n))

interface Terms {
  readonly setup: MinerSetup
  readonly head: TipSet
  readonly rules: NetworkRules
  readonly challengeDelay: number
}
