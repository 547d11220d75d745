import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import type { Knex } from 'knex'
import { systemClock } from '../../../../../daemon/kit/clock.js'
import { openDatabase } from '../../../../../daemon/kit/database.js'
import { silentLog } from '../../../../../daemon/kit/log.js'
import { ExtProverSettings } from '../../../../../daemon/manager/config/ext-prover-settings.js'
import { beingProven } from '../../../../../daemon/manager/post/being-proven.js'
import { PartitionClaims } from '../../../../../daemon/manager/post/partition-claims.js'
import { openWindowProver } from '../../../../../daemon/manager/post/provers/open-window-prover.js'
import { type Trial, TrialGuard } from '../../../../../daemon/manager/post/provers/trial-guard.js'
import type { WindowProofRequest } from '../../../../../daemon/manager/post/window-prover.js'
import { WindowRecords } from '../../../../../daemon/manager/post/window-record.js'
import { managerMigrations } from '../../../../../migrations/manager/index.js'
import { Address } from '../../../../../rpc-schema/wire/address.js'
import { commRToCid } from '../../../../../rpc-schema/wire/cid.js'
import { newDeadlineInfo } from '../../../../../rpc-schema/wire/deadline.js'
import { eventually } from '../../../../harness/eventually.js'
import { onEachDatabase } from '../../../../harness/on-each-database.js'
import { FakeClock } from '../../../worker/support/fake-clock.js'
import { PretendedWindowProver, pretendedProof } from '../pretended-window-prover.js'

const CHILD = fileURLToPath(new URL('../../../../../../test/fixtures/processors/window-child.mjs', import.meta.url))
const LIMIT_MS = 60_000
const never = new AbortController().signal

const request = (numbers: readonly number[]): WindowProofRequest => ({
  miner: 1000,
  postProof: 10,
  deadline: 7,
  partitions: [2],
  replicas: numbers.map(number => ({ number, commR: new Uint8Array(32), upgraded: false })),
  randomness: new Uint8Array(32),
})
const trialOf = (sectors: readonly number[], change: Partial<Trial> = {}): Trial => ({
  miner: 1000,
  deadline: 7,
  partition: 2,
  sectors,
  ...change,
})
const refusal = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'none',
    (error: Error) => error.message,
  )
const REFUSED = 'simulate window post: partitions 2 of deadline 7 of f01000 are being proven for the chain'

describe('trials beside real window proofs', () => {
  it('sectors that are being proven for the chain are not proven for trial meanwhile; others are, and these later', async () => {
    const prover = new PretendedWindowProver()
    const guard = new TrialGuard({ prover, beingProven: async () => false, clock: systemClock })
    let finish = (): void => {}
    prover.answer = async of => {
      await new Promise<void>(resolve => (finish = resolve))
      return pretendedProof(of)
    }
    const proof = guard.prove(request([1, 2]), never)
    expect(await refusal(guard.admit(trialOf([2, 3])))).to.contain(REFUSED)
    await guard.admit(trialOf([3]))
    await guard.admit(trialOf([2], { miner: 1001 }))
    finish()
    expect((await proof).proofs).to.have.length(1)
    await guard.admit(trialOf([2, 3]))
    prover.answer = () => Promise.reject(new Error('it has failed'))
    await guard.prove(request([1, 2]), never).catch(() => {})
    await guard.admit(trialOf([1, 2]))
  })

  it('a trial that came first gives way to a real proof that has not been made by then; beside a quick one it goes on', async () => {
    const clock = new FakeClock()
    const prover = new PretendedWindowProver()
    const guard = new TrialGuard({ prover, beingProven: async () => false, clock, giveWayMs: 5_000 })
    prover.answer = (_, signal) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    const trial = refusal(guard.prove({ ...request([1]), trial: true }, never))
    prover.answer = pretendedProof
    await guard.prove(request([2]), never)
    clock.advance(60_000)
    let finish = (): void => {}
    prover.answer = async of => {
      await new Promise<void>(resolve => (finish = resolve))
      return pretendedProof(of)
    }
    const proof = guard.prove(request([3]), never)
    expect(await Promise.race([trial, clock.sleep(4_999).then(() => 'it goes on'), tick(clock, 4_999)])).to.equal(
      'it goes on',
    )
    clock.advance(1)
    expect(await trial).to.contain('the trial gives way')
    finish()
    expect((await proof).proofs).to.have.length(1)
  })

  it('so it is with the processes of ext-prover.cfg', async () => {
    const store = { name: 'st', root: '/st' }
    const place = { sealedStore: store, cacheStore: store, sealed: 'sealed/1', cache: 'cache/1' } as never
    const closing: (() => unknown)[] = []
    const elsewhere = new Set<number>()
    const { windowProver, simulate } = openWindowProver({
      kind: ExtProverSettings.parse({ WdPost: [{ Bin: process.execPath, Args: [CHILD, 'child', 'hang'] }] }),
      db: undefined as never,
      places: { find: async () => place } as never,
      settings: {} as never,
      beingProven: async ({ partition }) => elsewhere.has(partition),
      clock: systemClock,
      log: silentLog,
      closing,
    })
    const sector = { SealProof: 5, SectorNumber: 1, SealedCID: commRToCid(new Uint8Array(32)), SectorKey: null }
    const trial = {
      deadline: 0,
      partition: 0,
      miner: Address.fromId(1000),
      postProof: 10,
      sectors: [sector],
      randomness: new Uint8Array(32).fill(1),
    }
    const stop = new AbortController()
    const proof = windowProver.prove(request([1]), stop.signal).catch((error: Error) => error.message)
    expect(await refusal(simulate!(trial))).to.contain('are being proven for the chain')
    stop.abort(new Error('the deadline is over'))
    expect(await proof).to.equal('the deadline is over')
    elsewhere.add(0)
    expect(await refusal(simulate!(trial))).to.contain('are being proven for the chain')
    await simulate!({ ...trial, partition: 1 })
    for (const close of closing) await close()
  })
})

