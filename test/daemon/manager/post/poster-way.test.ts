import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { METHODS } from '../../../../rpc-schema/actors/actor-methods.js'
import { sealyardService } from '../../../../rpc-schema/manager/sealyard.js'
import { rpcClient } from '../../../../rpc-schema/rpc/client.js'
import { connectRpc } from '../../../../rpc-schema/rpc/connection.js'
import { Address } from '../../../../rpc-schema/wire/address.js'
import { sectorName } from '../../../../rpc-schema/wire/sector-id.js'
import { eventually } from '../../../harness/eventually.js'
import { onEachDatabase } from '../../../harness/on-each-database.js'
import { runManagerCli } from '../../../harness/run-manager-cli.js'
import { finishedSector } from '../finished-sector.js'
import { ManagerBench, MINER } from '../manager-bench.js'
import { believingVerifier, PretendedWindowProver } from './pretended-window-prover.js'
import { QUICK_MINER } from './quick-miner.js'

const miner = Address.fromId(MINER)
const LIMIT_MS = 30_000

onEachDatabase('the poster on a chain', database => {
  let bench: ManagerBench
  const prover = new PretendedWindowProver()

  before(async function () {
    this.timeout(60_000)
    bench = await new ManagerBench({
      database: await database.fresh(),
      devnet: { challengeWindow: 40, deadlines: 4, startEpoch: 5_000, epochMs: 40 },
      poster: {
        prover,
        verifier: believingVerifier,
        trialReads: {
          read: async ({ replicas }) => ({
            readings: replicas.map(({ number }) => ({ sector: number, store: 'persist', tookMs: 20 })),
            failures: new Map(),
          }),
        },
      },
      minerConfig: QUICK_MINER,
    }).start()
  })
  after(() => bench?.stop())

  const counts = () => bench.chain.StateMinerSectorCount(miner, [])

  it('S003-78: proves new sectors in their windows, once each', async function () {
    this.timeout(60_000)
    await Promise.all([finishedSector(bench), finishedSector(bench), finishedSector(bench)])
    await eventually('three active sectors', LIMIT_MS, async () => ((await counts()).Active === 3 ? true : undefined))
    const messages = await bench.admin.Messages({ Miner: MINER, Method: METHODS.miner.SubmitWindowedPoSt })
    expect(messages.every(({ Receipt }) => Receipt?.ExitCode === 0)).to.equal(true)
    expect(prover.requests.every(({ replicas }) => replicas.length > 0)).to.equal(true)
  })

  it('tells what happened in each window', async function () {
    this.timeout(60_000)
    const connection = connectRpc(`http://${bench.manager.address}`, { path: '/rpc/v0' })
    const api = rpcClient(sealyardService, connection)
    const window = await eventually('a window that is judged', LIMIT_MS, async () =>
      (await api.PostTimeline(MINER, 100)).find(({ Outcome }) => Outcome === 'proven'),
    )
    const names = window.Steps.map(({ Step }) => Step)
    expect(names).to.include.members(['head', 'begun', 'checked', 'proven', 'verified', 'sent', 'landed'])
    await connection.close()
  })

  it('a deadline is rehearsed by itself, and by hand', async function () {
    this.timeout(60_000)
    const util = ['util', '--listen', bench.manager.address, 'post']
    const byHand = await runManagerCli(...util, 'rehearse', '--miner', 'f01000', '--all', '--json')
    expect([byHand.code, byHand.stderr]).to.deep.equal([0, ''])
    expect(JSON.parse(byHand.stdout)[0]).to.include({ Miner: MINER, ByHand: true, UnreadCount: 0 })
    const listed = await eventually('a rehearsal of its own', LIMIT_MS, async () => {
      const { stdout } = await runManagerCli(...util, 'rehearsals', '--json')
      return (JSON.parse(stdout) as { ByHand: boolean; Verdict: string }[]).find(
        ({ ByHand, Verdict }) => !ByHand && Verdict !== 'running',
      )
    })
    expect(listed.Verdict).to.be.oneOf(['good', 'nothing'])
    const metrics = await (await fetch(`http://${bench.manager.address}/metrics`)).text()
    expect(metrics).to.match(/^damocles_manager_post_forecast_ratio\{miner="1000"\} [\d.e-]+$/m)
  })

  it('a sector that is not there is left out; when it is there again, its recovery is declared', async function () {
    this.timeout(120_000)
    const [lost] = (await bench.api.ListSectors('offline', 0))!.map(({ ID }) => ID)
    const file = join(bench.storeDir, 'sealed', sectorName(lost!))
    rmSync(file)
    await eventually('a faulty sector', LIMIT_MS, async () => ((await counts()).Faulty === 1 ? true : undefined))
    expect((await counts()).Active).to.equal(2)
    bench.writeFiles(lost!, 5)
    await eventually('no faulty sector', LIMIT_MS, async () => ((await counts()).Faulty === 0 ? true : undefined))
    expect((await counts()).Active).to.equal(3)
    const declared = await bench.admin.Messages({ Miner: MINER, Method: METHODS.miner.DeclareFaultsRecovered })
    expect(declared.length).to.be.greaterThan(0)
    expect(declared.every(({ Receipt }) => Receipt?.ExitCode === 0)).to.equal(true)
  })
})
