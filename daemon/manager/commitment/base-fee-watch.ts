import type { TipSet } from '../../../rpc-schema/chain/tipset.js'
import type { ChainNode } from '../chain/chain-node.js'

/** The usual base fee is the median of what it was at so many moments, so many epochs apart: of the last five hours on mainnet. */
const SAMPLES = { count: 5, apart: 60, least: 3 } as const
/** So many times the usual base fee is dear… */
const DEAR_FACTOR = 10n
/** …unless it is so low that nobody minds, attoFIL. */
const NEVER_DEAR = 100_000_000n

/** Tells when gas costs many times of what it usually does, so that what can wait may wait. */
export class BaseFeeWatch {
  readonly #node: ChainNode
  #usual: { readonly height: number; readonly fee: bigint | undefined } | undefined

  constructor(node: ChainNode) {
    this.#node = node
  }

  /** A chain that does not tell what gas was like before has no dear gas. */
  async isDear(head: TipSet): Promise<boolean> {
    const fee = baseFeeOf(head)
    if (fee === undefined || fee <= NEVER_DEAR) return false
    const usual = await this.#usualAt(head)
    return usual !== undefined && fee > usual * DEAR_FACTOR
  }

  /** A node that has no history, or does not answer, must not keep sectors from the chain: then nothing is usual, and nothing dear. */
  async #usualAt(head: TipSet): Promise<bigint | undefined> {
    const known = this.#usual
    if (known && head.Height >= known.height && head.Height - known.height < SAMPLES.apart) return known.fee
    const fees = await this.#samples(head).catch((): bigint[] => [])
    fees.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
    const fee = fees.length < SAMPLES.least ? undefined : fees[Math.floor(fees.length / 2)]
    this.#usual = { height: head.Height, fee }
    return fee
  }

  async #samples(head: TipSet): Promise<bigint[]> {
    const fees: bigint[] = []
    for (let back = SAMPLES.apart; back <= SAMPLES.count * SAMPLES.apart && back < head.Height; back += SAMPLES.apart) {
      const fee = baseFeeOf(await this.#node.api.ChainGetTipSetByHeight(head.Height - back, head.Cids))
      if (fee !== undefined) fees.push(fee)
    }
    return fees
  }
}

const baseFeeOf = (tipset: TipSet): bigint | undefined => tipset.Blocks[0]?.ParentBaseFee
