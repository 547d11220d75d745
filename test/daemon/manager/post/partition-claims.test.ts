import { expect } from 'chai'
import type { Knex } from 'knex'
import { openDatabase } from '../../../../daemon/kit/database.js'
import { silentLog } from '../../../../daemon/kit/log.js'
import { PartitionClaims } from '../../../../daemon/manager/post/partition-claims.js'
import { SubmissionRepository } from '../../../../daemon/manager/post/submission-repository.js'
import { managerMigrations } from '../../../../migrations/manager/index.js'
import { eventually } from '../../../harness/eventually.js'
import { onEachDatabase } from '../../../harness/on-each-database.js'
import { FakeClock } from '../../worker/support/fake-clock.js'

const MINER = 1000
const OPEN = 5_000
const MINUTE = 60_000
const never = new AbortController().signal

onEachDatabase('claims of partitions', database => {
  let db: Knex
  let clock: FakeClock
  let first: PartitionClaims
  let second: PartitionClaims
  let submissions: SubmissionRepository

  beforeEach(async () => {
    db = await openDatabase({ dsn: await database.fresh(), migrations: managerMigrations })
    clock = new FakeClock()
    first = new PartitionClaims({ db, clock, log: silentLog, owner: 'first' })
    second = new PartitionClaims({ db, clock, log: silentLog, owner: 'second' })
    submissions = new SubmissionRepository(db)
  })
  afterEach(() => db.destroy())

  const proof = (partitions: readonly number[]) => ({
    miner: MINER,
    open: OPEN,
    partitions,
    randomness: new Uint8Array(32),
    params: { Deadline: 1, Partitions: [], Proofs: [], ChainCommitEpoch: 1, ChainCommitRand: new Uint8Array(32) },
  })

  it('partitions that one manager is at are not given to another, and others are', async () => {
    const claim = await first.take(MINER, OPEN, [0, 1, 2])
    expect(claim).to.include({ miner: MINER, open: OPEN })
    expect(await second.take(MINER, OPEN, [2, 3])).to.equal(undefined)
    expect(await second.take(MINER, OPEN, [3, 4])).to.not.equal(undefined)
    expect(await second.take(MINER, OPEN + 60, [0])).to.not.equal(undefined)
  })

  it('of many that want a partition at the same time one gets it', async () => {
    const claims = await Promise.all(
      Array.from({ length: 8 }, (_, index) => (index % 2 ? first : second).take(MINER, OPEN, [0, 1])),
    )
    expect(claims.filter(claim => claim !== undefined)).to.have.length(1)
  })

  it('a claim is free when its work is over, whatever came of it', async () => {
    const claim = (await first.take(MINER, OPEN, [0]))!
    const failed = await first
      .during(claim, never, () => Promise.reject(new Error('the prover has failed')))
      .catch(String)
    expect(failed).to.contain('the prover has failed')
    expect(await second.take(MINER, OPEN, [0])).to.not.equal(undefined)
  })

  it('a claim lasts as long as it is kept up', async () => {
    const claim = (await first.take(MINER, OPEN, [0]))!
    let finish = (): void => {}
    const working = first.during(claim, never, () => new Promise<void>(resolve => (finish = resolve)))
    for (let minutes = 0; minutes < 3; minutes += 0.25) {
      await eventually('the claim waits to be renewed', MINUTE, async () => clock.sleepers > 0 || undefined)
      clock.advance(15_000)
      expect(await second.take(MINER, OPEN, [0])).to.equal(undefined)
    }
    finish()
    await working
  })

  it('what a silent manager had is taken over, and it learns of it: its proof is not kept', async () => {
    const claim = (await first.take(MINER, OPEN, [0]))!
    expect(await second.take(MINER, OPEN, [0])).to.equal(undefined)
    clock.advance(MINUTE)
    const taken = (await second.take(MINER, OPEN, [0]))!
    const why = await first.during(claim, never, async signal => {
      await eventually('the claim waits to be renewed', MINUTE, async () => clock.sleepers > 0 || undefined)
      clock.advance(15_000)
      await new Promise(resolve => signal.addEventListener('abort', resolve))
      return String(signal.reason)
    })
    expect(why).to.contain('another manager has taken partitions 0 over')
    expect(await submissions.keep(proof([0]), 1, claim)).to.equal(false)
    expect(await submissions.keep(proof([0]), 1, taken)).to.equal(true)
  })

  it('of managers whose clocks differ by hours none takes what another is at', async () => {
    const ahead = new FakeClock()
    ahead.advance(3 * 60 * MINUTE)
    const hasty = new PartitionClaims({ db, clock: ahead, log: silentLog, owner: 'hasty' })
    await first.take(MINER, OPEN, [0])
    expect(await hasty.take(MINER, OPEN, [0])).to.equal(undefined)
    ahead.advance(MINUTE - 1)
    expect(await hasty.take(MINER, OPEN, [0])).to.equal(undefined)
    ahead.advance(1)
    expect(await hasty.take(MINER, OPEN, [0]), 'it is silent by that watch').to.not.equal(undefined)
  })

  it('a manager that starts again has back at once what it had, and nothing of others', async () => {
    await first.take(MINER, OPEN, [0])
    await second.take(MINER, OPEN, [1])
    await new PartitionClaims({ db, clock, log: silentLog, owner: 'first' }).forget()
    expect(await first.take(MINER, OPEN, [0])).to.not.equal(undefined)
    expect(await first.take(MINER, OPEN, [1])).to.equal(undefined)
  })

  it('claims that nobody gave back do not stay, and those of a manager whose clock is behind do', async () => {
    await first.take(MINER, OPEN, [0, 1])
    clock.advance(2 * 60 * MINUTE)
    await second.prune()
    expect(await db('post_claims').select()).to.have.length(2)
    clock.advance(24 * 60 * MINUTE)
    await second.prune()
    expect(await db('post_claims').select()).to.deep.equal([])
  })
})
