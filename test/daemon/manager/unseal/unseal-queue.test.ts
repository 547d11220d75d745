import { expect } from 'chai'
import { silentLog } from '../../../../daemon/kit/log.js'
import { SectorLife } from '../../../../daemon/manager/sectors/sector-life.js'
import { UnsealQueue } from '../../../../daemon/manager/unseal/unseal-queue.js'
import { LEASE_MS } from '../../../../daemon/manager/workers/work-lease.js'
import type { SectorState } from '../../../../rpc-schema/manager/sector-state.js'
import { UNSEAL_STATE } from '../../../../rpc-schema/manager/unseal.js'
import { cidToCommD, commDToCid, commRToCid } from '../../../../rpc-schema/wire/cid.js'
import { zeroPieceCid, zeroPieceCommitment } from '../../../../rpc-schema/wire/piece.js'
import type { SectorID } from '../../../../rpc-schema/wire/sector-id.js'
import { onEachDatabase } from '../../../harness/on-each-database.js'
import { COMM_R, PRE, TICKET } from '../commitment/stub-chain.js'
import { ANY_SECTOR, stepReport } from '../finished-sector.js'
import { Records } from '../proven-records.js'

const id = (number: number) => ({ Miner: 1000, Number: number })
const PIECE = zeroPieceCid(1024)
const OTHER_PIECE = zeroPieceCid(512)
const UPGRADED_D = commDToCid(new Uint8Array(32).fill(15))

