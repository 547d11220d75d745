import { expect } from 'chai'
import type { StageGrant, StageWorkerReport } from '../../../../rpc-schema/manager/stages.js'
import { onEachDatabase } from '../../../harness/on-each-database.js'
import { DeskUnderTest } from './desk-under-test.js'

const GIB = 1024 ** 3
const HOUR = 3_600_000

onEachDatabase('manager: stage tasks of several managers on one database', database => {
  let of: DeskUnderTest
  beforeEach(async function () {
    this.timeout(60_000)
    of = await DeskUnderTest.open(await database.fresh())
  })
  afterEach(() => of.db.destroy())

  /** Workers of one machine on one path. */
  const report = (name: string, more: Partial<StageWorkerReport>) =>
    of.report(name, {
      Machine: 'machine',
      Paths: [{ ID: 'path', Location: '', CanSeal: true, CanStore: true, FreeBytes: 10_000 * GIB }],
      ...more,
    })

  /** So many sectors before PC1 on the path. */
  async function beforePc1(count: number): Promise<void> {
    of.newSector = async () => ({ ID: { Miner: 1000, Number: ++number }, ProofType: 8 })
    let number = 0
    await report('filler', { Kinds: ['AP'], MemoryBytes: 1024 * GIB, Machine: 'another' })
    for (let at = 0; at < count; at++) {
      of.sectorsToBegin = 1
      await of.next((await of.claim('filler'))!, 'TreeDBuilt')
    }
    await report('filler', { Kinds: [] })
  }

  it('the memory of a machine is not promised twice, although each has looked before the other gave', async () => {
    await beforePc1(2)
    await report('A', { Kinds: ['PC1'], MemoryBytes: (56 + 64) * GIB })
    await of.next((await of.claim('A'))!, 'PC1Done')
    await report('B', { Kinds: ['PC2'], MemoryBytes: (56 + 64) * GIB })
    const other = of.manager()
    // Both know how everything stands.
    expect(await of.claim('nobody')).to.equal(null)
    expect(await other.claim('nobody', 'first')).to.equal(null)
    expect((await of.claim('A'))?.Kind).to.equal('PC1')
    expect(await other.claim('B', 'first')).to.equal(null)
  })

  it('nor is the room of a path that workers share', async () => {
    const Paths = [{ ID: 'path', Location: '', CanSeal: true, CanStore: true, FreeBytes: 1_200 * GIB }]
    const sizes = { A: 32, B: 64 } as const
    for (const [name, size] of Object.entries(sizes)) {
      of.newSector = async () => ({ ID: { Miner: 1000, Number: size }, ProofType: size === 32 ? 8 : 9 })
      of.sectorsToBegin = 1
      await report(name, { Kinds: ['AP'], SectorSizes: [size * GIB], Paths })
      await of.desk.release((await of.claim(name))!.Claim)
      // Files that an attempt has left count: here there are none.
      await of.db('stage_sectors').update({ place: '' })
    }
    const other = of.manager()
    expect(await of.claim('nobody')).to.equal(null)
    expect(await other.claim('nobody', 'first')).to.equal(null)
    expect((await of.claim('A'))?.Kind).to.equal('AP')
    expect(await other.claim('B', 'first')).to.equal(null)
    expect((await of.view.tasks()).map(({ State }) => State)).to.have.members(['running', 'ready'])
  })

  it('no sector is begun for room that another manager has just promised', async () => {
    const Paths = [{ ID: 'path', Location: '', CanSeal: true, CanStore: true, FreeBytes: 600 * GIB }]
    of.newSector = async () => ({ ID: { Miner: 1000, Number: of.sectorsToBegin }, ProofType: 8 })
    const ap = { Kinds: ['AP' as const], Paths, SectorSizes: [32 * GIB] }
    await report('A', ap)
    await report('B', ap)
    const other = of.manager()
    expect(await other.claim('nobody', 'first')).to.equal(null)
    of.sectorsToBegin = 2
    expect((await of.claim('A'))?.Kind).to.equal('AP')
    expect(await other.claim('B', 'first')).to.equal(null)
    expect(of.sectorsToBegin, 'not begun').to.equal(1)
  })

  it('claims that come at once through two managers get what there is room for, each task once', async () => {
    await beforePc1(8)
    const names = ['A', 'B', 'C', 'D', 'E', 'F']
    for (const name of names) await report(name, { Kinds: ['PC1'], MemoryBytes: (56 + 3 * 64) * GIB })
    const desks = [of.desk, of.manager()]
    const claims = names.flatMap(name => desks.map(desk => desk.claim(name, 'first')))
    const grants = (await Promise.all(claims)).filter((grant): grant is StageGrant => grant !== null)
    expect(new Set(grants.map(({ Claim }) => Claim.Task)).size).to.equal(3)
    expect(grants).to.have.length(3)
  })

  it('one whose clock is ahead takes nothing back that is renewed at another', async () => {
    await beforePc1(1)
    await report('A', { Kinds: ['PC1'], MemoryBytes: 1024 * GIB })
    const grant = (await of.claim('A'))!
    const ahead = of.manager(HOUR)
    for (let at = 0; at < 20; at++) {
      await ahead.sweep()
      of.at += 5_000
      await report('A', { Kinds: ['PC1'], Claims: [grant.Claim] })
    }
    expect(await of.desk.save(grant.Claim, 'going on')).to.equal(true)
    await of.pass(66_000, ahead)
    expect(await of.desk.save(grant.Claim, 'too late')).to.equal(false)
  })
})
