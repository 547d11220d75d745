import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { ensureParameters } from '../../plugins/prover/parameters.js'
import { METHODS } from '../../rpc-schema/actors/actor-methods.js'
import type { ImportedDeal } from '../../rpc-schema/devnet/index.js'
import { Address } from '../../rpc-schema/wire/address.js'
import { eventually } from '../harness/eventually.js'
import { SEALER_MINER, SealerYard } from '../harness/sealer-yard.js'

const {
  PreCommitSectorBatch2: PRE_COMMIT,
  ProveCommitSectors3: PROVE_COMMIT,
  SubmitWindowedPoSt: WINDOW_PROOF,
} = METHODS.miner
const LIMIT_MS = 3_600_000
const STAGE_MS = 180_000
/** A real window proof on a busy machine. */
const PROOF_MS = 1_200_000
/** A proving period. */
const WINDOWS = 48
/** Epochs from the opening of a window until its proof is sent. */
const SUBMIT_CONFIDENCE = 4
const MINER = Address.fromId(SEALER_MINER)
/** Fills a sector: two of them go into two sectors. */
const DATA = Buffer.from('what a client wants to have kept by many machines\n'.repeat(32))

const sha = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex')

/**
 * The deployment plan's two machines, played on one with separate processes and real proofs: a sealer that does only window PoSt, worker A for AP, PC1,
 * PC2 and unseal, workers B1 and B2 for PC2 and the proof on one path.
 */
