import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { ensureParameters } from '../../plugins/prover/parameters.js'
import { METHODS } from '../../rpc-schema/actors/actor-methods.js'
import { eventually } from '../harness/eventually.js'
import { SEALER_MINER, SealerYard } from '../harness/sealer-yard.js'

const { PreCommitSectorBatch2: PRE_COMMIT, ProveCommitSectors3: PROVE_COMMIT } = METHODS.miner
const LIMIT_MS = 3_600_000
const STAGE_MS = 180_000

/** Threads of two damocles-workers and a stage worker, as processes of their own on one manager; then one of the two leaves. */
describe('e2e: threads of the plan sealer and stage workers on one manager', function () {
  this.timeout(LIMIT_MS)
  let yard: SealerYard
  /** What the hand-over says is to be attached. */
  let path: string

  before(async () => {
    await ensureParameters({ sectorSize: 2048 })
    yard = new SealerYard('the stages of sectors')
    await yard.start({ maxSealing: 0 })
  })
  after(() => yard?.stop())

  const pledged = async (sectors: number): Promise<void> => {
    await yard.sealerCli('sectors', 'pledge')
    await yard.inPool(PRE_COMMIT, sectors)
  }
  /** Who has told of each sector last, as `sectors list` shows it. */
  const carriers = async (): Promise<Record<string, string>> => {
    const list = await yard.sealerCli('sectors', 'list')
    return Object.fromEntries(
      [...list.matchAll(/^(s-t01000-\d+):\n\tWorker: (\S+) @/gm)].map(([, name, who]) => [name, who]),
    )
  }

  it('each takes what is pledged while it is there, and `sectors list` shows who carries what', async () => {
    await yard.thread('leaving')
    await pledged(1)
    await yard.thread('staying')
    await pledged(2)
    await yard.worker('stages', [], ['+seal', 'store'])
    await pledged(3)
    expect(await carriers()).to.deep.equal({
      's-t01000-1': 'leaving',
      's-t01000-2': 'staying',
      's-t01000-3': 'stages',
    })
    const jobs = await yard.sealerCli('sealing', 'jobs')
    expect(jobs).to.include('s-t01000-3').and.not.include('s-t01000-1').and.not.include('s-t01000-2')
  })

  const handOver = (): Promise<string> =>
    yard.threadCli(
      ...['store', 'hand-over', '-l', yard.threadStore('leaving')],
      ...['--miner-addr', yard.managerAddress, '--miner-token', yard.token],
    )

  it('a damocles-worker that leaves drains, is stopped, and hands its sector over; while it runs its store is its own', async () => {
    const leaving = yard.workers.get('leaving')!
    expect(await yard.threadCli('worker', '--host', leaving.listen, 'drain')).to.match(/#0 finishes .*takes no other/)
    const refused = await handOver().catch((error: { stderr: string }) => error.stderr)
    expect(refused).to.include(yard.threadStore('leaving'))
    expect(await yard.sealerCli('sealing', 'jobs')).to.not.include('s-t01000-1 ')
    await leaving.kill('SIGTERM')
    const told = /^s-t01000-1 goes on in \w+: venus-worker storage attach (.+)$/m.exec(await handOver())
    expect(told).to.not.equal(null)
    path = told![1]!
    expect(await yard.sealerCli('sealing', 'jobs')).to.include('s-t01000-1 ')
  })

  it('until its files can be reached it waits, which is told; then it goes on', async () => {
    await yard.admin.Advance(30)
    const why = await eventually(
      'a C1 that waits',
      STAGE_MS,
      async () => /^s-t01000-1\.C1\..*$/m.exec(await yard.sealerCli('sealing', 'sched-diag'))?.[0],
    )
    expect(why).to.include('cannot get the files').and.include('start the worker that has this path')
    expect(await yard.workerCli('stages', 'storage', 'attach', path)).to.include('a running worker uses it at once')
    await yard.inPool(PROVE_COMMIT, 3)
    expect(await carriers()).to.deep.equal({
      's-t01000-1': 'stages',
      's-t01000-2': 'staying',
      's-t01000-3': 'stages',
    })
  })

  it('all three are proven, each once; nothing is left where the one that has gone has sealed', async () => {
    await yard.admin.Advance(15)
    await eventually('three finished sectors', STAGE_MS, async () => {
      const all = (await yard.manager.ListSectors('offline', 0)) ?? []
      return all.filter(({ AbortReason }) => AbortReason === '').length === 3 || undefined
    })
    for (const method of [PRE_COMMIT, PROVE_COMMIT]) {
      const landed = await yard.admin.Messages({ Miner: SEALER_MINER, Method: method })
      const sectors = landed.flatMap(({ Sectors }) => Sectors).sort((a, b) => a - b)
      expect(sectors).to.deep.equal([1, 2, 3])
    }
    for (const number of [1, 2, 3])
      expect(existsSync(join(yard.path('store'), 'sealed', `s-t01000-${number}`)), `sector ${number}`).to.equal(true)
    await eventually('the files at their old place removed', STAGE_MS, () =>
      existsSync(join(path, 'sealed', 's-t01000-1')) ? undefined : true,
    )
  })
})
