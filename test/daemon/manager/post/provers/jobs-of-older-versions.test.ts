import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { openDatabase } from '../../../../../daemon/kit/database.js'
import { silentLog } from '../../../../../daemon/kit/log.js'
import { WdPostJobs } from '../../../../../daemon/manager/post/provers/worker-prover/wdpost-jobs.js'
import { managerMigrations } from '../../../../../migrations/manager/index.js'
import { onEachDatabase } from '../../../../harness/on-each-database.js'
import { FakeClock } from '../../../worker/support/fake-clock.js'

const SETTINGS = { JobMaxTry: 2, HeartbeatTimeout: 15_000, JobLifetime: 90_000_000, Redundancy: 2, Split: true }
const LIMITS = { SingleCheckTimeout: 60_000, PartitionCheckTimeout: 20 * 60_000 }
const ANY = { AllowedMiners: [], AllowedProofTypes: [] }

onEachDatabase('window PoSt jobs that were made before there were parts', database => {
  let dir: string

  beforeEach(function () {
    this.currentTest!.timeout(120_000)
    dir = mkdtempSync(join(tmpdir(), 'older-jobs-'))
  })
  afterEach(() => rmSync(dir, { recursive: true, force: true }))

  it('are whole ones, and their copies still go to different workers', async () => {
    const fresh = await database.fresh()
    const dsn = fresh === ':memory:' ? join(dir, 'manager.db') : fresh
    const at = managerMigrations.findIndex(({ name }) => name.endsWith('-wdpost-parts'))
    const before = await openDatabase({ dsn, migrations: managerMigrations.slice(0, at) })
    const clock = new FakeClock()
    const input = { Sectors: [], MinerId: 1000, ProofType: 'StackedDrgWindow2KiBV1_2', Seed: Array(32).fill(0) }
    const row = {
      proof_id: 'proof',
      miner: '1000',
      proof_type: input.ProofType,
      state: 'ready',
      owner: '',
      error: '',
      ended: '',
      partitions: '[0]',
      created_at: clock.now(),
      started_at: 0,
      finished_at: 0,
      heartbeat_at: 0,
      due_at: clock.now() + 60_000,
      fence: 0,
      attempts: 0,
      lease_until: 0,
      not_before: 0,
      copies: 2,
      unheard: 0,
      deadline: 3,
      sectors: 0,
      faults: 0,
      input: JSON.stringify(input),
      output: null,
    }
    for (const id of ['proof', 'proof-2']) await before('wdpost_jobs').insert({ ...row, id })
    await before.destroy()
    const db = await openDatabase({ dsn, migrations: managerMigrations })
    try {
      const jobs = new WdPostJobs({ db, clock, log: silentLog, settings: SETTINGS, limits: LIMITS })
      const take = async (worker: string) => (await jobs.allocate(ANY, 9, worker)).map(({ Id }) => Id)
      expect(await take('w1')).to.deep.equal(['proof'])
      expect(await take('w1')).to.deep.equal([])
      expect(await take('w2')).to.deep.equal(['proof-2'])
      expect((await jobs.all()).map(({ part, taskId }) => [part, taskId])).to.deep.equal(
        Array(2).fill(['whole', 'proof']),
      )
      expect(await jobs.stateOf('proof')).to.deep.equal({ state: 'open', isRead: false })
    } finally {
      await db.destroy()
    }
  })
})