describe('e2e: a sector on many machines (S002-5, S002-17, S002-26)', function () {
  this.timeout(LIMIT_MS)
  let yard: SealerYard
  let deal: ImportedDeal

  before(async () => {
    await ensureParameters({ sectorSize: 2048 })
    yard = new SealerYard('the stages of sectors')
    await yard.start({ maxSealing: 2 })
    const [ap, p1, p2, commit, unseal] = ['addpiece', 'precommit1', 'precommit2', 'commit', 'unseal'].map(
      kind => `--${kind}=false`,
    ) as [string, string, string, string, string]
    // A machine that unseals has the store.
    await yard.worker('A', [commit], ['+seal-a', 'store'])
    await yard.worker('B1', [unseal, ap, p1, commit], ['+seal-b'])
    await yard.worker('B2', [p1, p2, ap, unseal], ['seal-b'])
  })
  after(() => yard?.stop())

  const sealed = (path: string, number: number): string => join(yard.path(path), 'sealed', `s-t01000-${number}`)
  const onChain = (number: number) => yard.chain.StateSectorGetInfo(MINER, number, [])
  const finished = (...numbers: number[]) =>
    eventually(`sectors ${numbers} finished`, STAGE_MS, async () => {
      const all = (await yard.manager.ListSectors('offline', 0)) ?? []
      const found = all.filter(({ ID, AbortReason }) => numbers.includes(ID.Number) && AbortReason === '')
      return found.length === numbers.length || undefined
    })
  const removed = (path: string, number: number) =>
    eventually(`no file of ${number} on ${path}`, STAGE_MS, () => {
      const left = filesOf(path, number)
      return left.length === 0 || undefined
    })

  /** Files and directories of a sector, relative to the path. */
  const filesOf = (path: string, number: number): string[] =>
    readdirSync(yard.path(path), { recursive: true })
      .map(String)
      .filter(name => name.includes(`s-t01000-${number}`))
  const digests = (path: string, number: number, files: readonly string[] = filesOf(path, number)) =>
    files
      .filter(file => statSync(join(yard.path(path), file)).isFile())
      .sort()
      .map(file => `${file} ${sha(join(yard.path(path), file))}`)

  it('S002-41, S002-42: of four pledges two are in flight, and the others wait visibly', async () => {
    expect(await yard.workerCli('A', 'tasks', 'disable', 'precommit2')).to.equal('takes AP PC1 WAIT C1 FINALIZE\n')
    expect(await yard.workerCli('B1', 'wait-quiet')).to.equal('quiet\n')
    expect(await yard.sealerCli('sectors', 'pledge', '--count', '4')).to.include('asked for 4 sectors')
    await eventually('two sectors that wait for PC2', STAGE_MS, async () => {
      const tasks = await yard.own.StageTasks()
      return tasks.filter(({ Kind, State }) => Kind === 'PC2' && State === 'ready').length === 2 || undefined
    })
    expect(await yard.sealerCli('info')).to.match(/Being sealed: 2 of 2\nPledges waiting: 2/)
    expect(await yard.sealerCli('sectors', 'list'))
      .to.include('s-t01000-1')
      .and.include('s-t01000-2')
    const diagnosis = await yard.sealerCli('sealing', 'sched-diag')
    expect(diagnosis).to.match(/s-t01000-1\.PC2\.\w+: B1 .*quiet.* What helps: /)
    expect(diagnosis).to.include('2 pledges wait: 2 sectors are being sealed, and MaxSealingSectors is 2')
    expect(await yard.sealerCli('sealing', 'workers')).to.match(/A \(.*\n {2}does: {4}AP PC1 WAIT C1 FINALIZE\n/)
  })

  it('what B1 fetches from A is the same, byte for byte, and leaves A', async () => {
    // What PC2 reads and leaves as it is.
    const before = [1, 2].map(number => digests('seal-a', number).filter(file => /layer|tree-d|outputs/.test(file)))
    expect(before.map(files => files.length)).to.satisfy((counts: number[]) => counts.every(count => count >= 4))
    expect(await yard.workerCli('B1', 'wait-quiet', '--resume')).to.equal('takes tasks again\n')
    await yard.inPool(PRE_COMMIT, 2)
    for (const [index, number] of [1, 2].entries()) {
      await removed('seal-a', number)
      const files = before[index]!.map(line => line.split(' ')[0]!)
      expect(digests('seal-b', number, files)).to.deep.equal(before[index])
    }
    expect(await yard.sealerCli('sealing', 'jobs')).to.match(/s-t01000-1 .*WAIT .*running/)
  })

  it('S002-31: B1 and B2 share a path, nothing is copied between them; the replica in the store is the same, byte for byte', async () => {
    const { ino } = statSync(sealed('seal-b', 1))
    await yard.admin.Advance(30)
    await yard.inPool(PROVE_COMMIT, 2)
    expect(statSync(sealed('seal-b', 1)).ino).to.equal(ino)
    expect(sha(sealed('store', 1))).to.equal(sha(sealed('seal-b', 1)))
    // For the sectors that come next: A does PC2, too, and each has a piece to keep.
    expect(await yard.workerCli('A', 'tasks', 'enable', 'precommit2')).to.include('PC2')
    for (let deals = 0; deals < 2; deals++) deal = await yard.admin.ImportDeal({ Miner: SEALER_MINER, Data: DATA })
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

  /** The stages that a process has done, of its log. */
  const stagesOf = (daemon: string): string[] => {
    const done = readFileSync(yard.log(daemon), 'utf8')
      .split('\n')
      .filter(line => line.includes('"msg":"stage done"'))
      .map(line => (JSON.parse(line) as { stage: string }).stage)
    return [...new Set(done)]
  }

  it('each has done what it was told to do; C1 and the way to the store are for whoever has the files', () => {
    expect(stagesOf('A')).to.include.members(['add_pieces', 'tree_d', 'pc1', 'pc2']).and.not.include('c2')
    expect(stagesOf('B1')).to.include('pc2')
    expect(stagesOf('B1').filter(stage => !['pc2', 'c1'].includes(stage))).to.deep.equal([])
    expect(stagesOf('B2')).to.include('c2')
    expect(stagesOf('B2').filter(stage => !['c1', 'c2'].includes(stage))).to.deep.equal([])
    expect(stagesOf('sealer').filter(stage => stage !== 'transfer')).to.deep.equal([])
  })

  it('S002-13, S002-16: the sealer proves the window of the sectors, by an address of the miner that pays for nothing else', async () => {
    // A chain that is seen to jump leaves no time to prove in.
    await yard.sealer.kill('SIGTERM')
    await toAWindowWithSectors()
    await yard.sealer.start()
    await eventually('a proof of the window', PROOF_MS, async () => {
      const windows = await yard.own.PostTimeline(SEALER_MINER, 1)
      return windows.some(({ Steps }) => Steps.some(({ Step }) => Step === 'verified')) || undefined
    })
    await yard.admin.Advance(SUBMIT_CONFIDENCE)
    await yard.inPool(WINDOW_PROOF, 1)
    await yard.admin.Advance(2)
    const { Worker, ControlAddresses } = await yard.chain.StateMinerInfo(MINER, [])
    const sent = async (method: number) => {
      const landed = await yard.admin.Messages({ Miner: SEALER_MINER, Method: method })
      expect(landed.map(({ Receipt }) => Receipt?.ExitCode)).to.satisfy((codes: number[]) =>
        codes.every(code => code === 0),
      )
      return [...new Set(landed.map(({ From }) => From))]
    }
    const idOf = async (address: Address) => (await yard.chain.StateLookupID(address, [])).id
    expect(await sent(WINDOW_PROOF)).to.deep.equal([await idOf(Worker)])
    for (const method of [PRE_COMMIT, PROVE_COMMIT])
      expect(await sent(method)).to.deep.equal([await idOf(ControlAddresses[0]!)])
    const { Active, Faulty } = await yard.chain.StateMinerSectorCount(MINER, [])
    expect(Active, 'sectors with power').to.be.greaterThan(0)
    expect(Faulty).to.equal(0)
    expect(await yard.sealerCli('proving', 'deadlines')).to.not.equal('')
  })

  /** To the next window that has to prove sectors. */
  async function toAWindowWithSectors(): Promise<void> {
    for (let windows = 0; windows < WINDOWS; windows++) {
      const { Index, CurrentEpoch, Close } = await yard.chain.StateMinerProvingDeadline(MINER, [])
      const partitions = await yard.chain.StateMinerPartitions(MINER, Index, [])
      if (partitions.some(({ LiveSectors }) => !LiveSectors.isEmpty)) return
      await yard.admin.NullRounds(Close - CurrentEpoch)
    }
    throw new Error('no sector is in any window')
  }

  it('S002-17: a piece comes back as it was, read from its sector by A, who alone unseals', async () => {
    const { Sector, State } = (await yard.admin.Status()).Deals.find(
      ({ AllocationID }) => AllocationID === deal.AllocationID,
    )!
    expect(State).to.equal('active')
    expect(Sector).to.be.oneOf([3, 4])
    const output = join(yard.dir, 'piece')
    expect(await yard.sealerCli('sectors', 'unseal', `${deal.PieceCID}`, '--output', output)).to.include(
      `written to ${output}`,
    )
    expect(Buffer.compare(readFileSync(output).subarray(0, DATA.length), DATA)).to.equal(0)
    expect(stagesOf('A')).to.include('unseal')
  })

  it('wait-quiet, tasks and stop: the commands of a worker', async () => {
    expect(await yard.workerCli('A', 'tasks', 'disable', 'AP')).to.equal('takes PC1 PC2 WAIT C1 FINALIZE\n')
    expect(await yard.workerCli('A', 'tasks', 'list')).to.match(/AP +no\nPC1 +yes/)
    expect(await yard.workerCli('A', 'tasks', 'enable', 'addpiece')).to.include('AP')
    expect(await yard.workerCli('A', 'info')).to.include('Worker: A (')
    expect(await yard.workerCli('A', 'wait-quiet')).to.include('quiet')
    expect(await yard.workerCli('A', 'stop')).to.equal('stopping\n')
  })
})
