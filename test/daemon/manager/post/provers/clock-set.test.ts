import { expect } from 'chai'
import { silentLog } from '../../../../../daemon/kit/log.js'
import { steadyClock } from '../../../../../daemon/kit/steady-clock.js'
import { WdPostJobs } from '../../../../../daemon/manager/post/provers/worker-prover/wdpost-jobs.js'
import { onEachDatabase } from '../../../../harness/on-each-database.js'
import { Records } from '../../proven-records.js'

const MINUTE = 60_000
const SETTINGS = { JobMaxTry: 2, HeartbeatTimeout: 15_000, JobLifetime: 25 * 60 * MINUTE, Redundancy: 1, Split: false }
const LIMITS = { SingleCheckTimeout: MINUTE, PartitionCheckTimeout: 20 * MINUTE }

onEachDatabase('window PoSt jobs and a clock that is set', database => {
  let records: Records
  let jobs: WdPostJobs

  beforeEach(async () => {
    records = await Records.open(await database.fresh())
    const clock = steadyClock(records.clock)
    jobs = new WdPostJobs({ db: records.db, clock, log: silentLog, settings: SETTINGS, limits: LIMITS })
    await jobs.add({
      proofId: 'proof',
      input: { Sectors: [], MinerId: 1000, ProofType: 'StackedDRGWindow2KiBV1_1' as never, Seed: new Uint8Array(32) },
      inputText: '{}',
      deadline: 3,
      partitions: [0],
      isTrial: false,
      closesAt: clock.now() + 30 * MINUTE,
      challenge: 'challenge',
    })
  })
  afterEach(() => records.db.destroy())

  for (const hours of [2, -2, 30])
    it(`fault 46: by ${hours} hours: a job is neither ended before its deadline closes, nor given out after that`, async () => {
      records.clock.setBy = hours * 60 * MINUTE
      await jobs.sweep()
      const [state] = await jobs.all()
      expect([state!.state, state!.ended]).to.deep.equal(['ready', ''])
      records.clock.advance(30 * MINUTE - 1)
      await jobs.sweep()
      expect((await jobs.all())[0]!.state).to.equal('ready')
      records.clock.advance(1)
      await jobs.sweep()
      expect((await jobs.all())[0]).to.deep.include({ state: 'parked', ended: 'deadline' })
    })
})
