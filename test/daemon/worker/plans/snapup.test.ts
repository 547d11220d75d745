import { lstat, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import type { AllocatedSnapUpSector } from '../../../../rpc-schema/manager/snapup.js'
import { RpcError } from '../../../../rpc-schema/rpc/error.js'
import { toHex } from '../../../../rpc-schema/wire/bytes.js'
import { commDToCid, commRToCid } from '../../../../rpc-schema/wire/cid.js'
import { zeroPieceCid } from '../../../../rpc-schema/wire/piece.js'
import { WorkerBench } from '../support/bench.js'
import { cutAndRestart, cutPoints } from '../support/cut-points.js'
import { deal } from '../support/deals.js'

const PIECE = commDToCid(new Uint8Array(32).fill(9))
const ID = { Miner: 10_000, Number: 77 }
const SECTOR = 's-t010000-77'
const COMM_R = new Uint8Array(32).fill(3)
const CACHE_FILES = ['p_aux', 'sc-02-data-tree-r-last.dat', 't_aux']

const job = (change: Partial<AllocatedSnapUpSector> = {}): AllocatedSnapUpSector => ({
  Sector: { ID, ProofType: 5 },
  Pieces: [deal(PIECE, { AllocationID: 5 }), deal(zeroPieceCid(1_024), {})],
  Public: { CommR: COMM_R, SealedCID: commRToCid(COMM_R), Activation: 10, Expiration: 600_000 },
  Private: { AccessInstance: 'persist1' },
  ...change,
})

describe('snapup plan', () => {
  let bench: WorkerBench

  beforeEach(async () => {
    bench = await WorkerBench.make()
    bench.plan = 'snapup'
    await mkdir(join(bench.persist, 'sealed'))
    await mkdir(join(bench.persist, 'cache', SECTOR), { recursive: true })
    await writeFile(join(bench.persist, 'sealed', SECTOR), 'the sealed file')
    for (const name of CACHE_FILES) await writeFile(join(bench.persist, 'cache', SECTOR, name), `sealed ${name}`)
    bench.manager.snapUpQueue.push(job())
  })
  afterEach(() => bench.close())

  const sector = () => bench.manager.sector(77)
  const finished = () =>
    bench.until(() => bench.manager.sectors.size > 0 && sector().finalized, 'the end of the sector')
  const paused = () => bench.until(() => bench.threads[0]!.thread_state.state === 'Paused', 'a pause')
  const idle = () => bench.settle(() => bench.threads[0]!.thread_state.state === 'Idle')
  const lastError = () => bench.threads[0]!.last_error

  async function expectSealedUntouched(): Promise<void> {
    expect((await lstat(join(bench.persist, 'sealed', SECTOR))).isFile()).to.equal(true)
    expect(await readFile(join(bench.persist, 'sealed', SECTOR), 'utf8')).to.equal('the sealed file')
    const cache = join(bench.persist, 'cache', SECTOR)
    expect((await readdir(cache)).sort()).to.deep.equal(CACHE_FILES)
    for (const name of CACHE_FILES) expect(await readFile(join(cache, name), 'utf8')).to.equal(`sealed ${name}`)
  }

  it('upgrades a sector in the order of calls that managers know', async () => {
    await bench.start()
    await finished()
    const calls = bench.manager.calls
      .filter(({ method }) => method !== 'WorkerPing')
      .map(({ method, params }) =>
        method === 'ReportState' ? `${params[1].StateChange.Event} ${params[1].StateChange.Next}` : method,
      )
    expect(calls).to.deep.equal([
      'StoreBasicInfo',
      'AllocateSanpUpSector',
      'AllocatedSnapUpSector Allocated',
      'AddPiece PieceAdded',
      'StoreBasicInfo',
      'BuildTreeD TreeDBuilt',
      'SnapEncode SnapEncoded',
      'StoreReserveSpace',
      'SnapProve SnapProved',
      'SubmitSnapUpProof',
      'Persist Persisted',
      'Finish Finished',
      'ReportFinalized',
    ])
    expect(bench.processors.calls.map(call => call.stage)).to.deep.equal([
      'add_pieces',
      'tree_d',
      'transfer',
      'snap_encode',
      'snap_vanilla',
      'snap_prove',
      'transfer',
    ])
    expect(bench.processors.limits).to.deep.equal(['add_pieces', 'tree_d', 'snap_encode', 'snap_prove'])
  })

  it('asks with the limits of the thread, and hands in what was encoded and proven', async () => {
    bench.sealing += '\nmax_deals = 3\nmin_deal_space = "1KiB"\nallowed_miners = [10000]'
    await bench.start()
    await finished()
    expect(bench.manager.called('AllocateSanpUpSector')[0]!.params).to.deep.equal([
      {
        Sector: { AllowedMiners: [10_000], AllowedProofTypes: [5, 10, 15] },
        Deals: { MaxDeals: 3, MinUsedSpace: 1_024 },
      },
    ])
    const [submitted] = sector().snapUps
    expect(submitted!.AccessInstance).to.equal('persist1')
    expect(submitted!.Pieces.map(String)).to.deep.equal([`${PIECE}`, `${zeroPieceCid(1_024)}`])
    expect(submitted!.Proof).to.have.length(192)
    const [prove] = bench.processors.ran('snap_prove')
    expect(prove!.task.registered_proof).to.equal(0)
    expect(toHex(prove!.task.comm_r_old)).to.equal(toHex(COMM_R))
    expect(toHex(prove!.task.comm_r_new)).to.equal(toHex(submitted!.CommR))
    expect(toHex(prove!.task.comm_d_new)).to.equal(toHex(submitted!.CommD))
  })

  it('takes the sealed files from their store by links, and leaves them there as they were', async () => {
    await bench.start()
    await finished()
    await idle()
    const [fetch, persist] = bench.processors.ran('transfer').map(call => call.task.routes)
    expect(fetch.map((route: { opt: unknown }) => route.opt)).to.deep.equal(
      Array(4).fill({ is_dir: false, allow_link: true }),
    )
    expect(fetch.every((route: { src: { store_name: string } }) => route.src.store_name === 'persist1')).to.equal(true)
    expect(
      persist.map((route: { dest: { uri: string } }) => route.dest.uri.slice(bench.persist.length + 1)),
    ).to.have.members([`update/${SECTOR}`, ...CACHE_FILES.map(name => `update-cache/${SECTOR}/${name}`)])
    await expectSealedUntouched()
    expect(await readdir(join(bench.store, 'data'))).to.deep.equal([])
    expect((await readFile(join(bench.persist, 'update', SECTOR))).subarray(0, 6).toString()).to.equal('update')
    expect((await readdir(join(bench.persist, 'update-cache', SECTOR))).sort()).to.deep.equal(CACHE_FILES)
  })

  it('leaves the sealed files as they were also when the upgrade is given up', async () => {
    bench.manager.script('SubmitSnapUpProof', () => ({ Res: 4, Desc: 'pieces differ' }))
    await bench.start()
    await finished()
    await idle()
    expect(sector().abortReason).to.contain('pieces differ')
    await expectSealedUntouched()
    expect(await readdir(join(bench.store, 'data'))).to.deep.equal([])
  })

  it('never takes the ready tree of an empty sector', async () => {
    await writeFile(join(bench.dir, 'tree-d'), 'a tree of zeros')
    bench.more = `[processors.static_tree_d]\n2KiB = "${join(bench.dir, 'tree-d')}"`
    bench.manager.snapUpQueue[0] = job({ Pieces: [deal(zeroPieceCid(1_024), {}), deal(zeroPieceCid(1_024), {})] })
    await bench.start()
    await finished()
    expect(bench.processors.ran('tree_d')).to.have.length(1)
  })

  for (const [what, change] of [
    ['pieces', { Pieces: [] }],
    ['the store', { Private: { AccessInstance: '' } }],
  ] as [string, Partial<AllocatedSnapUpSector>][]) {
    it(`gives a sector back that comes without ${what}`, async () => {
      bench.manager.snapUpQueue[0] = job(change)
      await bench.start()
      await finished()
      expect(sector().abortReason).to.contain(`without ${what}`)
      expect(bench.processors.calls).to.deep.equal([])
    })
  }

  for (const [what, script] of [
    ['nothing', () => null],
    ['an error', () => Promise.reject(new RpcError(1, 'no candidates'))],
  ] as const) {
    it(`counts ${what} as idle, and ends the attempt`, async () => {
      bench.manager.script('AllocateSanpUpSector', ...Array(4).fill(script))
      await bench.start()
      await bench.until(() => bench.manager.called('AllocateSanpUpSector').length === 4)
      await idle()
      expect(bench.manager.called('ReportAborted')).to.deep.equal([])
      expect(bench.threads[0]!.job_id).to.equal(null)
    })
  }

  it('pauses when the store with the sealed files is not attached here', async () => {
    bench.manager.snapUpQueue[0] = job({ Private: { AccessInstance: 'elsewhere' } })
    await bench.start()
    await paused()
    expect(lastError()).to.match(/^permanent: .*"elsewhere".*not attached/)
  })

  it('pauses when the manager does not know that store', async () => {
    const itself = (name: string) => ({
      Name: name,
      Path: name,
      Strict: false,
      ReadOnly: false,
      Weight: 0,
      Meta: {},
    })
    bench.manager.script('StoreBasicInfo', itself, () => null)
    await bench.start()
    await paused()
    expect(lastError()).to.match(/^permanent: the manager does not know the store "persist1"/)
    await bench.thread.resume()
    await finished()
    expect(sector().abortReason).to.equal(undefined)
  })

  it('pauses when files of the sealed sector are missing, and goes on when they are back', async () => {
    await rm(join(bench.persist, 'cache', SECTOR, 'p_aux'))
    await bench.start()
    await paused()
    await writeFile(join(bench.persist, 'cache', SECTOR, 'p_aux'), 'sealed p_aux')
    await bench.thread.resume()
    await finished()
    expect(sector().snapUps).to.have.length(1)
  })

  it('does not prove an update of other data than was staged', async () => {
    bench.processors.spoiled.set('snap_encode', output => ({ ...output, comm_d_new: new Uint8Array(32) }))
    await bench.start()
    await paused()
    expect(lastError()).to.match(/^permanent: snap_encode sealed other data/)
    expect(bench.processors.ran('snap_prove')).to.deep.equal([])
  })

  it('hands in no proof that does not verify', async () => {
    bench.prover.updatesHold = false
    await bench.start()
    await paused()
    expect(lastError()).to.match(/^permanent: the proof of the update does not verify/)
    bench.prover.updatesHold = true
    await bench.thread.resume()
    await finished()
    expect(sector().snapUps).to.have.length(1)
  })

  it('hands in no proof of another length', async () => {
    bench.processors.spoiled.set('snap_prove', output => output.subarray(1))
    await bench.start()
    await paused()
    expect(lastError()).to.match(/^permanent: snap_prove gave a proof of 191 bytes, expected 192/)
  })

  describe('handing in', () => {
    it('a duplicate is as good as accepted', async () => {
      bench.manager.script('SubmitSnapUpProof', () => ({ Res: 2, Desc: null }))
      await bench.start()
      await finished()
      expect(sector().abortReason).to.equal(undefined)
    })

    it('a mismatch gives the sector up', async () => {
      bench.manager.script('SubmitSnapUpProof', () => ({ Res: 3, Desc: 'other proof' }))
      await bench.start()
      await finished()
      expect(sector().abortReason).to.contain('other proof')
    })

    it('when the manager misses files they are persisted again', async () => {
      bench.manager.script('SubmitSnapUpProof', () => ({ Res: 5, Desc: 'not all files persisted' }))
      await bench.start()
      await finished()
      expect(sector().snapUps).to.have.length(1)
      expect(bench.processors.ran('transfer')).to.have.length(3)
      expect(sector().reports.map(report => report.StateChange.Event)).to.include('RePersist')
    })

    it('a manager that never finds the files pauses the thread', async () => {
      const missed = () => ({ Res: 5, Desc: 'not all files persisted' })
      bench.manager.script('SubmitSnapUpProof', ...Array(4).fill(missed))
      await bench.start()
      await paused()
      expect(lastError()).to.match(/^permanent: .*still misses files.*persist1/)
      await bench.thread.resume()
      await finished()
      expect(sector().snapUps).to.have.length(1)
    })

    it('is not given up by itself once it may be on its way', async () => {
      bench.manager.script('SubmitSnapUpProof', () => Promise.reject(new RpcError(11_001, 'sector state not found')))
      await bench.start()
      await paused()
      expect(lastError()).to.match(/^permanent: the chain may hold this sector/)
      expect(bench.manager.called('ReportAborted')).to.deep.equal([])
    })
  })

  it('drops the task when the manager has closed the sector', async () => {
    bench.processors.gate((call, when) => {
      if (call.stage === 'snap_encode' && when === 'before')
        Object.assign(sector(), { finalized: true, abortReason: 'by hand' })
    })
    await bench.start()
    await bench.until(
      () => bench.threads[0]!.thread_state.state === 'Idle' && bench.processors.ran('snap_encode').length > 0,
    )
    expect(bench.processors.ran('snap_prove')).to.deep.equal([])
    expect(await readdir(join(bench.store, 'data'))).to.deep.equal([])
    await expectSealedUntouched()
  })

  describe('a worker killed and started again', () => {
    const points = cutPoints(
      [
        ['StoreBasicInfo', 2],
        ['StoreReserveSpace', 1],
        ['SubmitSnapUpProof', 1],
        ['ReportFinalized', 1],
        ...[1, 2, 3, 4, 5, 6, 7].map(occurrence => ['ReportState', occurrence] as const),
      ],
      [
        ['add_pieces', 1],
        ['tree_d', 1],
        ['transfer', 1],
        ['snap_encode', 1],
        ['snap_vanilla', 1],
        ['snap_prove', 1],
        ['transfer', 2],
      ],
    )
    for (const point of points) {
      it(`${point.name} hands the upgrade in once`, async () => {
        await cutAndRestart(bench, point)
        await finished()
        expect(sector().snapUps).to.have.length(1)
        expect(sector().abortReason).to.equal(undefined)
        await idle()
        await expectSealedUntouched()
      })
    }

    it('after AllocateSanpUpSector takes another sector', async () => {
      const [point] = cutPoints([['AllocateSanpUpSector', 1]], []).slice(1)
      await cutAndRestart(bench, point!)
      bench.manager.snapUpQueue.push(
        job({ Sector: { ID: { ...ID, Number: 78 }, ProofType: 5 }, Private: { AccessInstance: '' } }),
      )
      await bench.until(() => bench.manager.sectors.size === 2 && bench.manager.sector(78).finalized)
    })
  })
})
