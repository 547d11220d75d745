import { expect } from 'chai'
import { ProofsError } from '../../../plugins/prover/errors.js'
import { createProverPool, type ProverPool } from '../../../plugins/prover/pool.js'
import { hex, SectorOnDisk, ZERO_COMM_D } from './sealed-sector.js'

describe('prover: the pool', () => {
  let pool: ProverPool
  afterEach(() => pool.close())

  it('seals in four threads at once', async () => {
    pool = createProverPool({ threads: 4 })
    const sectors = [1, 2, 3, 4, 5, 6, 7, 8].map(id => new SectorOnDisk(id))
    try {
      const commitments = await Promise.all(
        sectors.map(async sector => {
          const { stagedPath, sealProof } = sector
          const { piece } = await pool.call('addPiece', { sealProof, size: 2032, stagedPath, existingPieceSizes: [] })
          const pieces = [piece]
          const phase1Output = await pool.call('pc1', { ...sector.identity, ...sector.files, stagedPath, pieces })
          return pool.call('pc2', { ...sector.files, phase1Output })
        }),
      )
      expect(new Set(commitments.map(({ commR }) => hex(commR))).size).equal(8)
      expect(commitments.every(({ commD }) => hex(commD) === ZERO_COMM_D)).equal(true)
    } finally {
      for (const sector of sectors) sector.remove()
    }
  })

  it('keeps the class of an error, its causes and sectors across threads', async () => {
    pool = createProverPool({ threads: 1 })
    const sector = new SectorOnDisk(9)
    const { sealProof, stagedPath, cacheDir } = sector
    const missing = await pool.call('treeD', { sealProof, stagedPath, cacheDir }).catch(error => error)
    expect(missing).instanceOf(ProofsError).include({ code: 'IO' })
    expect(missing.causes).length(1)
    const panic = await pool.call('panicForTest', { message: 'boom', inThreadPool: true }).catch(error => error)
    expect(panic).instanceOf(ProofsError).include({ code: 'PANIC' })
    expect((await pool.call('version', {})).parametersVersion).equal(28)
    sector.remove()
  })

  it('lets a caller give up its wait, and refuses those that wait when it closes', async () => {
    pool = createProverPool({ threads: 1 })
    const slow = pool.call('circuitSize', { sectorSize: 2048, set: 'winning' })
    const giving = new AbortController()
    const given = pool.call('version', {}, { signal: giving.signal }).catch(error => error)
    const waiting = pool.call('version', {}).catch(error => error)
    expect(pool.queued).equal(2)
    giving.abort()
    expect(await given).include({ code: 'CANCELLED' })
    expect(pool.queued).equal(1)
    await pool.close()
    expect(await waiting).include({ code: 'CANCELLED' })
    expect((await slow).inputs).greaterThan(0)
  })
})
