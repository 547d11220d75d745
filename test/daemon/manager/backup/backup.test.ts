import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { systemClock } from '../../../../daemon/kit/clock.js'
import { makeBackup } from '../../../../daemon/manager/backup/backup.js'
import { restoreBackup, restoreDrill } from '../../../../daemon/manager/backup/restore.js'
import { acknowledge, readMark } from '../../../../daemon/manager/backup/restored-mark.js'
import { managerHome } from '../../../../daemon/manager/config/home.js'
import { onEachDatabase } from '../../../harness/on-each-database.js'
import { ManagerBench, MINER } from '../manager-bench.js'

const messageOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'done',
    (error: Error) => error.message,
  )

onEachDatabase('manager: backup and restore', database => {
  let bench: ManagerBench
  const at = (name: string) => join(bench.dir, name)
  const home = () => managerHome({ home: at('manager') }, {})
  const backup = (name: string, asRows = false) =>
    makeBackup({ home: home(), dir: at(name), version: 'v1', clock: systemClock, asRows })
  const restore = (name: string, replace: boolean) =>
    restoreBackup({ dir: at(name), home: home(), clock: systemClock, replace })
  const allocate = async () => (await bench.api.AllocateSector({ AllowedMiners: [], AllowedProofTypes: [] }))!.ID.Number

  before(async function () {
    this.timeout(60_000)
    bench = await new ManagerBench({ database: await database.fresh() }).start()
  })
  after(() => bench?.stop())

  it('copies a running manager; a drill finds everything, and compares with the chain', async function () {
    this.timeout(60_000)
    const { sector, pre } = await bench.sealed()
    await bench.api.SubmitPreCommit(sector, pre, false)
    const writing = Promise.all(Array.from({ length: 20 }, allocate))
    const manifest = await backup('copy')
    await writing
    expect(manifest.rows.sectors).to.be.greaterThan(0)
    expect(manifest.files.map(({ name }) => name)).to.include.members(['sector-manager.cfg', 'token-secret'])
    expect(statSync(at('copy')).mode & 0o077).to.equal(0)
    const report = await restoreDrill(at('copy'))
    expect(report.problems).to.deep.equal([])
    expect(report.rows).to.deep.equal(manifest.rows)
    expect(report.behind).to.deep.equal([])
    expect(report.chain).to.match(/^(ws|http)/)
    expect(await messageOf(backup('copy'))).to.match(/is not empty/)
    expect(readdirSync(bench.dir).filter(name => name.includes('.part'))).to.deep.equal([])
  })

  it('a copy with a changed, cut or missing file is refused', async () => {
    const file = at(join('copy', 'sector-manager.cfg'))
    const text = readFileSync(file)
    writeFileSync(file, `${text} `)
    expect(await messageOf(restoreDrill(at('copy')))).to.match(/sector-manager\.cfg is not what was written/)
    writeFileSync(file, text)
    mkdirSync(at('empty'))
    expect(await messageOf(restoreDrill(at('empty')))).to.match(/is no whole backup/)
  })

  it('restores: nothing is lost, numbers go on above what may have been given since', async function () {
    this.timeout(60_000)
    const numbers = [await allocate(), await allocate()]
    const manifest = await backup('second', true)
    const lost = await allocate()
    expect(await messageOf(restore('second', true))).to.match(/another manager runs/)
    await bench.manager.stop()
    expect(await messageOf(restore('second', false))).to.match(/--replace/)
    const { movedTo } = await restore('second', true)
    if (database.name === 'SQLite') expect(existsSync(join(movedTo!, 'manager.db'))).to.equal(true)
    await bench.startManager()
    expect(await readMark(home().dir)).to.equal(undefined)
    const records = (await bench.api.ListSectors('online', 0))!.map(({ ID }) => ID.Number)
    expect(records).to.have.length(manifest.rows.sectors!)
    expect(records).to.include.members(numbers)
    expect(await allocate()).to.be.greaterThan(lost)
  })

  it('a database behind the chain is refused until that is acknowledged', async function () {
    this.timeout(60_000)
    await backup('old')
    const { sector, sid, pre } = await bench.sealed()
    await bench.api.SubmitPreCommit(sector, pre, false)
    await bench.preCommitState(sid, 3)
    const report = await restoreDrill(at('old'))
    expect(report.problems).to.deep.equal([])
    expect(report.behind!.map(({ miner, missing }) => [miner, missing.toArray()])).to.deep.equal([
      [MINER, [sid.Number]],
    ])
    await bench.manager.stop()
    await restore('old', true)
    const refusal = await messageOf(bench.startManager())
    expect(refusal).to.match(/lies behind the chain: f01000: 1 number above \d+ \(\d+\).*--acknowledge/)
    expect(refusal).to.include(String(sid.Number))
    expect(await acknowledge(home().dir)).to.equal(true)
    await bench.startManager()
    expect(await acknowledge(home().dir)).to.equal(false)
    expect(await allocate()).to.be.greaterThan(sid.Number)
  })
})
