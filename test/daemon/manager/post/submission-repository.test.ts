import { expect } from 'chai'
import type { Knex } from 'knex'
import { inTransaction, openDatabase } from '../../../../daemon/kit/database.js'
import { silentLog } from '../../../../daemon/kit/log.js'
import type { NewMessage } from '../../../../daemon/manager/commitment/chain-message.js'
import { MessageRepository } from '../../../../daemon/manager/commitment/message-repository.js'
import { PartitionClaims } from '../../../../daemon/manager/post/partition-claims.js'
import { messageKey, SubmissionRepository } from '../../../../daemon/manager/post/submission-repository.js'
import { managerMigrations } from '../../../../migrations/manager/index.js'
import { onEachDatabase } from '../../../harness/on-each-database.js'
import { FakeClock } from '../../worker/support/fake-clock.js'

const MINER = 1000
const DAY = 24 * 3_600_000

onEachDatabase('submissions of window proofs', database => {
  let db: Knex
  let submissions: SubmissionRepository
  let messages: MessageRepository
  const clock = new FakeClock()

  beforeEach(async () => {
    db = await openDatabase({ dsn: await database.fresh(), migrations: managerMigrations })
    submissions = new SubmissionRepository(db)
    messages = new MessageRepository(db)
  })
  afterEach(() => db.destroy())

  const keep = async (open: number, at: number): Promise<number> => {
    const claims = new PartitionClaims({ db, clock, log: silentLog, owner: 'us' })
    const claim = (await claims.take(MINER, open, [0, 1]))!
    const params = {
      Deadline: 1,
      Partitions: [],
      Proofs: [],
      ChainCommitEpoch: 1,
      ChainCommitRand: new Uint8Array(32),
    }
    const proof = { miner: MINER, open, partitions: [0, 1], randomness: new Uint8Array(32), params }
    expect(await submissions.keep(proof, at, claim)).to.equal(true)
    return (await submissions.ofWindow(MINER, open))[0]!.id
  }

  const sent = async (open: number, attempt: number, state: 'landed' | 'pushed'): Promise<void> => {
    const [submission] = await submissions.ofWindow(MINER, open)
    const uuid = messageKey(submission!.id, attempt)
    await submissions.update(submission!, { state: 'sent', attempt, messageKey: uuid })
    const message = { ...MESSAGE, uuid }
    await inTransaction(db, trx => messages.insert(message, clock.now(), trx))
    const { id } = (await messages.withUuid(uuid))!
    await messages.update(id, { state, settled: state === 'landed' }, clock.now())
  }

  it('what is older than seven days is forgotten, with its messages that have come to an end', async () => {
    const old = await keep(100, 0)
    await sent(100, 1, 'landed')
    const stuck = await keep(160, 0)
    await sent(160, 1, 'pushed')
    await keep(20_000, 3 * DAY)
    await sent(20_000, 1, 'landed')
    await messages.forget(await submissions.prune(8 * DAY))
    expect(await submissions.ofWindow(MINER, 100)).to.deep.equal([])
    expect(await messages.withUuid(messageKey(old, 1))).to.equal(undefined)
    expect((await messages.withUuid(messageKey(stuck, 1)))?.state).to.equal('pushed')
    expect(await submissions.ofWindow(MINER, 20_000)).to.have.length(1)
    expect(await submissions.kept(MINER, 20_000)).to.deep.equal(new Set([0, 1]))
    expect(Number((await db('chain_messages').count({ count: '*' }))[0]!.count)).to.equal(2)
  })
})

const MESSAGE: NewMessage = {
  kind: 'post',
  miner: MINER,
  uuid: '',
  sender: 'f01',
  receiver: 'f01000',
  method: 5,
  value: 0n,
  params: new Uint8Array(3),
  intentEpoch: 1,
  carrier: 'mempool',
  sectors: [],
} as never
