import { expect } from 'chai'
import { BaseFeeWatch } from '../../../../daemon/manager/commitment/base-fee-watch.js'
import type { TipSet } from '../../../../rpc-schema/chain/tipset.js'
import { headAt, stubNode } from './stub-chain.js'

const nano = (amount: number): bigint => BigInt(Math.round(amount * 1e9))
const at = (height: number, fee: bigint): TipSet => ({
  ...headAt(height),
  Blocks: [{ ParentBaseFee: fee } as never],
})

describe('manager: dear gas', () => {
  let asked = 0
  const watch = (feeAt: (height: number) => bigint): BaseFeeWatch =>
    new BaseFeeWatch(
      stubNode({
        ChainGetTipSetByHeight: async height => {
          asked += 1
          return at(height, feeAt(height))
        },
      }),
    )

  it('is many times what was usual in the last hours; one spike of the past does not make it usual', async () => {
    const fees = watch(height => (height === 940 ? nano(50) : nano(1)))
    expect(await fees.isDear(at(1_000, nano(50)))).to.equal(true)
    expect(await fees.isDear(at(1_001, nano(10)))).to.equal(false)
    expect(await fees.isDear(at(1_002, nano(10.1)))).to.equal(true)
  })

  it('is usual once it has lasted', async () => {
    const fees = watch(height => (height >= 800 ? nano(50) : nano(1)))
    expect(await fees.isDear(at(830, nano(50)))).to.equal(true)
    expect(await fees.isDear(at(1_000, nano(50)))).to.equal(false)
  })

  it('is never what costs next to nothing, and never on a chain of few hours', async () => {
    expect(await watch(() => 100n).isDear(at(1_000, nano(0.1)))).to.equal(false)
    expect(await watch(() => 100n).isDear(at(100, nano(50)))).to.equal(false)
  })

  it('is never what a node without history is asked about: sectors are not kept back', async () => {
    const fees = watch(() => {
      throw new Error('bad tipset height lookup')
    })
    expect(await fees.isDear(at(1_000, nano(50)))).to.equal(false)
  })

  it('costs a few calls an hour', async () => {
    const fees = watch(() => nano(1))
    asked = 0
    for (let height = 1_000; height < 1_060; height++) await fees.isDear(at(height, nano(50)))
    expect(asked).to.equal(5)
  })
})
