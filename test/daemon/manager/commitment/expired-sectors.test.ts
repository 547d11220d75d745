import { expect } from 'chai'
import type { Knex } from 'knex'
import { openDatabase } from '../../../../daemon/kit/database.js'
import { networkRules } from '../../../../daemon/manager/chain/network-version.js'
import { ExpiredSectors } from '../../../../daemon/manager/commitment/expired-sectors.js'
import { terminationFeeAtLeast } from '../../../../daemon/manager/commitment/termination/termination-cost.js'
import { SectorBook } from '../../../../daemon/manager/sectors/sector-book.js'
import { SectorSearch } from '../../../../daemon/manager/sectors/sector-search.js'
import { managerMigrations } from '../../../../migrations/manager/index.js'
import type { SectorState } from '../../../../rpc-schema/manager/sector-state.js'
import { Bitfield } from '../../../../rpc-schema/wire/bitfield.js'
import { onEachDatabase } from '../../../harness/on-each-database.js'
import { fastClock } from '../manager-bench.js'
import { FakeChain } from './fake-chain.js'
import { headAt, onChainPreCommit } from './stub-chain.js'

const markRemoved = (record: SectorState): void => {
  record.Removed = true
}

onEachDatabase('manager: sectors whose files nobody needs', database => {
  let db: Knex
  beforeEach(async () => {
    db = await openDatabase({ dsn: await database.fresh(), migrations: managerMigrations })
  })
  afterEach(() => db.destroy())

  it('were proven, and are gone: now, and as far back as winning PoSt looks', async () => {
    const book = new SectorBook(db, fastClock(1))
    const chain = new FakeChain()
    chain.moveTo(5_000)
    const proof = new Uint8Array(192).fill(1)
    const finished = async (number: number, hasProof: boolean) => {
      const sid = { Miner: 1000, Number: number }
      const cause = { actor: 'test', event: 'made' }
      await book.transaction(trx => book.create(sid, 5, cause, trx))
      await book.finalize(sid, cause, record => {
        if (hasProof) record.Proof = { Proof: proof }
        return true
      })
    }
    // 1 lives · 6 was not there yet · 2 is gone · 3 was never proven · 4 is gone and removed · 5 is just being proven
    for (const number of [1, 2, 3, 4, 5, 6]) await finished(number, number !== 3)
    await book.amend({ Miner: 1000, Number: 4 }, markRemoved, {
      actor: 'test',
      event: 'removed',
    })
    chain.sectors.set(1, { at: [3, 0] })
    const node = chain.node({
      ChainGetTipSetByHeight: async height => headAt(height),
      StateMinerAllocated: async () => Bitfield.of([1, 2, 3, 4, 5]),
      StateSectorPreCommitInfo: async (_, number) => (number === 5 ? onChainPreCommit() : null),
    })
    const expired = new ExpiredSectors(node, chain.heads, new SectorSearch(db))
    expect(await expired.of(1000, null)).to.deep.equal({
      Miner: 1000,
      Epoch: 4_100,
      Sectors: [
        { Number: 2, Removed: false },
        { Number: 4, Removed: true },
      ],
    })
    const failure = await expired.of(1000, 6_000).catch((error: Error) => error.message)
    expect(failure).to.equal('epoch: expected at most 5000, where the head is, found 6000')
  })
})

describe('manager: what the end of a sector costs', () => {
  const fee = (age: number) =>
    terminationFeeAtLeast({ InitialPledge: 1_000_000n, Activation: 100 }, 100 + age, networkRules(28).terminationFee)

  it('is 8.5 % of the pledge from 140 days on, less before, and 2 % at least', () => {
    expect(fee(140 * 2_880)).to.equal(85_000n)
    expect(fee(999 * 2_880)).to.equal(85_000n)
    expect(fee(70 * 2_880)).to.equal(42_500n)
    expect(fee(0)).to.equal(20_000n)
    expect(networkRules(24).terminationFee, 'before, it depended on rewards').to.equal(undefined)
  })
})
