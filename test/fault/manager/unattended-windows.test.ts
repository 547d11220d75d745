import { expect } from 'chai'
import { Address } from '../../../rpc-schema/wire/address.js'
import { MINER } from '../../daemon/manager/manager-bench.js'
import { eventually } from '../../harness/eventually.js'
import { runManagerCli } from '../../harness/run-manager-cli.js'
import { pretendedWindowProof, WindowPoster } from '../../harness/window-poster.js'
import { PostingBench } from './posting-bench.js'

const LIMIT_MS = 60_000

describe('fault: windows that no manager was there for', function () {
  this.timeout(300_000)
  const bench = new PostingBench()
  before(() => bench.start())
  after(() => bench.stop())

  const alarms = async (): Promise<string> =>
    (await runManagerCli('util', '--listen', bench.manager.manager.address, 'alarms')).stdout

  /** The record of a window, as soon as there is one that says what became of it. */
  const judged = (window: Awaited<ReturnType<PostingBench['window']>>) =>
    eventually(`what became of window ${window.Open}`, LIMIT_MS, async () => {
      const record = await bench.record(window)
      return record === undefined || record.Outcome === 'running' ? undefined : record
    })

  it('somebody else has proven it meanwhile: it is told so, and nobody is alarmed', async () => {
    const window = await bench.window()
    await bench.manager.manager.stop()
    await bench.moveTo(window.Open + 5)
    const other = new WindowPoster({ node: bench.chain, miner: Address.fromId(MINER), prove: pretendedWindowProof })
    await other.proveOpen()
    await eventually('it has landed', LIMIT_MS, async () => {
      await bench.admin.Advance(1)
      return (await bench.messages(window)).length > 0 || undefined
    })
    await bench.moveTo(window.Close + 10)
    await bench.admin.Advance(1)
    await bench.manager.startManager()
    bench.reconnect()
    const record = await judged(window)
    expect(record).to.include({ Outcome: 'proven', Partitions: 1, Skipped: 0 })
    expect(record.Steps.map(({ Step }) => Step)).to.deep.equal(['afterwards'])
    expect(await alarms()).to.not.contain('missed')
  })

  it('fault 4: the head jumps over a whole window: what became of its sectors is told, with an alarm', async () => {
    const window = await bench.window()
    await bench.admin.HoldHead({ Endpoint: 'main', Behind: 0 })
    await bench.admin.Advance(window.Close + 10 - (await bench.height()))
    await bench.admin.ReleaseHead('main')
    const record = await judged(window)
    expect(record).to.include({ Outcome: 'missed', Partitions: 1, Skipped: 1 })
    expect(record.Steps.map(({ Step, Detail }) => [Step, Detail])).to.deep.equal([
      ['afterwards', 'partitions 0 were not proven; 1 sectors are faulty since'],
    ])
    expect(record.Late).to.deep.equal(['chain: head never came'])
    expect(await alarms()).to.match(/missed.*no manager was there/s)
  })

  it('the manager is down from the challenge to the close: it is told when it is there again, and once', async () => {
    await eventually('the sector is well again', LIMIT_MS, async () => {
      await bench.admin.Advance(1)
      return (await bench.counts()).Faulty === 0 || undefined
    })
    const window = await bench.window()
    await bench.manager.manager.stop()
    await bench.moveTo(window.Close + 10)
    await bench.admin.Advance(1)
    for (let starts = 0; starts < 2; starts++) {
      await bench.manager.startManager()
      bench.reconnect()
      expect(await judged(window)).to.include({ Outcome: 'missed', Skipped: 1 })
      if (starts === 0) await bench.manager.manager.stop()
    }
    expect((await bench.record(window))!.Steps).to.have.length(1)
    const shown = await runManagerCli('util', '--listen', bench.manager.manager.address, 'post', 'timeline')
    expect(shown.stdout).to.match(new RegExp(`${window.Open} .*missed \\(seen afterwards\\)`))
  })
})