onEachDatabase('trials beside real window proofs of another manager', database => {
  let db: Knex
  const window = newDeadlineInfo(10_000, 7, 10_500)

  before(async () => {
    db = await openDatabase({ dsn: await database.fresh(), migrations: managerMigrations })
  })
  after(() => db.destroy())

  it('a partition that it is at is not proven for trial; other ones are, and this one when it is done', async () => {
    const clock = new FakeClock()
    const theirs = new PartitionClaims({ db, clock, log: silentLog, owner: 'theirs' })
    const ours = new PartitionClaims({ db, clock, log: silentLog, owner: 'ours' })
    const records = new WindowRecords(db, clock)
    const guard = new TrialGuard({
      prover: new PretendedWindowProver(),
      beingProven: beingProven(ours, records),
      clock,
    })
    const notes = await records.open(1000, window)
    notes.step('head', window.Challenge)
    await notes.saved()
    const claim = (await theirs.take(1000, window.Open, [1, 2]))!
    let finish = (): void => {}
    const proof = theirs.during(claim, never, () => new Promise<void>(resolve => (finish = resolve)))
    expect(await refusal(guard.admit(trialOf([9])))).to.contain(REFUSED)
    await guard.admit(trialOf([9], { partition: 3 }))
    await guard.admit(trialOf([9], { deadline: 6 }))
    await guard.admit(trialOf([9], { miner: 1001 }))
    finish()
    await proof
    await guard.admit(trialOf([9]))
  })

  it('what a manager left behind that is gone does not keep trials away for ever', async () => {
    const clock = new FakeClock()
    const records = new WindowRecords(db, clock)
    const claims = new PartitionClaims({ db, clock, log: silentLog, owner: 'gone' })
    const admitted = beingProven(claims, records)
    const notes = await records.open(1002, window)
    notes.step('head', window.Challenge)
    await notes.saved()
    await claims.take(1002, window.Open, [2])
    expect(await admitted({ miner: 1002, deadline: 7, partition: 2 })).to.equal(true)
    clock.advance(2 * 3_600_000)
    expect(await admitted({ miner: 1002, deadline: 7, partition: 2 })).to.equal(false)
  })
})

/** Turns the clock, and never ends. */
async function tick(clock: FakeClock, ms: number): Promise<never> {
  await eventually('two who wait', LIMIT_MS, () => clock.sleepers > 1 || undefined)
  clock.advance(ms)
  return new Promise(() => {})
}