onEachDatabase('manager: the unseal queue', database => {
  let records: Records
  let queue: UnsealQueue
  let life: SectorLife
  let lost: ReadonlySet<number>

  const build = (): void => {
    const { db, book, workers, clock } = records
    const files = {
      find: async (kind: string, sid: SectorID) => ({
        Found: !lost.has(sid.Number),
        Instance: { SealedFile: `${kind}-store`, CacheDir: `${kind}-store` },
      }),
    }
    queue = new UnsealQueue({ miners: new Map([[1000, {}]]), db, book, files, workers, clock, log: silentLog })
    life = new SectorLife(book, {
      releaseDeals: () => Promise.reject(new Error('deals of a proven sector were given back')),
      forget: async () => {},
      releaseSpace: async () => {},
      heard: ({ ID }, worker) => queue.heard(ID, worker),
      rebuildEnds: async () => false,
      unsealEnds: (sid, reason, trx) => queue.end(sid, reason, trx),
      stopUpgrade: async () => {},
      dropUpgrade: async () => {},
    })
  }

  beforeEach(async () => {
    lost = new Set()
    records = await Records.open(await database.fresh())
    build()
  })
  afterEach(() => records.db.destroy())

  const ask = (number = 3, dest = 'file:///a', asking: 'poll' | 'demand' = 'poll', pieceCid = PIECE) =>
    queue.set({ sid: id(number), pieceCid, offset: 127, size: 1016, dest }, asking)

  const refusal = (work: Promise<unknown>): Promise<string> =>
    work.then(
      () => 'nothing was refused',
      (error: Error) => error.message,
    )

  it('brings a piece to all that asked for it, and tells each once', async () => {
    await records.finished(3)
    expect(await queue.allocate(ANY_SECTOR)).to.equal(null)
    expect(await ask()).to.deep.equal({ state: UNSEAL_STATE.setUp, error: '' })
    expect(await ask(3, 'http://h/b')).to.deep.equal({ state: UNSEAL_STATE.setUp, error: '' })
    expect(await queue.allocate({ ...ANY_SECTOR, AllowedMiners: [2000] })).to.equal(null)
    expect(await queue.allocate({ ...ANY_SECTOR, AllowedProofTypes: [8] })).to.equal(null)
    expect(await queue.allocate({ AllowedMiners: [1000], AllowedProofTypes: [5] })).to.deep.equal({
      Sector: { ID: id(3), ProofType: 5 },
      PieceCid: PIECE,
      Offset: 127,
      Size: 1016,
      PrivateInfo: { AccessInstance: 'normal-store' },
      Ticket: { Ticket: TICKET, Epoch: PRE.Ticket.Epoch },
      CommD: cidToCommD(PRE.CommD),
      Dest: ['file:///a', 'http://h/b'],
      State: UNSEAL_STATE.unsealing,
      ErrorInfo: '',
    })
    expect(await queue.allocate(ANY_SECTOR)).to.equal(null)
    expect((await records.book.online(id(3))).Unsealing).to.equal(true)
    expect((await ask()).state).to.equal(UNSEAL_STATE.unsealing)
    expect(await queue.acquireDest(id(3), PIECE)).to.deep.equal(['file:///a', 'http://h/b'])
    expect((await ask()).state).to.equal(UNSEAL_STATE.uploading)
    expect(await refusal(ask(3, 'file:///c'))).to.include('ask again')
    await queue.achieve(id(3), PIECE, '')
    await queue.achieve(id(3), PIECE, '')
    await queue.achieve(id(3), PIECE, 'too late to fail')
    await life.reportFinalized(id(3))
    expect((await records.book.find(id(3)))!).to.deep.include({ store: 'offline' })
    expect(await ask()).to.deep.equal({ state: UNSEAL_STATE.finished, error: '' })
    expect((await ask()).state, 'asked anew').to.equal(UNSEAL_STATE.setUp)
  })

  it('an unknown task is an error that names it', async () => {
    const name = `1000-3-${PIECE}`
    expect(await refusal(queue.acquireDest(id(3), PIECE))).to.equal(`acquire unseal dest(${name}): task not found`)
    expect(await refusal(queue.achieve(id(3), PIECE, ''))).to.equal(`achieve unseal info(${name}): task not found`)
    expect(await refusal(ask())).to.include('no record')
    expect(await refusal(ask(3, 'file:///a', 'poll'))).to.include(name)
    await records.finished(3)
    const nothing = { sid: id(3), pieceCid: PIECE, offset: 0, size: 0, dest: 'file:///a' }
    expect(await refusal(queue.set(nothing, 'poll'))).to.include('size')
  })

  it('a failed task is told once, and tried again', async () => {
    await records.finished(3)
    await ask()
    await queue.allocate(ANY_SECTOR)
    await queue.achieve(id(3), PIECE, 'disk full')
    await life.reportFinalized(id(3))
    expect(await ask()).to.deep.equal({ state: UNSEAL_STATE.failed, error: 'disk full' })
    expect((await ask()).state).to.equal(UNSEAL_STATE.setUp)
    await queue.allocate(ANY_SECTOR)
    await queue.achieve(id(3), PIECE, 'disk full')
    await life.reportFinalized(id(3))
    expect((await ask(3, 'file:///a', 'demand')).state).to.equal(UNSEAL_STATE.setUp)
    expect(await queue.allocate(ANY_SECTOR)).to.not.equal(null)
  })

  it('a task that a worker gives up waits for another, three times', async () => {
    await records.finished(3)
    await ask()
    for (let attempt = 1; attempt <= 3; attempt++) {
      expect(await queue.allocate(ANY_SECTOR), `attempt ${attempt}`).to.not.equal(null)
      await (attempt === 2 ? life.reportAborted(id(3), 'no luck') : life.reportFinalized(id(3)))
      const { record, store } = (await records.book.find(id(3)))!
      expect(store).to.equal('offline')
      expect(record).to.deep.include({ Unsealing: false, AbortReason: '' })
    }
    expect(await queue.allocate(ANY_SECTOR)).to.equal(null)
    expect((await ask()).state).to.equal(UNSEAL_STATE.failed)
  })

  it('the task and the sector of a worker that died come back', async () => {
    await records.finished(3)
    await ask()
    await queue.allocate(ANY_SECTOR)
    await life.report(id(3), stepReport('w1'))
    await records.ping('w1')
    await queue.acquireDest(id(3), PIECE)
    records.clock.advance(LEASE_MS.silent - 1_000)
    expect(await queue.allocate(ANY_SECTOR)).to.equal(null)
    records.clock.advance(1_000)
    expect(await queue.allocate(ANY_SECTOR)).to.not.equal(null)
    expect(await records.events(3)).to.include('unseal waits again')
  })

  it('pieces of one sector are unsealed one after another, and others meanwhile', async () => {
    await records.finished(3)
    await records.finished(4)
    await ask()
    await ask(3, 'file:///a', 'poll', OTHER_PIECE)
    records.clock.advance(1)
    await ask(4)
    const numbers = [await queue.allocate(ANY_SECTOR), await queue.allocate(ANY_SECTOR)].map(
      task => task?.Sector.ID.Number,
    )
    expect(numbers).to.deep.equal([3, 4])
    expect(await queue.allocate(ANY_SECTOR)).to.equal(null)
    await life.reportFinalized(id(4))
    await records.book.note(id(3), { actor: 'test', event: 'test' })
    await queue.achieve(id(3), PIECE, '')
    await life.reportFinalized(id(3))
    await queue.achieve(id(4), PIECE, '')
    expect((await queue.allocate(ANY_SECTOR))?.PieceCid.toString()).to.equal(OTHER_PIECE.toString())
  })

  describe('a piece that came into its sector by an upgrade', () => {
    const BEFORE = { CommR: COMM_R, SealedCID: commRToCid(COMM_R), Activation: 7_000, Expiration: 2_000_000 }
    const SealedCID = commRToCid(new Uint8Array(32).fill(14))
    const upgrade: Partial<SectorState> = {
      Upgraded: true,
      UpgradePublic: BEFORE,
      UpgradedInfo: { AccessInstance: 'p', SealedCID, UnsealedCID: UPGRADED_D, Proof: new Uint8Array(1) },
    }
    const CAN = { ...ANY_SECTOR, Upgraded: true }
    const note = async (): Promise<string> => queue.waitsFor((await queue.list())[0]!)

    it('is for workers that say that they can read it; it says why it waits, and does not keep others waiting', async () => {
      await records.finished(3, upgrade)
      await records.finished(4)
      await ask()
      records.clock.advance(1)
      await ask(4)
      expect((await queue.allocate(ANY_SECTOR))?.Sector.ID).to.deep.equal(id(4))
      expect(await queue.allocate(ANY_SECTOR)).to.equal(null)
      expect((await queue.list()).map(({ state, upgraded }) => [state, upgraded])).to.deep.equal([
        [UNSEAL_STATE.setUp, true],
        [UNSEAL_STATE.unsealing, false],
      ])
      expect(await note()).to.match(/workers of Sealyard with plan = "unseal" only; none has asked this manager/)
      expect(await queue.allocate({ ...CAN, AllowedMiners: [2000] })).to.equal(null)
      expect(await note()).to.include(`one asked last at ${new Date(records.clock.now()).toISOString()}`)
      expect(await queue.allocate(CAN)).to.deep.equal({
        Sector: { ID: id(3), ProofType: 5 },
        PieceCid: PIECE,
        Offset: 127,
        Size: 1016,
        PrivateInfo: { AccessInstance: 'upgrade-store' },
        Ticket: { Ticket: TICKET, Epoch: PRE.Ticket.Epoch },
        CommD: zeroPieceCommitment(2048),
        Dest: ['file:///a'],
        State: UNSEAL_STATE.unsealing,
        ErrorInfo: '',
        Upgrade: { CommROld: COMM_R, CommDNew: cidToCommD(UPGRADED_D) },
      })
      expect(await note()).to.equal('')
      await queue.achieve(id(3), PIECE, '')
      await life.reportFinalized(id(3))
      const { record, store } = (await records.book.find(id(3)))!
      expect([store, record.Upgraded, record.Unsealing]).to.deep.equal(['offline', true, false])
    })

    it('is seen as such when the upgrade came after the task', async () => {
      await records.finished(3)
      await ask()
      await records.book.restore(id(3), { actor: 'test', event: 'test' }, record => void Object.assign(record, upgrade))
      await records.book.finalize(id(3), { actor: 'test', event: 'test' })
      expect(await queue.allocate(ANY_SECTOR)).to.equal(null)
      expect((await queue.list())[0]).to.deep.include({ state: UNSEAL_STATE.setUp, upgraded: true })
      expect((await queue.allocate(CAN))?.Upgrade?.CommROld).to.deep.equal(COMM_R)
    })

    it('is decoded by the pieces in the record where the unsealed CID is not known', async () => {
      const all = { Piece: { Size: 2048, PieceCID: UPGRADED_D }, DealInfo: null }
      const UpgradedInfo = { AccessInstance: '', SealedCID: null, UnsealedCID: null, Proof: new Uint8Array() }
      await records.finished(3, { ...upgrade, UpgradedInfo, Pieces: [all] })
      await ask()
      expect((await queue.allocate(CAN))?.Upgrade?.CommDNew).to.deep.equal(cidToCommD(UPGRADED_D))
    })

    const UNKNOWN: readonly [string, Partial<SectorState>, string][] = [
      ['the replica from before', { ...upgrade, UpgradePublic: null }, 'the sealed CID from before the upgrade'],
      ['what was upgraded to', { ...upgrade, UpgradedInfo: null }, 'the unsealed CID of the upgrade'],
      ['an empty sector before', { ...upgrade, Pre: { ...PRE, CommD: UPGRADED_D } }, 'had data before its upgrade'],
    ]
    for (const [what, change, why] of UNKNOWN)
      it(`fails at once when the record does not show ${what}`, async () => {
        await records.finished(3, change)
        await ask()
        expect(await queue.allocate(CAN)).to.equal(null)
        expect((await ask()).error).to.include(why)
      })
  })

  it('what no worker could unseal fails with the reason, and does not keep others waiting', async () => {
    await records.finished(3)
    await records.finished(4)
    await records.finished(5, { Removed: true })
    lost = new Set([3])
    await ask()
    records.clock.advance(1)
    await ask(5)
    records.clock.advance(1)
    await ask(4)
    expect((await queue.allocate(ANY_SECTOR))?.Sector.ID.Number).to.equal(4)
    expect((await ask()).error).to.include('in which store')
    expect((await ask(5)).error).to.include('removed')
  })

  it('those who wait hear of the end at once, also of one that another manager wrote', async () => {
    await records.finished(3)
    await ask()
    await queue.allocate(ANY_SECTOR)
    const { signal } = new AbortController()
    const waiting = queue.ended(id(3), PIECE, signal)
    await queue.achieve(id(3), PIECE, '')
    expect((await waiting)?.state).to.equal(UNSEAL_STATE.finished)
    await ask()
    await ask()
    await queue.allocate(ANY_SECTOR)
    const far = queue.ended(id(3), PIECE, signal)
    const own = queue
    build()
    await queue.achieve(id(3), PIECE, 'elsewhere')
    expect(own).to.not.equal(queue)
    records.clock.advance(10_000)
    expect((await far)?.error).to.equal('elsewhere')
  })

  it('records with the mark of a task that nobody knows go back at the start', async () => {
    await records.finished(3)
    await records.book.restore(id(3), { actor: 'test', event: 'test' }, record => {
      record.Unsealing = true
    })
    await queue.start()
    expect((await records.book.find(id(3)))!.store).to.equal('offline')
  })
})
