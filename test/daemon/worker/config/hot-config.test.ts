import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { HotConfig } from '../../../../daemon/worker/config/hot-config.js'
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

  it('S004-49, S004-50: is made, changed and removed between two tasks', async () => {
    await bench.start()
    await sealed(1)
    await writeFile(hotFile(), 'sealing.max_deals = 3\nlocation = "/elsewhere"\n')
    await sealed(2)
    await writeFile(hotFile(), 'sealing.max_deals = 14\n')
    await sealed(3)
    await rm(hotFile())
    await sealed(4)
    const seen = limits()
    expect(seen[0]).to.equal(null)
    expect(seen).to.include(3)
    expect(seen).to.include(14)
    expect(seen.indexOf(3)).to.be.lessThan(seen.indexOf(14))
    await bench.until(() => limits().at(-1) === null)
  })

  it('S004-52: is laid over the main file, not over what it said before', async () => {
    await bench.start()
    await sealed(1)
    await writeFile(hotFile(), 'sealing.max_deals = 3\n')
    await bench.until(() => limits().at(-1) === 3)
    await writeFile(hotFile(), 'sealing.min_deal_space = "8GiB"\n')
    await bench.until(() => bench.manager.called('AcquireDeals').at(-1)!.params[1].MinUsedSpace === 8 * 1024 ** 3)
    expect(limits().at(-1)).to.equal(null)
  })

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
