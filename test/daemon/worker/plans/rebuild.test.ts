import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import type { SectorRebuildInfo } from '../../../../rpc-schema/manager/rebuild.js'
import { RpcError } from '../../../../rpc-schema/rpc/error.js'
import { SealError } from '../../../../rpc-schema/seal-error.js'
import { fromHex, toHex } from '../../../../rpc-schema/wire/bytes.js'
import { commDToCid, commRToCid } from '../../../../rpc-schema/wire/cid.js'
import { zeroPieceCid } from '../../../../rpc-schema/wire/piece.js'
import { WorkerBench } from '../support/bench.js'
import { cutAndRestart, cutPoints } from '../support/cut-points.js'
import { deal } from '../support/deals.js'

const PIECE = commDToCid(new Uint8Array(32).fill(9))
const ID = { Miner: 10_000, Number: 77 }
const SECTOR = 's-t010000-77'
const TICKET = new Uint8Array(32).fill(5)
/** What the fakes make of this ticket and an empty sector, of PIECE in it, and of an update with PIECE. */
const COMM_R = { empty: '', data: '', update: '' }

const job = (change: Partial<SectorRebuildInfo> = {}): SectorRebuildInfo => ({
  Sector: { ID, ProofType: 5 },
  Ticket: { Ticket: TICKET, Epoch: 1_000 },
  Pieces: null,
  PiecesV2: null,
  IsSnapUp: false,
  UpgradePublic: null,
  ...change,
})
const upgradeOf = (commR: Uint8Array) => ({
  CommR: commR,
  SealedCID: commRToCid(commR),
  Activation: 10,
  Expiration: 600_000,
})
const PIECES = [deal(PIECE, { AllocationID: 5 }), deal(zeroPieceCid(1_024), {})]
const upgraded = (): SectorRebuildInfo =>
  job({ PiecesV2: PIECES, IsSnapUp: true, UpgradePublic: upgradeOf(fromHex(COMM_R.empty)) })

