import { expect } from 'chai'
import { JobQueue } from '../../../../daemon/kit/queue/job-queue.js'
import type { StageGrant } from '../../../../rpc-schema/manager/stages.js'
import { onEachDatabase } from '../../../harness/on-each-database.js'
import { DeskUnderTest } from './desk-under-test.js'

const MINUTE = 60_000
const SECTOR = { Miner: 1000, Number: 1 }

onEachDatabase('manager: the desk of stage workers', database => {
  let of: DeskUnderTest
  beforeEach(async function () {
    this.timeout(60_000)
    of = await DeskUnderTest.open(await database.fresh())
  })
  afterEach(() => of.db.destroy())

  const begun = async (name = 'A'): Promise<StageGrant> => {
    of.sectorsToBegin = 1
    return (await of.claim(name))!
  }

  it('begins a sector for a worker that asks, where there is one to begin, and gives no task twice', async () => {
    await of.report('A')
    expect(await of.claim('A')).to.equal(null)
    of.sectorsToBegin = 1
    const [first, second] = await Promise.all([of.claim('A'), of.claim('A')])
    expect(first).to.include({ Kind: 'AP', Path: 'path-A', Record: null, Fetch: null })
    expect(first!.Sector).to.deep.equal({ ID: SECTOR, ProofType: 5 })
    expect(second).to.equal(null)
  })

  it('knows no worker that has not reported itself, and none that has been silent', async () => {
    of.sectorsToBegin = 2
    expect(await of.claim('A')).to.equal(null)
    await of.report('A')
    of.at += 2 * MINUTE
    expect(await of.claim('A')).to.equal(null)
    expect(of.sectorsToBegin).to.equal(2)
  })

  it('leads a sector from task to task by its state, with what was written down', async () => {
    await of.report('A')
    const ap = await begun()
    expect(await of.desk.save(ap.Claim, 'half')).to.equal(true)
    expect(await of.next(ap, 'TreeDBuilt', 'after AP')).to.equal(true)
    const kinds: string[] = []
    const states = ['PC1Done', 'PC2Done', 'SeedAssigned', 'C1Done', 'C2Done', 'PersistanceSubmitted'] as const
    for (const state of states) {
      of.at += 10
      const grant = (await of.claim('A'))!
      expect(grant.Record).to.equal(kinds.length === 0 ? 'after AP' : `after ${kinds.at(-1)}`)
      kinds.push(grant.Kind)
      await of.next(grant, state, `after ${grant.Kind}`)
    }
    expect(kinds).to.deep.equal(['PC1', 'PC2', 'WAIT', 'C1', 'C2', 'FINALIZE'])
    const last = (await of.claim('A'))!
    expect(last.Kind).to.equal('WAIT')
    await of.desk.finish(last.Claim, { End: 'done', State: 'Finished', Record: '{}' })
    expect(await of.view.tasks()).to.deep.equal([])
    const { Remove } = await of.report('A')
    expect(Remove).to.deep.equal([{ Path: 'path-A', Sector: SECTOR }])
    await of.desk.removed(Remove[0]!)
    expect((await of.report('A')).Remove).to.deep.equal([])
  })

  it('gives the task of a silent worker to another, and does not hear what the first still says', async () => {
    await of.report('A')
    const lost = await begun()
    await of.next(lost, 'TreeDBuilt')
    const pc1 = (await of.claim('A'))!
    of.at += 61_000
    await of.desk.sweep()
    of.at += 6_000
    const shared = { ID: 'path-A', Location: '/A', CanSeal: true, CanStore: true, FreeBytes: 1024 ** 4 }
    await of.report('B', { Paths: [shared] })
    const again = (await of.claim('B'))!
    expect(again.Claim.Task).to.equal(pc1.Claim.Task)
    expect(await of.next(pc1, 'PC1Done')).to.equal(false)
    expect(await of.desk.save(pc1.Claim, 'late')).to.equal(false)
    expect(await of.desk.place(pc1.Claim, 'elsewhere')).to.equal(false)
    expect(await of.next(again, 'PC1Done')).to.equal(true)
    expect((await of.report('A', { Claims: [pc1.Claim] })).Lost).to.deep.equal([pc1.Claim.Task])
  })

  it('takes nothing back because the clock of the machine was put forward', async () => {
    await of.report('A')
    const grant = await begun()
    of.putForward += 2 * MINUTE
    await of.desk.sweep()
    await of.desk.sweep()
    expect(await of.desk.save(grant.Claim, 'going on')).to.equal(true)
    await of.pass(61_000)
    expect(await of.desk.save(grant.Claim, 'too late')).to.equal(false)
  })

  it('takes nothing back because it could not look for a while, as when the database was away', async () => {
    await of.report('A')
    const grant = await begun()
    await of.desk.sweep()
    of.at += 10 * MINUTE
    await of.desk.sweep()
    await of.report('A', { Claims: [grant.Claim] })
    await of.pass(59_000)
    expect(await of.desk.save(grant.Claim, 'going on')).to.equal(true)
  })

  it('takes nothing back from a worker that it hears and cannot write that down of, as with a full disk', async () => {
    await of.report('A')
    const grant = await begun()
    await of.desk.sweep()
    await of.db.schema.renameTable('stage_workers', 'away')
    const refused: boolean[] = []
    for (let at = 0; at < 20; at++) {
      of.at += 5_000
      const report = of.report('A', { Claims: [grant.Claim] })
      refused.push(
        await report.then(
          () => false,
          () => true,
        ),
      )
      await of.desk.sweep().catch(() => {})
    }
    await of.db.schema.renameTable('away', 'stage_workers')
    expect(new Set(refused)).to.deep.equal(new Set([true]))
    expect(await of.desk.save(grant.Claim, 'going on')).to.equal(true)
    await of.pass(61_000)
    expect(await of.desk.save(grant.Claim, 'too late')).to.equal(false)
  })

  it('does not take a grant for lost that is on its way while the clock of the machine is put forward', async () => {
    await of.report('A')
    const grant = await begun()
    of.putForward += 60 * MINUTE
    expect((await of.report('A')).Lost).to.deep.equal([])
    expect(await of.desk.save(grant.Claim, 'going on')).to.equal(true)
    of.at += 31_000
    await of.report('A')
    expect(await of.desk.save(grant.Claim, 'too late')).to.equal(false)
  })

  it('tries a task again after its pause, although the clock of the machine was put back', async () => {
    await of.report('A')
    await of.desk.fail((await begun()).Claim, 'no luck', false)
    expect(await of.claim('A')).to.equal(null)
    of.putForward -= 60 * MINUTE
    await of.report('A')
    expect((await of.claim('A'))?.Kind).to.equal('AP')
  })

  it('gives a whole lease to those whom a manager finds when it is started', async () => {
    await of.report('A')
    const grant = await begun()
    of.at += 10 * MINUTE
    const next = of.manager()
    await next.sweep()
    await of.pass(59_000, next)
    expect(await next.save(grant.Claim, 'still mine')).to.equal(true)
    await of.pass(2_000, next)
    expect(await next.save(grant.Claim, 'too late')).to.equal(false)
  })

  it('leaves nothing behind of a result whose claim is lost while it is written down', async () => {
    await of.report('A')
    const grant = await begun()
    const { complete } = JobQueue.prototype
    JobQueue.prototype.complete = async () => false
    try {
      expect(await of.next(grant, 'TreeDBuilt', 'too late')).to.equal(false)
    } finally {
      JobQueue.prototype.complete = complete
    }
    expect((await of.view.tasks()).map(({ Kind }) => Kind)).to.deep.equal(['AP'])
    expect(await of.next(grant, 'TreeDBuilt')).to.equal(true)
    expect((await of.view.tasks()).map(({ Kind }) => Kind)).to.deep.equal(['PC1'])
  })

  it('takes back at once what the last process of a worker was at', async () => {
    await of.report('A')
    const before = await begun()
    await of.report('A', { Boot: 'second' })
    of.at += 6_000
    const again = (await of.claim('A', 'second'))!
    expect(again.Claim).to.deep.equal({ Task: before.Claim.Task, Fence: before.Claim.Fence + 1 })
  })

  it('keeps a claim that is told of, and drops one whose grant was lost on its way', async () => {
    await of.report('A')
    const grant = await begun()
    for (let minute = 0; minute < 5; minute++) {
      of.at += 30_000
      expect((await of.report('A', { Claims: [grant.Claim] })).Lost).to.deep.equal([])
      await of.desk.sweep()
    }
    await of.report('A')
    of.at += 6_000
    expect((await of.claim('A'))!.Claim.Task).to.equal(grant.Claim.Task)
  })

  it('parks what fails too often, tells of it, and lets it be tried again', async () => {
    await of.report('A')
    let grant = await begun()
    for (let attempt = 1; attempt < 5; attempt++) {
      expect(await of.desk.fail(grant.Claim, 'no luck', false)).to.equal('ready')
      of.at += 5 * MINUTE
      await of.report('A')
      grant = (await of.claim('A'))!
    }
    expect(await of.desk.fail(grant.Claim, 'no luck', false)).to.equal('parked')
    expect(await of.claim('A')).to.equal(null)
    expect((await of.view.explain(null)).map(({ Why }) => Why)).to.deep.equal(['parked: no luck'])
    expect(await of.desk.retry([])).to.equal(1)
    expect((await of.claim('A'))?.Kind).to.equal('AP')
  })

  it('names the worker from which files are fetched; they are moved when the copy is whole, and then removed at their old place', async () => {
    await of.report('A', { Kinds: ['AP', 'PC1'] })
    await of.report('B', { Kinds: ['PC2', 'WAIT'] })
    await of.next(await begun(), 'TreeDBuilt')
    await of.next((await of.claim('A'))!, 'PC1Done')
    const pc2 = (await of.claim('B'))!
    expect(pc2).to.deep.include({ Path: 'path-B', Fetch: { Path: 'path-A', Url: 'http://A', Token: 'secret' } })
    expect((await of.report('A')).Remove).to.deep.equal([])
    expect(await of.desk.place(pc2.Claim, 'path-B')).to.equal(true)
    expect((await of.report('A')).Remove).to.deep.equal([{ Path: 'path-A', Sector: SECTOR }])
    expect((await of.view.tasks())[0]!.Place).to.equal('path-B')
  })

  it('reports a sector whose disk has vanished with its worker, and does not try it for ever', async () => {
    await of.report('A')
    await of.next(await begun(), 'TreeDBuilt')
    of.at += 2 * MINUTE
    await of.report('B')
    expect(await of.claim('B')).to.equal(null)
    const [told] = await of.view.explain(null)
    expect(told!.Why).to.contain('no worker that is heard of has their path path-A')
    expect(told!.Change).to.contain('sealing abort')
    expect((await of.view.tasks())[0]).to.include({ State: 'ready', Attempts: 0 })
  })

  it('gives a task back as it was, and ends one by an operator', async () => {
    await of.report('A')
    const grant = await begun()
    expect(await of.desk.release(grant.Claim)).to.equal(true)
    const again = (await of.claim('A'))!
    expect(await of.desk.abort(again.Claim.Task, 'not now')).to.equal(true)
    expect((await of.report('A', { Claims: [again.Claim] })).Lost).to.deep.equal([again.Claim.Task])
    expect(await of.claim('A')).to.equal(null)
  })

  it('S002-19, S002-40: leaves the GPU of a machine to the window that is proven there', async () => {
    await of.report('A', { GPUs: ['0'] })
    await of.next(await begun(), 'TreeDBuilt')
    await of.next((await of.claim('A'))!, 'PC1Done')
    of.postingOn = 'machine of A'
    expect(await of.claim('A')).to.equal(null)
    expect((await of.view.explain(null))[0]!.Why).to.contain('to the proof that is due')
    expect((await of.view.workers())[0]!.Posting).to.equal(true)
    of.postingOn = 'another machine'
    expect((await of.claim('A'))?.Kind).to.equal('PC2')
  })

  it('forgets an abandoned sector, and has its files removed', async () => {
    await of.report('A')
    await begun()
    await of.desk.abandon(SECTOR)
    expect(await of.view.tasks()).to.deep.equal([])
    expect((await of.report('A')).Remove).to.have.length(1)
    expect(await of.desk.carries(SECTOR)).to.equal(false)
  })

  it('shows workers with what they are at', async () => {
    await of.report('A')
    const grant = await begun()
    of.at += 1_000
    await of.report('B', { Quiet: true })
    const workers = await of.view.workers()
    expect(workers.map(({ Name, Heard, Quiet, Tasks }) => ({ Name, Heard, Quiet, Tasks }))).to.deep.equal([
      { Name: 'B', Heard: true, Quiet: true, Tasks: [] },
      { Name: 'A', Heard: true, Quiet: false, Tasks: [grant.Claim.Task] },
    ])
    expect((await of.view.explain(grant.Claim.Task))[0]!.Why).to.equal('A is at it')
  })

  describe('files that are removed from a path', () => {
    const onA = { Path: 'path-A', Sector: SECTOR }
    const shared = { Paths: [{ ID: 'path-A', Location: '', CanSeal: true, CanStore: true, FreeBytes: 1024 ** 4 }] }

    /** The sector has come from A's path to B's, and its next task could be done by A and by C, who share a path. */
    beforeEach(async () => {
      await of.report('A', { Kinds: ['AP', 'PC1'] })
      await of.report('B', { Kinds: ['PC2'] })
      await of.next(await begun(), 'TreeDBuilt')
      await of.next((await of.claim('A'))!, 'PC1Done')
      const pc2 = (await of.claim('B'))!
      await of.desk.place(pc2.Claim, 'path-B')
      await of.desk.release(pc2.Claim)
      await of.report('B', { Kinds: [] })
      await of.report('C', { ...shared, Kinds: ['PC2'] })
      expect((await of.report('A')).Remove).to.deep.equal([onA])
    })

    it('are not removed any more once the sector is given to another worker there', async () => {
      expect((await of.claim('C'))?.Path).to.equal('path-A')
      expect(await of.desk.beginRemoval('A', 'first', onA)).to.equal(false)
    })

    it('keep the sector away from there until they are gone, and are removed by one worker', async () => {
      expect(await of.desk.beginRemoval('A', 'first', onA)).to.equal(true)
      expect(await of.desk.beginRemoval('A', 'first', onA), 'again').to.equal(true)
      expect(await of.desk.beginRemoval('C', 'first', onA)).to.equal(false)
      expect((await of.report('C', { ...shared, Kinds: ['PC2'] })).Remove).to.deep.equal([])
      expect(await of.claim('C')).to.equal(null)
      expect((await of.view.explain(null))[0]!.Why).to.contain('files of an earlier visit removed from path-A')
      expect(await of.manager().claim('C', 'first'), 'of another manager').to.equal(null)
      await of.desk.removed(onA)
      expect((await of.claim('C'))?.Path).to.equal('path-A')
    })

    it('keep it away although the manager that gives it out has not heard of it', async () => {
      const other = of.manager()
      expect(await other.claim('nobody', 'first')).to.equal(null)
      expect(await of.desk.beginRemoval('A', 'first', onA)).to.equal(true)
      expect(await other.claim('C', 'first')).to.equal(null)
    })

    it('are for others when the process that was at it has ended, or is silent', async () => {
      await of.desk.beginRemoval('A', 'first', onA)
      await of.report('A', { Boot: 'second', Kinds: [] })
      expect(await of.desk.beginRemoval('A', 'second', onA)).to.equal(true)
      await of.pass(66_000)
      expect((await of.report('C', { ...shared, Kinds: ['PC2'] })).Remove).to.deep.equal([onA])
    })
  })
})
