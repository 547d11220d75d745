import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { FORGOTTEN_NUMBERS } from '../../../daemon/manager/allocation/number-choice.js'
import { ON_CHAIN_STATE } from '../../../rpc-schema/manager/commitment.js'
import { onEachDatabase } from '../../harness/on-each-database.js'
import { ManagerBench, MINER } from './manager-bench.js'

const ANY = { AllowedMiners: [], AllowedProofTypes: [] }

onEachDatabase('manager: sector numbers', database => {
  it('50 at once are 50 numbers, and go on after a restart', async () => {
    const bench = await new ManagerBench({ database: await database.fresh() }).start()
    try {
      const many = await Promise.all(Array.from({ length: 50 }, () => bench.api.AllocateSector(ANY)))
      const numbers = many.map(sector => sector!.ID.Number).sort((a, b) => a - b)
      expect(numbers).to.deep.equal(Array.from({ length: 50 }, (_, index) => index + 1))
      await bench.manager.stop()
      await bench.startManager()
      expect((await bench.api.AllocateSector(ANY))!.ID.Number).to.equal(51)
    } finally {
      await bench.stop()
    }
  })

  it('begin above MinNumber, end with MaxNumber, and fit the worker', async () => {
    const bench = new ManagerBench({ database: await database.fresh(), sectorConfig: 'MinNumber = 10\nMaxNumber = 12' })
    await bench.start()
    try {
      expect(await bench.api.AllocateSector({ AllowedMiners: [77], AllowedProofTypes: [] })).to.equal(null)
      expect(await bench.api.AllocateSector({ AllowedMiners: [], AllowedProofTypes: [8, 99] })).to.equal(null)
      const fit = { AllowedMiners: [MINER], AllowedProofTypes: [8, 5] }
      expect((await bench.api.AllocateSector(fit))!.ID.Number).to.equal(11)
      expect((await bench.api.AllocateSector(ANY))!.ID.Number).to.equal(12)
      expect(await bench.api.AllocateSector(ANY)).to.equal(null)
    } finally {
      await bench.stop()
    }
  }).timeout(60_000)
})

describe('manager: sector numbers', () => {
  it('a database that has forgotten them gives neither what the chain knows nor what may be sealed since', async () => {
    const bench = await new ManagerBench().start()
    try {
      const { sector, sid, pre } = await bench.sealed()
      await bench.api.SubmitPreCommit(sector, pre, false)
      await bench.preCommitState(sid, ON_CHAIN_STATE.landed)
      await bench.manager.stop()
      for (const suffix of ['', '-wal', '-shm'])
        rmSync(join(bench.dir, 'manager', `manager.db${suffix}`), { force: true })
      await bench.startManager()
      const again = await bench.api.AllocateSector(ANY)
      expect(again!.ID.Number).to.equal(sid.Number + FORGOTTEN_NUMBERS + 1)
    } finally {
      await bench.stop()
    }
  }).timeout(60_000)
})
