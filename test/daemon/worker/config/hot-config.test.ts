import { spawn } from 'node:child_process'
import { realpath, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { HotConfig } from '../../../../daemon/worker/config/hot-config.js'
import { isSupportedPlan } from '../../../../daemon/worker/plans/registry.js'
import { eventually } from '../../../harness/eventually.js'
import { WorkerBench } from '../support/bench.js'

describe('hot configuration of a thread', () => {
  let bench: WorkerBench

  beforeEach(async () => {
    bench = await WorkerBench.make()
    bench.sealing = 'seal_interval = "10s"'
  })
  afterEach(() => bench.close())

  const hotFile = () => join(bench.store, 'config.toml')
  const sealed = (number: number) =>
    bench.until(() => bench.manager.sectors.has(`s-t010000-${number}`) && bench.manager.sector(number).finalized)
  /** The deal limits with which the thread asked for each sector. */
  const limits = () => bench.manager.called('AcquireDeals').map(call => call.params[1].MaxDeals)

  it('S004-49 S004-50 S004-51: is made, changed and removed between two tasks, and cannot move the thread', async () => {
    await bench.start()
    await sealed(1)
    await writeFile(hotFile(), 'sealing.max_deals = 3\nlocation = "/elsewhere"\n')
    await sealed(2)
    await writeFile(hotFile(), 'sealing.max_deals = 14\n')
    await sealed(3)
    expect(bench.thread.location).to.equal(await realpath(bench.store))
    await rm(hotFile())
    await sealed(4)
    const seen = limits()
    expect(seen[0]).to.equal(null)
    expect(seen).to.include(3)
    expect(seen).to.include(14)
    expect(seen.indexOf(3)).to.be.lessThan(seen.indexOf(14))
    await bench.until(() => limits().at(-1) === null)
  })

  it('S004-49: is laid over the main file, not over what it said before', async () => {
    await bench.start()
    await sealed(1)
    await writeFile(hotFile(), 'sealing.max_deals = 3\n')
    await bench.until(() => limits().at(-1) === 3)
    await writeFile(hotFile(), 'sealing.min_deal_space = "8GiB"\n')
    await bench.until(() => bench.manager.called('AcquireDeals').at(-1)!.params[1].MinUsedSpace === 8 * 1024 ** 3)
    expect(limits().at(-1)).to.equal(null)
  })

  for (const [plan, method] of [
    ['snapup', 'AllocateSanpUpSector'],
    ['rebuild', 'AllocateRebuildSector'],
    ['unseal', 'AllocateUnsealSector'],
  ] as const) {
    if (!isSupportedPlan(plan)) continue
    it(`S004-53: gives the thread the plan ${plan} without a restart, and the old one back`, async () => {
      await bench.start()
      await sealed(1)
      await writeFile(hotFile(), `plan = "${plan}"\n`)
      await bench.until(() => bench.manager.called(method).length > 0)
      expect(bench.threads[0]!.plan).to.equal(plan)
      await rm(hotFile())
      const before = bench.manager.called('AllocateSector').length
      await bench.until(() => bench.manager.called('AllocateSector').length > before)
      expect(bench.threads[0]!.plan).to.equal('sealer')
    })
  }

  it('S004-52: changes of the main file wait for a restart, those of config.toml do not', async () => {
    bench.sealing = 'seal_interval = "100ms"\nrecover_interval = "100ms"\nrequest_task_max_retries = 0'
    bench.manager.script('AllocateSector', ...Array.from({ length: 100_000 }, () => () => null))
    const main = join(bench.dir, 'main.toml')
    await writeFile(main, bench.toml)
    const miners = () => bench.manager.called('AllocateSector').map(call => (call.params[0].AllowedMiners ?? [])[0])
    const script = fileURLToPath(new URL('../../../../bin/damocles-worker.js', import.meta.url))
    const daemon = spawn(process.execPath, [script, 'daemon', '-c', main], { stdio: 'ignore' })
    const ended = new Promise(resolve => daemon.once('close', resolve))
    try {
      await eventually('a request for work', 30_000, () => miners().length > 0 || undefined)
      bench.sealing += '\nallowed_miners = [1]'
      await writeFile(main, bench.toml)
      const before = miners().length
      await eventually('more requests', 30_000, () => miners().length > before + 3 || undefined)
      await writeFile(hotFile(), 'sealing.allowed_miners = [2]\n')
      await eventually('the miner of config.toml', 30_000, () => miners().at(-1) === 2 || undefined)
      expect(miners()).to.not.include(1)
    } finally {
      daemon.kill('SIGKILL')
      await ended
    }
  }).timeout(120_000)

  it('a broken one pauses the thread with file and line, and is read again on resume', async () => {
    await bench.start()
    await sealed(1)
    await writeFile(hotFile(), '\nsealing.max_deals = "three"\n')
    await bench.until(() => bench.threads[0]!.thread_state.state === 'Paused', 'a pause')
    expect(bench.threads[0]!.last_error).to.match(
      /^critical: .*config\.toml:2: sealing\.max_deals: expected number, found "three"$/,
    )
    await writeFile(hotFile(), 'sealing.max_deals = 3\n')
    expect(await bench.thread.resume()).to.equal(true)
    await bench.until(() => limits().at(-1) === 3)
  })

  it('a plan that is not supported is told as such', async () => {
    await bench.start()
    await sealed(1)
    await writeFile(hotFile(), 'plan = "reseal"\n')
    await bench.until(() => bench.threads[0]!.thread_state.state === 'Paused', 'a pause')
    expect(bench.threads[0]!.last_error).to.contain(
      'config.toml:1: plan: expected one of sealer, snapup, rebuild, unseal, wdpost, niporep, found "reseal"',
    )
  })

  it('a broken one at the start keeps the worker from starting', async () => {
    await bench.start()
    await bench.stop()
    await writeFile(hotFile(), 'sealing = 3\n')
    const reason = await bench.start().then(
      () => 'started',
      (error: Error) => error.message,
    )
    expect(reason).to.contain('config.toml:1: sealing: expected object, found 3')
    await rm(hotFile())
    await bench.start()
  })

  it('is only read when it changed', async () => {
    await bench.start()
    const hot = new HotConfig(hotFile())
    expect(await hot.reload()).to.equal(false)
    await writeFile(hotFile(), 'sealing.max_retries = 1\n')
    expect(await hot.reload()).to.equal(true)
    expect(await hot.reload()).to.equal(false)
    expect(hot.settings.sealing?.max_retries).to.equal(1)
    await rm(hotFile())
    expect(await hot.reload()).to.equal(true)
    expect(hot.settings.sealing).to.equal(undefined)
  })
})
