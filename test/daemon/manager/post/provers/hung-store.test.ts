import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { systemClock } from '../../../../../daemon/kit/clock.js'
import { silentLog } from '../../../../../daemon/kit/log.js'
import { LocalProver } from '../../../../../daemon/manager/post/provers/local/local-prover.js'
import type { ProofComputer } from '../../../../../daemon/manager/post/provers/local/proof-process.js'
import { NativeSectorProver } from '../../../../../daemon/manager/storage/sector-proofs.js'
import { prover as native } from '../../../../../plugins/prover/prover.js'
import { SectorOnDisk } from '../../../../plugins/prover/sealed-sector.js'

/** Reading may take 40 % of it. */
const WINDOW_MS = 20_000
const SECTOR_MS = 2_000

/** Real files and real processes that read them; a named pipe in the place of a file stands in for a mount that hangs: its `stat` answers, its `read` never does. */
describe('a store that hangs while a window is proven', function () {
  this.timeout(120_000)
  let dir: string
  let prover: LocalProver
  const sectors = new Map<number, SectorOnDisk>()
  /** Sectors that were put into a proof. */
  let proven: Uint8Array[]

  const store = (name: string) => ({ name, root: join(dir, name) })
  const STORES = new Map([
    [1, 'good'],
    [2, 'hung'],
    [3, 'good'],
  ])

  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'hung-store-'))
    for (const [number, name] of STORES) {
      const sector = new SectorOnDisk(number).preCommit()
      sectors.set(number, sector)
      for (const [kind, path] of [
        ['sealed', sector.sealedPath],
        ['cache', sector.cacheDir],
      ] as const) {
        mkdirSync(join(store(name).root, kind), { recursive: true })
        symlinkSync(path, join(store(name).root, kind, String(number)))
      }
    }
  })
  after(() => {
    for (const sector of sectors.values()) sector.remove()
    rmSync(dir, { recursive: true, force: true })
  })

  const pAuxOf = (number: number) => join(sectors.get(number)!.cacheDir, 'p_aux')
  const hangs = (number: number): void => {
    renameSync(pAuxOf(number), `${pAuxOf(number)}.kept`)
    execFileSync('mkfifo', [pAuxOf(number)])
  }
  const isWell = (number: number): void => renameSync(`${pAuxOf(number)}.kept`, pAuxOf(number))

  beforeEach(() => {
    proven = []
    const compute = async (method: string, request: { vanillaProofs?: Uint8Array[]; sectorIds?: number[] }) => {
      if (method === 'fallbackChallenges') return native.fallbackChallenges(request as never)
      proven.push(...request.vanillaProofs!)
      return { proof: Uint8Array.of(1) }
    }
    prover = new LocalProver({
      places: {
        find: async ({ Number: number }) => {
          const place = store(STORES.get(number)!)
          return {
            sealedStore: place,
            cacheStore: place,
            sealed: `sealed/${number}`,
            cache: `cache/${number}`,
          } as never
        },
      },
      reads: new NativeSectorProver(silentLog),
      computer: { compute: compute as unknown as ProofComputer['compute'], close: () => {} },
      limits: { SingleCheckTimeout: SECTOR_MS, PartitionCheckTimeout: 1_200_000 },
      clock: systemClock,
      log: silentLog,
    })
  })
  afterEach(() => prover.close())

  const prove = (numbers: readonly number[], windowMs = WINDOW_MS) =>
    prover.prove(
      {
        miner: 1000,
        postProof: 10,
        deadline: 0,
        partitions: [0],
        replicas: numbers.map(number => ({ number, commR: sectors.get(number)!.commR, upgraded: false })),
        randomness: new Uint8Array(32).fill(5),
        closesAt: Date.now() + windowMs,
      },
      new AbortController().signal,
    )

  it('S003-81: costs its own sectors, by their numbers, in the time that there is for reading; the others are proven', async () => {
    hangs(2)
    try {
      const startedAt = Date.now()
      expect(await prove([1, 2, 3])).to.deep.equal({ proofs: [], faults: [2] })
      expect(Date.now() - startedAt, 'it was read more than once').to.be.greaterThan(2 * SECTOR_MS)
      expect(Date.now() - startedAt, 'and given up in time for the others').to.be.lessThan(WINDOW_MS / 2)
      const { proofs, faults } = await prove([1, 3])
      expect([proofs.length, faults, proven.length]).to.deep.equal([1, [], 2])
    } finally {
      isWell(2)
    }
  })

  it('is read again when it answers in time, and costs nothing', async () => {
    hangs(2)
    const result = prove([1, 2])
    // The first look is in the middle of its hang.
    await systemClock.sleep(SECTOR_MS / 2)
    isWell(2)
    expect((await result).faults).to.deep.equal([])
    expect(proven).to.have.length(2)
  })
})
