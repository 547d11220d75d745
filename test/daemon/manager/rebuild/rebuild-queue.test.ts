import { expect } from 'chai'
import { silentLog } from '../../../../daemon/kit/log.js'
import type { HeadTracker } from '../../../../daemon/manager/chain/head-tracker.js'
import { REBUILD_ATTEMPTS, RebuildQueue } from '../../../../daemon/manager/rebuild/rebuild-queue.js'
import { SectorLife } from '../../../../daemon/manager/sectors/sector-life.js'
import { LEASE_MS } from '../../../../daemon/manager/workers/work-lease.js'
import type { SectorOnChainInfo } from '../../../../rpc-schema/chain/sectors.js'
import { commDToCid, commRToCid } from '../../../../rpc-schema/wire/cid.js'
import { onEachDatabase } from '../../../harness/on-each-database.js'
import { headAt, PRE, stubNode, TICKET } from '../commitment/stub-chain.js'
import { ANY_SECTOR, stepReport } from '../finished-sector.js'
import { onChainSector, Records } from '../proven-records.js'

const id = (number: number) => ({ Miner: 1000, Number: number })
const NO_OPTIONS = { PiecesAvailable: false }
const OTHER_R = commRToCid(new Uint8Array(32).fill(14))
const OTHER_D = commDToCid(new Uint8Array(32).fill(15))

