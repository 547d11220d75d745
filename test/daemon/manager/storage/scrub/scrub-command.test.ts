import { rmSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { sectorName } from '../../../../../rpc-schema/wire/sector-id.js'
import { eventually } from '../../../../harness/eventually.js'
import { utilOf } from '../../cli/run-cli.js'
import { finishedSector } from '../../finished-sector.js'
import { ManagerBench } from '../../manager-bench.js'

const LIMIT_MS = 30_000

describe('manager: util storage scrub', function () {
  this.timeout(60_000)
  let bench: ManagerBench
  const scrub = (...args: string[]) => utilOf(bench)('storage', 'scrub', ...args)
  afterEach(() => bench?.stop())

  it('by itself it finds what is wrong, and an operator sees it wherever he looks', async () => {
    bench = await new ManagerBench({ commonConfig: '[Common.Proving]\nScrubPeriod = "1s"\n' }).start()
    const { ID } = await finishedSector(bench)
    // At its first start there was nothing to look at, and it looks seldom then.
    await bench.manager.stop()
    await bench.startManager()
    const report = await eventually('the finding', LIMIT_MS, async () => {
      const { stdout, code } = await scrub()
      return code === 1 ? stdout : undefined
    })
    expect(report).to.match(
      /^Scrub: a round in 1s\nRound: begun 20\S+, \d of \d sectors looked at\nLast: (-|s-t01000-1), 20/,
    )
    expect(report).to.match(/\nDamaged: 1\nsector +since +seen +why\ns-t01000-1 .*has 1 bytes, expected 2048\n/)
    expect(report).to.include('`util sealer sectors rebuild MINER NUMBER` makes the files of a sector anew.')
    expect((await utilOf(bench)('alarms')).stdout).to.match(/ damaged +s-t01000-1 +.*has 1 bytes/)
    const metrics = await (await fetch(`http://${bench.manager.address}/metrics`)).text()
    expect(metrics).to.match(/scrub_sectors\{result="damaged"\} [1-9]/)
    expect(metrics).to.include('damocles_manager_alarms{alarm="damaged"} 1')
    // The rebuild that is proposed: while it goes on the finding stays.
    await bench.api.SectorSetForRebuild(ID, { PiecesAvailable: false })
    expect((await scrub(String(ID.Miner), String(ID.Number))).stdout).to.equal('busy\n')
    expect((await scrub('--again')).stdout).to.match(/^s-t01000-1: busy\nScrub: /)
  })

  it('looks at the sector that is asked for: missing files are damage, a store that is away is not', async () => {
    bench = await new ManagerBench({ commonConfig: '[Common.Proving]\nScrubPeriod = "0s"\n' }).start()
    const { ID } = await finishedSector(bench)
    const one = (...more: string[]) => scrub(String(ID.Miner), String(ID.Number), ...more)
    truncateSync(join(bench.storeDir, 'sealed', sectorName(ID)), 2048)
    const rot = await one()
    expect([rot.code, rot.stdout.startsWith('damaged: ')], rot.stdout).to.deep.equal([1, true])
    rmSync(join(bench.storeDir, 'sealed', sectorName(ID)))
    expect(JSON.parse((await one('--json')).stdout)).to.deep.equal({
      Result: 'damaged',
      Why: 'sealed/s-t01000-1 is not in the store persist',
    })
    expect((await scrub()).stdout).to.include('Scrub: off: Common.Proving.ScrubPeriod is 0s\n')
    rmSync(bench.storeDir, { recursive: true })
    expect((await one()).stdout).to.match(/^unknown: /)
    expect((await scrub(String(ID.Miner))).stderr).to.include('expected a miner and a sector')
    expect((await scrub(String(ID.Miner), '99')).stdout).to.equal('not needed\n')
  })
})