describe('rebuild plan', () => {
  let bench: WorkerBench

  beforeEach(async () => {
    bench = await WorkerBench.make()
    bench.plan = 'rebuild'
  })
  afterEach(() => bench.close())

  const sector = () => bench.manager.sector(77)
  const finished = () =>
    bench.until(() => bench.manager.sectors.size > 0 && sector().finalized, 'the end of the sector')
  const paused = () => bench.until(() => bench.threads[0]!.thread_state.state === 'Paused', 'a pause')
  const idle = () => bench.settle(() => bench.threads[0]!.thread_state.state === 'Idle')
  const lastError = () => bench.threads[0]!.last_error
  const stages = () => bench.processors.calls.map(call => call.stage)
  const events = () => sector().reports.map(report => report.StateChange.Event)
  const ranIn = (stage: 'c1' | 'snap_vanilla') => bench.processors.ran(stage)[0]!.task

  before(async () => {
    bench = await WorkerBench.make()
    bench.plan = 'rebuild'
    bench.manager.rebuildQueue.push(job())
    await bench.start()
    await finished()
    COMM_R.empty = toHex(ranIn('c1').comm_r)
    await bench.close()
    bench = await WorkerBench.make()
    bench.plan = 'rebuild'
    bench.manager.rebuildQueue.push(upgraded())
    await bench.start()
    await finished()
    COMM_R.update = toHex(ranIn('snap_vanilla').comm_r_new)
    await bench.close()
  })

  it('makes a sealed sector anew with its own ticket', async () => {
    bench.manager.rebuildQueue.push(job())
    await bench.start()
    await finished()
    await idle()
    expect(events()).to.deep.equal([
      'AllocatedRebuildSector',
      'AddPiece',
      'BuildTreeD',
      'PC1',
      'PC2',
      'CheckSealed',
      'SkipSnap',
      'Persist',
      'SubmitPersistance',
    ])
    expect(stages()).to.deep.equal(['add_pieces', 'tree_d', 'pc1', 'pc2', 'c1', 'transfer'])
    expect(bench.manager.called('AssignTicket')).to.deep.equal([])
    expect(bench.manager.called('AllocateRebuildSector')[0]!.params).to.deep.equal([
      { AllowedMiners: [], AllowedProofTypes: [5, 10, 15] },
    ])
    for (const [stage, key] of [
      ['pc1', 'ticket'],
      ['c1', 'seed'],
    ] as const) {
      expect(toHex(bench.processors.ran(stage)[0]!.task[key]), stage).to.equal(toHex(TICKET))
    }
    expect(bench.manager.called('SubmitPersistedEx')[0]!.params).to.deep.equal([ID, 'persist1', false])
    expect(await readdir(join(bench.persist, 'sealed'))).to.deep.equal([SECTOR])
    expect(await readdir(join(bench.store, 'data'))).to.deep.equal([])
  })

  it('makes an upgraded sector anew in two steps', async () => {
    await writeFile(join(bench.dir, 'tree-d'), 'a tree of zeros')
    bench.more = `[processors.static_tree_d]\n2KiB = "${join(bench.dir, 'tree-d')}"`
    bench.manager.rebuildQueue.push(upgraded())
    await bench.start()
    await finished()
    expect(events()).to.deep.equal([
      'AllocatedRebuildSector',
      'AddPiece',
      'BuildTreeD',
      'PC1',
      'PC2',
      'CheckSealed',
      'AddPiece',
      'BuildTreeD',
      'SnapEncode',
      'SnapProve',
      'Persist',
      'SubmitPersistance',
    ])
    // The ready tree serves for the sector without data, and only for it.
    expect(stages()).to.deep.equal([
      'add_pieces',
      'pc1',
      'pc2',
      'c1',
      'add_pieces',
      'tree_d',
      'snap_encode',
      'snap_vanilla',
      'snap_prove',
      'transfer',
    ])
    const [first, second] = bench.processors.ran('add_pieces')
    expect(first!.task.pieces).to.deep.equal([])
    expect(second!.task.pieces).to.have.length(2)
    expect(bench.manager.called('SubmitPersistedEx')[0]!.params).to.deep.equal([ID, 'persist1', true])
    expect((await readdir(bench.persist)).sort()).to.deep.equal(['update', 'update-cache'])
  })

  it('knows the deals of both generations', async () => {
    const Cid = PIECE
    const Piece = { Size: 1_024, Offset: 0, Cid }
    const filler = { Size: 1_024, Offset: 1_024, Cid: zeroPieceCid(1_024) }
    const legacy = [
      { ID: 7, PayloadSize: 900, Piece, Proposal: null, IsCompatible: true },
      { ID: 0, PayloadSize: 0, Piece: filler, Proposal: null, IsCompatible: true },
    ]
    bench.manager.rebuildQueue.push(job({ Pieces: legacy }))
    await bench.start()
    await finished()
    expect(bench.processors.ran('add_pieces')[0]!.task.pieces).to.deep.equal([
      { piece_file: { url: `${bench.manager.address}/piecestore/${PIECE}` }, payload_size: 900, piece_size: 1_016 },
      { piece_file: 'pledge', payload_size: 0, piece_size: 1_016 },
    ])
  })

  it('makes synthetic proofs where the sector has such', async () => {
    bench.manager.rebuildQueue.push(job({ Sector: { ID, ProofType: 10 } }))
    await bench.start()
    await finished()
    expect(events()).to.include.members(['PC2NeedSyntheticProof', 'SyntheticPoRep', 'CheckSealed'])
  })

  describe('a replica that is not the chain’s', () => {
    const other = new Uint8Array(32).fill(1)

    async function withGoodFiles(): Promise<void> {
      for (const directory of ['sealed', 'update']) {
        await mkdir(join(bench.persist, directory))
        await writeFile(join(bench.persist, directory, SECTOR), 'the good one')
      }
    }
    async function expectRefused(comm_r: string): Promise<void> {
      await paused()
      expect(lastError()).to.match(/^permanent: the rebuilt sector is another one than the chain has/)
      expect(lastError()).to.contain(comm_r).and.to.contain(toHex(other))
      expect(bench.processors.ran('transfer')).to.deep.equal([])
      for (const directory of ['sealed', 'update'])
        expect(await readFile(join(bench.persist, directory, SECTOR), 'utf8')).to.equal('the good one')
    }

    it('is not persisted: told by the manager’s record of the sector', async () => {
      await withGoodFiles()
      bench.manager.records.set(SECTOR, {
        Pre: { CommR: commRToCid(other), CommD: PIECE, Ticket: { Ticket: TICKET, Epoch: 1 } },
      })
      bench.manager.rebuildQueue.push(job())
      await bench.start()
      await expectRefused(COMM_R.empty)
      // Nor when it is sent past the check.
      await bench.thread.resume('SnapDone')
      await expectRefused(COMM_R.empty)
    })

    it('is not persisted: told by what the sector was before its upgrade', async () => {
      await withGoodFiles()
      bench.manager.rebuildQueue.push({ ...upgraded(), UpgradePublic: upgradeOf(other) })
      await bench.start()
      await expectRefused(COMM_R.empty)
      expect(stages()).to.not.include('snap_encode')
    })

    it('is not persisted: told by what the sector is since its upgrade', async () => {
      await withGoodFiles()
      const UpgradedInfo = {
        AccessInstance: 'persist1',
        SealedCID: commRToCid(other),
        UnsealedCID: null,
        Proof: TICKET,
      }
      bench.manager.records.set(SECTOR, { UpgradedInfo })
      bench.manager.rebuildQueue.push(upgraded())
      await bench.start()
      await expectRefused(COMM_R.update)
      expect(stages()).to.not.include('snap_prove')
    })

    it('is compared with what is known: the right one passes', async () => {
      bench.manager.records.set(SECTOR, {
        UpgradedInfo: {
          AccessInstance: 'persist1',
          SealedCID: commRToCid(fromHex(COMM_R.update)),
          UnsealedCID: null,
          Proof: TICKET,
        },
      })
      bench.manager.rebuildQueue.push(upgraded())
      await bench.start()
      await finished()
      expect(sector().persistedUpgrade).to.equal(true)
    })

    it('cannot be told where the manager shows workers no records', async () => {
      const refuse = () => Promise.reject(new RpcError(-32_601, "method 'Venus.FindSector' not found"))
      bench.manager.script('FindSector', refuse, refuse)
      bench.manager.rebuildQueue.push(job())
      await bench.start()
      await finished()
      expect(sector().persisted).to.equal('persist1')
    })
  })

  for (const [what, change, message] of [
    [
      'ticket',
      { Ticket: { Ticket: new Uint8Array(0), Epoch: 0 } },
      /^permanent: s-t010000-77 cannot be rebuilt.*no ticket/,
    ],
    ['record of the state before its upgrade', { IsSnapUp: true }, /^permanent: .*before its upgrade/],
  ] as [string, Partial<SectorRebuildInfo>, RegExp][]) {
    it(`pauses over a sector without a ${what}, and gives it back when told so`, async () => {
      bench.manager.rebuildQueue.push(job(change))
      await bench.start()
      await paused()
      expect(lastError()).to.match(message)
      await bench.thread.resume('Aborted')
      await finished()
      expect(bench.manager.called('ReportAborted')).to.deep.equal([])
      expect(bench.processors.calls).to.deep.equal([])
    })
  }

  it('gives no proven sector up by itself; given up by an operator, it is finalized, not aborted', async () => {
    bench.manager.rebuildQueue.push(job())
    bench.manager.script('SubmitPersistedEx', () => Promise.reject(new RpcError(11_001, 'sector state not found')))
    await bench.start()
    await paused()
    expect(lastError()).to.match(/^permanent: the chain may hold this sector/)
    await bench.thread.resume('Aborted')
    await finished()
    expect(sector().abortReason).to.equal(undefined)
    expect(bench.manager.called('ReportAborted')).to.deep.equal([])
    await idle()
    expect(await readdir(join(bench.store, 'data'))).to.deep.equal([])
  })

  it('is not displaced by a new plan before work begins: nothing gives the sector back to the queue', async () => {
    bench.manager.rebuildQueue.push(job())
    bench.processors.gate(() => {
      throw new SealError('permanent', 'no room')
    })
    await bench.start()
    await paused()
    bench.processors.gate(undefined)
    await writeFile(join(bench.store, 'config.toml'), 'plan = "sealer"\n')
    await bench.thread.resume()
    await finished()
    expect(sector().persisted).to.equal('persist1')
  })

  it('counts an empty queue as idle, and ends the attempt', async () => {
    await bench.start()
    await bench.until(() => bench.manager.called('AllocateRebuildSector').length === 4)
    await idle()
    expect(bench.threads[0]!.job_id).to.equal(null)
  })

  it('drops the task when the manager has closed the sector', async () => {
    bench.manager.rebuildQueue.push(job())
    bench.processors.gate((call, when) => {
      if (call.stage === 'pc1' && when === 'before')
        Object.assign(sector(), { finalized: true, abortReason: 'by hand' })
    })
    await bench.start()
    await bench.until(() => bench.processors.ran('pc1').length > 0)
    await idle()
    expect(stages()).to.not.include('transfer')
    expect(await readdir(join(bench.store, 'data'))).to.deep.equal([])
  })

  describe('a worker killed and started again', () => {
    const points = cutPoints(
      [
        ['StoreReserveSpace', 1],
        ['FindSector', 1],
        ['SubmitPersistedEx', 1],
        ['ReportFinalized', 1],
        ...Array.from({ length: 12 }, (_, index) => ['ReportState', index + 1] as const),
      ],
      [
        ['add_pieces', 1],
        ['pc1', 1],
        ['pc2', 1],
        ['c1', 1],
        ['add_pieces', 2],
        ['tree_d', 2],
        ['snap_encode', 1],
        ['snap_prove', 1],
        ['transfer', 1],
      ],
    )
    for (const point of points) {
      it(`${point.name} rebuilds the upgraded sector`, async () => {
        bench.manager.rebuildQueue.push(upgraded())
        await cutAndRestart(bench, point)
        await finished()
        await idle()
        expect(sector().persistedUpgrade).to.equal(true)
        expect(toHex(bench.processors.ran('snap_prove').at(-1)!.task.comm_r_new)).to.equal(COMM_R.update)
        expect((await readFile(join(bench.persist, 'update', SECTOR))).subarray(0, 6).toString()).to.equal('update')
      })
    }
  })
})
