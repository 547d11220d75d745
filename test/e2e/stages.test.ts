import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { ensureParameters } from '../../plugins/prover/parameters.js'
import { METHODS } from '../../rpc-schema/actors/actor-methods.js'
import { Address } from '../../rpc-schema/wire/address.js'
import { eventually } from '../harness/eventually.js'
import { SEALER_MINER, SealerYard } from '../harness/sealer-yard.js'

const { PreCommitSectorBatch2: PRE_COMMIT, ProveCommitSectors3: PROVE_COMMIT } = METHODS.miner
const LIMIT_MS = 3_600_000
const STAGE_MS = 180_000
/** A proving period. */
const WINDOWS = 48

const sha = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex')

/**
 * The deployment plan's two machines, played on one with separate processes and real proofs: a sealer that does only window PoSt, worker A for AP and
 * PC1, workers B1 and B2 for PC2 and the proof on one path.
 */
describe('e2e: a sector on many machines (S002-5, S002-17, S002-26)', function () {
  this.timeout(LIMIT_MS)
  let yard: SealerYard

  before(async () => {
    await ensureParameters({ sectorSize: 2048 })
    yard = new SealerYard('the stages of sectors')
    await yard.start({ maxSealing: 2 })
    const [ap, p1, p2, commit, unseal] = ['addpiece', 'precommit1', 'precommit2', 'commit', 'unseal'].map(
      kind => `--${kind}=false`,
    ) as [string, string, string, string, string]
    await yard.worker('A', [p2, commit], ['+seal-a'])
    await yard.worker('B1', [unseal, ap, p1, commit], ['+seal-b'])
    await yard.worker('B2', [p1, p2, ap, unseal], ['seal-b'])
  })
  after(() => yard?.stop())

  const sealed = (path: string, number: number): string => join(yard.path(path), 'sealed', `s-t01000-${number}`)
  const onChain = (number: number) => yard.chain.StateSectorGetInfo(Address.fromId(SEALER_MINER), number, [])
  const finished = (...numbers: number[]) =>
    eventually(`sectors ${numbers} finished`, STAGE_MS, async () => {
      const all = (await yard.manager.ListSectors('offline', 0)) ?? []
      const found = all.filter(({ ID, AbortReason }) => numbers.includes(ID.Number) && AbortReason === '')
      return found.length === numbers.length || undefined
    })
  const removed = (path: string, number: number) =>
    eventually(`no file of ${number} on ${path}`, STAGE_MS, () => {
      const root = yard.path(path)
      const left = readdirSync(root, { recursive: true }).filter(name => String(name).includes(`s-t01000-${number}`))
      return left.length === 0 || undefined
    })

  it('S002-41, S002-42: of four pledges two are in flight, and the others wait visibly', async () => {
    expect(await yard.sealerCli('sectors', 'pledge', '--count', '4')).to.include('asked for 4 sectors')
    await yard.inPool(PRE_COMMIT, 2)
    expect(await yard.sealerCli('info')).to.match(/Being sealed: 2 of 2\nPledges waiting: 2/)
    expect(await yard.sealerCli('sectors', 'list'))
      .to.include('s-t01000-1')
      .and.include('s-t01000-2')
    const jobs = await yard.sealerCli('sealing', 'jobs')
    expect(jobs).to.match(/s-t01000-1 .*WAIT .*running/)
    expect(await yard.sealerCli('sealing', 'workers')).to.match(/A \(.*\n {2}does: {4}AP PC1 WAIT C1 FINALIZE/)
  })

  it('S002-31: B1 and B2 share a path, nothing is copied between them; the replica in the store is the same, byte for byte', async () => {
    await removed('seal-a', 1)
    const { ino } = statSync(sealed('seal-b', 1))
    await yard.admin.Advance(30)
    await yard.inPool(PROVE_COMMIT, 2)
    expect(statSync(sealed('seal-b', 1)).ino).to.equal(ino)
    expect(sha(sealed('store', 1))).to.equal(sha(sealed('seal-b', 1)))
    await yard.admin.Advance(15)
    await finished(1, 2)
    for (const number of [1, 2]) {
      expect(await onChain(number), `sector ${number}`).to.not.equal(null)
      await removed('seal-b', number)
      expect(existsSync(sealed('store', number))).to.equal(true)
    }
  })

  it('every process is killed in the midst of it, and the other two are proven all the same, once', async () => {
    const everyone = [...yard.workers.values(), yard.sealer]
    const killAll = async (): Promise<void> => {
      await Promise.all(everyone.map(daemon => daemon.kill()))
      await yard.sealer.start()
      for (const worker of yard.workers.values()) await worker.start()
    }
    await yard.inPool(PRE_COMMIT, 2)
    await killAll()
    await yard.admin.Advance(30)
    await eventually('a proof that is being made', STAGE_MS, async () =>
      (await yard.own.StageTasks()).some(({ Kind, State }) => Kind === 'C2' && State === 'running') ? true : undefined,
    )
    await killAll()
    await yard.inPool(PROVE_COMMIT, 2)
    await killAll()
    await yard.admin.Advance(15)
    await finished(3, 4)
    for (const method of [PRE_COMMIT, PROVE_COMMIT]) {
      const landed = await yard.admin.Messages({ Miner: SEALER_MINER, Method: method })
      const sectors = landed.flatMap(({ Sectors }) => Sectors).sort((a, b) => a - b)
      expect(sectors).to.deep.equal([1, 2, 3, 4])
    }
  })

  it('S002-13: the sealer has sealed nothing itself; when the window of the sectors comes, it is at their proof', async () => {
    const done = readFileSync(yard.log('sealer'), 'utf8')
      .split('\n')
      .filter(line => line.includes('"msg":"stage done"'))
      .map(line => (JSON.parse(line) as { stage: string }).stage)
    // C1 takes no time worth speaking of, and is done by whoever has the files.
    expect(done.filter(stage => stage !== 'transfer')).to.deep.equal([])
    await toAWindowWithSectors()
    // A chain that jumps leaves no time to prove in; that windows are proven is shown where the chain moves by itself.
    await eventually('a window that the sealer looks after', STAGE_MS, () =>
      /"checked":2,"good":2,.*Checked sectors/.test(readFileSync(yard.log('sealer'), 'utf8')) ? true : undefined,
    )
  })

  /** To the window after the next that has to prove sectors: the sealer sees it come. */
  async function toAWindowWithSectors(): Promise<void> {
    const miner = Address.fromId(SEALER_MINER)
    for (let windows = 0; windows < WINDOWS; windows++) {
      const { Index, CurrentEpoch, Close } = await yard.chain.StateMinerProvingDeadline(miner, [])
      const partitions = await yard.chain.StateMinerPartitions(miner, Index, [])
      if (partitions.some(({ LiveSectors }) => !LiveSectors.isEmpty)) return
      await yard.admin.Advance(Close - CurrentEpoch + 1)
    }
    throw new Error('no sector is in any window')
  }

  it('wait-quiet, tasks and stop: the commands of a worker', async () => {
    expect(await yard.workerCli('A', 'tasks', 'disable', 'AP')).to.equal('takes PC1 WAIT C1 FINALIZE\n')
    expect(await yard.workerCli('A', 'tasks', 'list')).to.match(/AP +no\nPC1 +yes/)
    expect(await yard.workerCli('A', 'tasks', 'enable', 'addpiece')).to.include('AP')
    expect(await yard.workerCli('A', 'info')).to.include('Worker: A (')
    expect(await yard.workerCli('A', 'wait-quiet')).to.include('quiet')
    expect(await yard.workerCli('A', 'stop')).to.equal('stopping\n')
  })
})
