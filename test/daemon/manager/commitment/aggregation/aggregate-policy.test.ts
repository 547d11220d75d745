import { expect } from 'chai'
import { networkRules } from '../../../../../daemon/manager/chain/network-version.js'
import {
  type AggregateCase,
  aggregateBytes,
  costs,
  isToBeAggregated,
} from '../../../../../daemon/manager/commitment/aggregation/aggregate-policy.js'

const GIB_32 = 32 * 1024 ** 3
const nano = (fil: number): bigint => BigInt(Math.round(fil * 1e9))

const batch = (sectors: number, change: Partial<AggregateCase> = {}): AggregateCase => ({
  sectors,
  proofBytes: 1_920,
  sectorSize: GIB_32,
  baseFee: nano(0.1),
  rules: networkRules(28).aggregate,
  ...change,
})

describe('manager: when proofs are aggregated', () => {
  it('an aggregate grows with the doublings of its proofs, as the prover makes them', () => {
    const measured = [
      [2, 5_236],
      [4, 8_212],
      [5, 11_188],
      [8, 11_188],
      [64, 20_116],
      [256, 26_068],
    ]
    for (const [proofs, bytes] of measured) expect(aggregateBytes(proofs!), `${proofs}`).to.equal(bytes)
  })

  it('since version 25 an aggregate costs its gas only: from four sectors on it is the cheaper way at any base fee', () => {
    for (const sectors of [4, 5, 30, 200, 819])
      for (const baseFee of [0n, 100n, nano(1), nano(500)])
        expect(isToBeAggregated('auto', batch(sectors, { baseFee })), `${sectors} at ${baseFee}`).to.equal(true)
    expect(costs(batch(4, { baseFee: 1n }))).to.deep.equal({
      single: 4n * (42_000_000n + 1_920n * 1_300n),
      aggregate: 103_994_170n + 4n * 449_900n + 20_116n * 1_300n,
    })
  })

  it('before, the network took a fee: it pays only when gas is dear', () => {
    const { aggregate: rules } = networkRules(24)
    expect(isToBeAggregated('auto', batch(10, { rules, baseFee: nano(0.01) }))).to.equal(false)
    expect(isToBeAggregated('auto', batch(10, { rules, baseFee: nano(5) }))).to.equal(true)
    const withFee = costs(batch(10, { rules, baseFee: 1n })).aggregate
    const without = costs(batch(10, { baseFee: 1n })).aggregate
    expect(withFee - without).to.equal((5_000_000_000n * 49_299_973n * 10n) / 20n)
  })

  it('what the operator says holds, within what the actor takes', () => {
    const { aggregate: rules } = networkRules(22)
    const dear = { rules, baseFee: 1n }
    expect(isToBeAggregated('always', batch(4, dear))).to.equal(true)
    expect(isToBeAggregated('auto', batch(4, dear))).to.equal(false)
    expect(isToBeAggregated('never', batch(819))).to.equal(false)
    for (const mode of ['auto', 'always'] as const)
      for (const sectors of [0, 1, 3, 820]) expect(isToBeAggregated(mode, batch(sectors))).to.equal(false)
  })
})
