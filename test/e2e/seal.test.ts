import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { ensureParameters } from '../../plugins/prover/parameters.js'
import type { SectorState } from '../../rpc-schema/manager/sector-state.js'
import { Address } from '../../rpc-schema/wire/address.js'
import { sectorName } from '../../rpc-schema/wire/sector-id.js'
import { eventually } from '../harness/eventually.js'
import { TestYard, type TestYardOptions } from '../harness/test-yard.js'
import { unsealed } from '../harness/unsealed.js'

const MINER = 1000
const SEAL_MS = 700_000
const SEALING = `[sealing]
max_retries = 3
seal_interval = "1s"
recover_interval = "500ms"
rpc_polling_interval = "500ms"
`

/** Real processes, real proofs; the chain verifies them with the native verifier. */
describe('e2e: a sector from nothing to the chain', function () {
  this.timeout(SEAL_MS + 60_000)

  before(() => ensureParameters({ sectorSize: 2048 }))

  async function withYard(options: TestYardOptions, run: (yard: TestYard) => Promise<void>): Promise<void> {
    const yard = new TestYard(options)
    try {
      await yard.start()
      await run(yard)
    } finally {
      await yard.stop()
    }
  }

  const finished = (yard: TestYard, count: number): Promise<SectorState[]> =>
    eventually(`${count} finished sectors`, SEAL_MS, async () => {
      const paused = (await yard.workerApi.WorkerList()).find(
        thread => thread.last_error !== null && thread.thread_state.state === 'Paused',
      )
      if (paused) throw new Error(`thread #${paused.index} is paused: ${paused.last_error}`)
      const done = ((await yard.managerApi.ListSectors('offline', 0)) ?? []).filter(
        sector => sector.Finalized && sector.AbortReason === '',
      )
      return done.length >= count ? done : undefined
    })

  async function expectOnChainOnce(yard: TestYard, sector: SectorState): Promise<void> {
    const info = await yard.chain.StateSectorGetInfo(Address.fromId(MINER), sector.ID.Number, [])
    expect(info?.SealedCID.toString()).to.equal(sector.Pre?.CommR.toString())
    const landed = await yard.admin.Messages({ Miner: MINER })
    for (const method of [28, 34]) {
      const count = landed.filter(
        message => message.Method === method && message.Sectors.includes(sector.ID.Number),
      ).length
      expect(count, `method ${method} for ${sectorName(sector.ID)}`).to.equal(1)
    }
  }

  it('in the pools of the worker itself: a sector without data and one with a piece; the piece comes out again', () =>
    withYard(
      {
        workerConfig: dir => `${SEALING}
[[sealing_thread]]
location = "${join(dir, 'worker', 'store-cc')}"
# One sector only: the test counts to two, and one of them has the piece.
sealing.seal_interval = "1h"
[[sealing_thread]]
location = "${join(dir, 'worker', 'store-deals')}"
sealing.enable_deals = true
sealing.disable_cc = true
[processors.limitation.concurrent]
c2 = 1
`,
      },
      async yard => {
        const data = Buffer.from('the piece that goes in is the piece that comes out\n'.repeat(30))
        await yard.admin.ImportDeal({ Miner: MINER, Data: data })
        const sectors = await finished(yard, 2)
        for (const sector of sectors) await expectOnChainOnce(yard, sector)
        const withPiece = sectors.find(sector => (sector.Pieces ?? []).length > 0)
        expect(withPiece, 'a sector with a piece').to.not.equal(undefined)
        const bytes = await unsealed(yard, withPiece!, data.length)
        expect(Buffer.compare(bytes, data)).to.equal(0)
      },
    ))

  it('in child processes: built-in ones, and a foreign program for add_pieces', () =>
    withYard(
      {
        workerConfig: dir => `${SEALING}
[[sealing_thread]]
location = "${join(dir, 'worker', 'store')}"
[processors.ext_locks]
gpu = 1
[[processors.add_pieces]]
bin = ${JSON.stringify(process.execPath)}
args = [${JSON.stringify(new URL('../../../test/fixtures/foreign-add-pieces.mjs', import.meta.url).pathname)}]
${['tree_d', 'pc1', 'pc2', 'transfer'].map(stage => `[[processors.${stage}]]`).join('\n')}
[[processors.c2]]
locks = ["gpu"]
`,
      },
      async yard => {
        const [sector] = await finished(yard, 1)
        await expectOnChainOnce(yard, sector!)
        const log = readFileSync(yard.worker.log, 'utf8')
        const ready = log.split('\n').filter(line => line.includes('"processor ready"'))
        for (const stage of ['add_pieces', 'tree_d', 'pc1', 'pc2', 'c2', 'transfer'])
          expect(
            ready.some(line => line.includes(`"stage":"${stage}"`)),
            stage,
          ).to.equal(true)
      },
    ))
})