onEachDatabase('manager: the rebuild queue', database => {
  let records: Records
  let queue: RebuildQueue
  let life: SectorLife
  let onChain: SectorOnChainInfo | null

  const build = (): void => {
    const { db, book, workers, clock } = records
    const node = stubNode({ StateSectorGetInfo: async () => onChain })
    const heads = { fresh: async () => headAt(9_000) } as unknown as HeadTracker
    queue = new RebuildQueue({ miners: new Map([[1000, {}]]), db, book, node, heads, workers, clock, log: silentLog })
    life = new SectorLife(book, {
      releaseDeals: () => Promise.reject(new Error('deals of a proven sector were given back')),
      forget: async () => {},
      releaseSpace: async () => {},
      heard: ({ ID }, worker) => queue.heard(ID, worker),
      rebuildEnds: async (sid, reason, trx) => (await queue.end(sid, reason, trx)) === 'again',
      unsealEnds: async () => {},
      stopUpgrade: async () => {},
      dropUpgrade: async () => {},
    })
  }

  beforeEach(async () => {
    onChain = onChainSector()
    records = await Records.open(await database.fresh())
    build()
  })
  afterEach(() => records.db.destroy())

  const refusal = (work: Promise<unknown>): Promise<string> =>
    work.then(
      () => 'nothing was refused',
      (error: Error) => error.message,
    )

  it('gives a sector out once, and takes it as rebuilt when its files were brought', async () => {
    await records.finished(3)
    expect(await queue.allocate(ANY_SECTOR)).to.equal(null)
    expect(await queue.set(id(3), NO_OPTIONS)).to.equal(true)
    expect((await records.book.online(id(3))).NeedRebuild).to.equal(true)
    expect(await refusal(queue.set(id(3), NO_OPTIONS))).to.include('queued for a rebuild already')
    expect(await queue.allocate({ ...ANY_SECTOR, AllowedMiners: [2000] })).to.equal(null)
    expect(await queue.allocate({ ...ANY_SECTOR, AllowedProofTypes: [8] })).to.equal(null)
    expect(await queue.allocate({ AllowedMiners: [1000], AllowedProofTypes: [5] })).to.deep.equal({
      Sector: { ID: id(3), ProofType: 5 },
      Ticket: { Ticket: TICKET, Epoch: PRE.Ticket.Epoch },
      Pieces: null,
      PiecesV2: null,
      IsSnapUp: false,
      UpgradePublic: null,
    })
    expect(await queue.allocate(ANY_SECTOR)).to.equal(null)
    await queue.persisted(id(3))
    await life.reportFinalized(id(3))
    const { record, store } = (await records.book.find(id(3)))!
    expect({ store, rebuild: record.NeedRebuild, aborted: record.AbortReason }).to.deep.equal({
      store: 'offline',
      rebuild: false,
      aborted: '',
    })
    expect(await queue.allocate(ANY_SECTOR)).to.equal(null)
  })

  it('keeps a sector whose worker gave up, for another one after a while, and leaves it to a person in the end', async () => {
    await records.finished(3)
    await queue.set(id(3), NO_OPTIONS)
    for (let attempt = 1; attempt < REBUILD_ATTEMPTS.most; attempt++) {
      expect((await queue.allocate(ANY_SECTOR))?.Sector.ID, `attempt ${attempt}`).to.deep.equal(id(3))
      // damocles-worker aborts, ours says that it is done without having brought files.
      await (attempt % 2 ? life.reportFinalized(id(3)) : life.reportAborted(id(3), 'no pieces'))
      expect((await records.book.online(id(3))).NeedRebuild).to.equal(true)
      expect(await queue.allocate(ANY_SECTOR), 'at once').to.equal(null)
      records.clock.advance(REBUILD_ATTEMPTS.pauseMs * 2 ** (attempt - 1))
    }
    expect(await queue.allocate(ANY_SECTOR)).to.not.equal(null)
    await life.reportAborted(id(3), 'no pieces')
    const { record, store } = (await records.book.find(id(3)))!
    expect(store).to.equal('offline')
    expect(record).to.deep.include({ NeedRebuild: false, AbortReason: '' })
    expect(await records.events(3)).to.include('rebuild given up')
    expect(await queue.set(id(3), NO_OPTIONS), 'set again').to.equal(true)
    expect(await queue.allocate(ANY_SECTOR)).to.not.equal(null)
  })

  for (const hours of [2, -2])
    it(`fault 46: the clock is set by ${hours} hours: work is not taken from a worker that lives, and is from one that does not`, async () => {
      await records.finished(3)
      await queue.set(id(3), NO_OPTIONS)
      await queue.allocate(ANY_SECTOR)
      await life.report(id(3), stepReport('w1'))
      records.ping('w1')
      records.clock.setBy = hours * 3_600_000
      expect(await queue.allocate(ANY_SECTOR), 'at once').to.equal(null)
      records.clock.advance(LEASE_MS.silent - 1)
      expect(await queue.allocate(ANY_SECTOR)).to.equal(null)
      records.clock.advance(1)
      expect(await queue.allocate(ANY_SECTOR), 'silent for an hour after that').to.not.equal(null)
    })

  for (const hours of [2, -2])
    it(`fault 46: the clock is set by ${hours} hours: a sector that was given up rests as long as it would have`, async () => {
      await records.finished(3)
      await queue.set(id(3), NO_OPTIONS)
      await queue.allocate(ANY_SECTOR)
      await life.reportAborted(id(3), 'no pieces')
      records.clock.setBy = hours * 3_600_000
      records.clock.advance(REBUILD_ATTEMPTS.pauseMs - 1)
      expect(await queue.allocate(ANY_SECTOR)).to.equal(null)
      records.clock.advance(1)
      expect(await queue.allocate(ANY_SECTOR)).to.not.equal(null)
    })

  it('fault 46: one that rests until a moment that is too far away was dated by a clock that has been set since', async () => {
    await records.finished(3)
    await queue.set(id(3), NO_OPTIONS)
    await records.db('rebuild_queue').update({ not_before: records.clock.now() + 5 * 3_600_000 })
    expect(await queue.allocate(ANY_SECTOR)).to.not.equal(null)
  })

  it('gives a sector out again when the answer was lost or its worker died, not while its worker pings', async () => {
    await records.finished(3)
    await queue.set(id(3), NO_OPTIONS)
    await queue.allocate(ANY_SECTOR)
    records.clock.advance(LEASE_MS.unreported)
    expect(await queue.allocate(ANY_SECTOR), 'never reported').to.not.equal(null)
    await life.report(id(3), stepReport('w1'))
    for (let hours = 0; hours < 6; hours++) {
      await records.ping('w1')
      records.clock.advance(LEASE_MS.silent - 1_000)
      expect(await queue.allocate(ANY_SECTOR), 'its worker lives').to.equal(null)
    }
    // A manager that was away does not know who lives.
    records.clock.advance(10 * LEASE_MS.silent)
    build()
    expect(await queue.allocate(ANY_SECTOR), 'just started').to.equal(null)
    records.clock.advance(LEASE_MS.silent)
    expect(await queue.allocate(ANY_SECTOR), 'nothing heard').to.not.equal(null)
    expect(await records.events(3)).to.include('rebuild waits again')
  })

  it('takes the files that a worker brought before it died', async () => {
    await records.finished(3)
    await queue.set(id(3), NO_OPTIONS)
    await queue.allocate(ANY_SECTOR)
    await life.report(id(3), stepReport('w1'))
    await queue.persisted(id(3))
    records.clock.advance(LEASE_MS.withoutPings)
    expect(await queue.allocate(ANY_SECTOR)).to.equal(null)
    expect((await records.book.find(id(3)))!.store).to.equal('offline')
  })

  it('an operator takes a waiting sector back by aborting it', async () => {
    await records.finished(3)
    await queue.set(id(3), NO_OPTIONS)
    await life.reportAborted(id(3), 'aborted via CLI')
    expect((await records.book.find(id(3)))!.store).to.equal('offline')
    expect(await queue.allocate(ANY_SECTOR)).to.equal(null)
  })

  it('takes only what can become the replica that the chain has', async () => {
    await records.finished(3)
    onChain = null
    expect(await refusal(queue.set(id(3), NO_OPTIONS))).to.include('no available sector info')
    onChain = onChainSector({ SealedCID: OTHER_R })
    expect(await refusal(queue.set(id(3), NO_OPTIONS))).to.include(`the chain ${OTHER_R}`)
    onChain = onChainSector({ SealProof: 8 })
    expect(await refusal(queue.set(id(3), NO_OPTIONS))).to.include('proof type 5, the chain 8')
    onChain = onChainSector()
    await records.finished(4, { Pre: { ...PRE, CommD: OTHER_D } })
    expect(await refusal(queue.set(id(4), NO_OPTIONS))).to.include('unsealed CID')
    await records.finished(5)
    await records.book.restore(id(5), { actor: 'test', event: 'test' }, record => {
      record.Ticket = undefined
    })
    await records.book.finalize(id(5), { actor: 'test', event: 'test' })
    expect(await refusal(queue.set(id(5), NO_OPTIONS))).to.include('ticket')
    expect(await refusal(queue.set({ Miner: 2000, Number: 1 }, NO_OPTIONS))).to.include('2000 not found')
    for (const number of [3, 4, 5]) expect((await records.book.find(id(number)))!.store).to.equal('offline')
  })

  it('an upgraded sector is given out with the key that the chain names', async () => {
    const key = PRE.CommR
    onChain = onChainSector({ SealedCID: OTHER_R, SectorKeyCID: key })
    const upgradedInfo = { AccessInstance: 'p', SealedCID: OTHER_R, UnsealedCID: PRE.CommD, Proof: new Uint8Array(1) }
    await records.finished(3, { Upgraded: true, UpgradePublic: null, UpgradedInfo: upgradedInfo })
    await queue.set(id(3), NO_OPTIONS)
    const info = (await queue.allocate(ANY_SECTOR))!
    expect(info.IsSnapUp).to.equal(true)
    expect(info.UpgradePublic!.SealedCID.toString()).to.equal(key.toString())
    await records.finished(4, { Upgraded: true, UpgradedInfo: { ...upgradedInfo, SealedCID: PRE.CommR } })
    expect(await refusal(queue.set(id(4), NO_OPTIONS))).to.include('after the upgrade')
  })

  it('imported deals need the word that their pieces are there', async () => {
    const Deals = [
      { ID: 7, PayloadSize: 1, Piece: { Size: 2048, Offset: 0, Cid: OTHER_D }, Proposal: null, IsCompatible: true },
    ]
    await records.finished(3, { Imported: true, Deals, Pre: { ...PRE, CommD: OTHER_D } })
    expect(await refusal(queue.set(id(3), NO_OPTIONS))).to.include('--pieces-available')
    await queue.set(id(3), { PiecesAvailable: true })
    expect((await queue.allocate(ANY_SECTOR))!.Pieces).to.have.length(1)
  })

  it('does not seal the pieces of an upgrade that was given up', async () => {
    const Pieces = [{ Piece: { Size: 2048, PieceCID: OTHER_D }, DealInfo: null }]
    await records.finished(3, { Pieces })
    await queue.set(id(3), NO_OPTIONS)
    expect((await queue.allocate(ANY_SECTOR))!.PiecesV2).to.equal(null)
  })
})
