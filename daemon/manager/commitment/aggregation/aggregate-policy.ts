import { type AggregateRules, batchFee } from '../../chain/network-version.js'

/** `auto`: where it costs less · `always`: wherever the network allows it · `never`. */
export const AGGREGATE_MODES = ['auto', 'always', 'never'] as const
export type AggregateMode = (typeof AGGREGATE_MODES)[number]

export interface AggregateCase {
  readonly sectors: number
  /** Of one sector: 192 for each partition of its PoRep. */
  readonly proofBytes: number
  readonly sectorSize: number
  /** attoFIL for a unit of gas. */
  readonly baseFee: bigint
  /** What the network takes, and what it takes for it beyond the gas. */
  readonly rules: AggregateRules
}

const GIB_64 = 64 * 1024 ** 3

/** Gas of the virtual machine (ref-fvm, `price_list.rs`, since network 21). Sizes without a price of their own pay that of 32 GiB. */
const GAS = {
  sealProof: 42_000_000n,
  messageByte: 1_300n,
  aggregateSector: { gib32: 449_900n, gib64: 359_272n },
  /** From so many sectors on. */
  aggregateSteps: [
    { from: 4, gib32: 103_994_170n, gib64: 102_581_240n },
    { from: 7, gib32: 112_356_810n, gib64: 110_803_030n },
    { from: 13, gib32: 122_912_610n, gib64: 120_803_700n },
    { from: 26, gib32: 137_559_930n, gib64: 134_642_130n },
    { from: 52, gib32: 162_039_100n, gib64: 157_357_890n },
    { from: 103, gib32: 210_960_780n, gib64: 203_017_690n },
    { from: 205, gib32: 318_351_180n, gib64: 304_253_590n },
    { from: 410, gib32: 528_274_980n, gib64: 509_880_640n },
  ],
} as const

/** Bytes of a SnarkPack proof over so many proofs: they are filled up to a power of two, and each doubling adds the same. */
export function aggregateBytes(proofs: number): number {
  return 2_260 + 2_976 * Math.max(1, Math.ceil(Math.log2(proofs)))
}

/** attoFIL for what differs between the two ways; the rest of the message costs the same. */
export function costs(of: AggregateCase): { readonly single: bigint; readonly aggregate: bigint } {
  const { sectors, proofBytes, sectorSize, baseFee, rules } = of
  const size = sectorSize === GIB_64 ? 'gib64' : 'gib32'
  const count = BigInt(sectors)
  const single = count * (GAS.sealProof + BigInt(proofBytes) * GAS.messageByte)
  const bytes = BigInt(aggregateBytes((sectors * proofBytes) / 192))
  const step = GAS.aggregateSteps.findLast(({ from }) => sectors >= from)?.[size] ?? 0n
  const aggregate = step + count * GAS.aggregateSector[size] + bytes * GAS.messageByte
  // At a base fee of nothing the gas still decides.
  const price = baseFee > 0n ? baseFee : 1n
  return { single: single * price, aggregate: aggregate * price + batchFee(rules.fee, sectors, baseFee) }
}

/** Whether these sectors are to be proven by one aggregated proof. */
export function isToBeAggregated(mode: AggregateMode, of: AggregateCase): boolean {
  if (mode === 'never' || of.sectors < of.rules.least || of.sectors > of.rules.most) return false
  if (aggregateBytes((of.sectors * of.proofBytes) / 192) > of.rules.proofBytes) return false
  if (mode === 'always') return true
  const { single, aggregate } = costs(of)
  return aggregate < single
}
