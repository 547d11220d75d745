import { blake2b } from '@noble/hashes/blake2.js'
import type { TipSet } from '../../../../rpc-schema/chain/tipset.js'
import { errorText } from '../../../../rpc-schema/seal-error.js'
import { toHex } from '../../../../rpc-schema/wire/bytes.js'
import { cidToCommD, cidToCommR } from '../../../../rpc-schema/wire/cid.js'
import { sealProof } from '../../../../rpc-schema/wire/proof-types.js'
import { sectorName } from '../../../../rpc-schema/wire/sector-id.js'
import type { Logger } from '../../../kit/log.js'
import type { NetworkRules } from '../../chain/network-version.js'
import type { ProveMember } from '../prove-check.js'
import type { SealClaim } from '../seal-verifier.js'
import { type AggregateMode, isToBeAggregated } from './aggregate-policy.js'
import type { SealAggregator } from './seal-aggregator.js'

/** Decides whether a batch is proven by one proof, and makes it. */
export class ProveAggregation {
  readonly #aggregator: SealAggregator
  readonly #log: Logger
  /** The proof of the last batch: what was refused for other reasons comes again as it was. */
  #last: { readonly key: string; readonly proof: Uint8Array } | undefined
  #warned = ''

  constructor(aggregator: SealAggregator, log: Logger) {
    this.#aggregator = aggregator
    this.#log = log
  }

  /** The proof for all members; undefined when each is to have its own. Never fails: single proofs are always possible. */
  async proofOf(
    mode: AggregateMode,
    members: readonly ProveMember[],
    rules: Pick<NetworkRules, 'aggregate'>,
    head: TipSet,
  ): Promise<Uint8Array | undefined> {
    const [first] = members
    if (first === undefined || members.some(({ onChain }) => onChain.Info.SealProof !== first.onChain.Info.SealProof))
      return undefined
    const { sectorSize } = sealProof(first.onChain.Info.SealProof)
    const baseFee = head.Blocks[0]?.ParentBaseFee ?? 0n
    const proofBytes = first.proof.length
    const of = { sectors: members.length, proofBytes, sectorSize, baseFee, rules: rules.aggregate }
    if (!isToBeAggregated(mode, of)) return undefined
    const problem = await this.#aggregator.problem()
    if (problem !== undefined) return this.#warn(problem, members)
    const claims = members.map(claimOf)
    const key = keyOf(claims)
    if (this.#last?.key === key) return this.#last.proof
    try {
      const proof = await this.#aggregator.aggregate(claims)
      this.#last = { key, proof }
      return proof
    } catch (error) {
      return this.#warn(errorText(error), members)
    }
  }

  /** The same problem is told once. */
  #warn(problem: string, members: readonly ProveMember[]): undefined {
    const sectors = members.map(({ record }) => sectorName(record.ID))
    this.#log[problem === this.#warned ? 'debug' : 'warn']({ sectors }, `proofs are sent one by one: ${problem}`)
    this.#warned = problem
  }
}

function claimOf({ record, proof, onChain }: ProveMember): SealClaim {
  const { Pre, Seed } = record
  if (Pre === undefined || Seed === undefined) throw new Error(`${sectorName(record.ID)} has no pre-commit or no seed`)
  return {
    sector: record.ID,
    sealProofType: onChain.Info.SealProof,
    ticket: Pre.Ticket.Ticket,
    seed: Seed.Seed,
    commR: cidToCommR(onChain.Info.SealedCID),
    commD: cidToCommD(Pre.CommD),
    proof,
  }
}

function keyOf(claims: readonly SealClaim[]): string {
  const hash = blake2b.create({ dkLen: 32 })
  for (const { sector, seed, commR, proof } of claims) {
    hash.update(new TextEncoder().encode(`${sectorName(sector)} `))
    for (const bytes of [seed, commR, proof]) hash.update(bytes)
  }
  return toHex(hash.digest())
}
