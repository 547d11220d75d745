import { expect } from 'chai'
import { eventually } from '../../harness/eventually.js'
import { SilentProxy } from '../../harness/silent-proxy.js'
import { PostingBench } from './posting-bench.js'

/** Two heartbeats of a connection are 20 s. */
const LIMIT_MS = 120_000

describe('fault: the connection to the node goes silent while a window is proven', function () {
  this.timeout(3 * LIMIT_MS)
  let proxy: SilentProxy
  let bench: PostingBench

  before(async () => {
    proxy = new SilentProxy(() => bench.manager.devnet.address)
    const address = await proxy.listen()
    bench = new PostingBench({ chainFor: () => `ws://${address}/rpc/v1` })
    await bench.start()
  })
  after(async () => {
    await bench?.stop()
    await proxy?.close()
  })

  const dialledAgain = async (before: number): Promise<void> => {
    await eventually('the node is dialled again', LIMIT_MS, () => proxy.accepted > before || undefined)
  }

  it('fault 8: before the challenge: it is found out, and the window is made', async () => {
    const window = await bench.window()
    const before = proxy.accepted
    proxy.silence()
    await bench.moveTo(window.Open - 2)
    expect(await bench.steps(window), 'nobody tells of the head').to.deep.equal([])
    await dialledAgain(before)
    await bench.seen(window, 'verified')
    await bench.moveTo(bench.sendsAt(window))
    await bench.pooled()
    await bench.landed(window)
    await bench.made(window)
  })

  it('fault 8: a reorg under the challenge meanwhile is seen afterwards, and what was proven is sent once', async () => {
    const window = await bench.window()
    const asked = bench.prover.requests.length
    await bench.admin.Advance(6)
    await bench.proven(window)
    const before = proxy.accepted
    proxy.silence()
    // That of the proof, three from the challenge on, and the one before it.
    await bench.admin.Reorg(5)
    await bench.moveTo(window.Open + 1)
    expect((await bench.steps(window)).map(({ Step }) => Step)).to.not.include('undone')
    await dialledAgain(before)
    await bench.seen(window, 'undone')
    await bench.moveTo(bench.sendsAt(window))
    await bench.pooled()
    await bench.landed(window)
    expect(bench.prover.requests.length - asked).to.equal(1)
    await bench.made(window)
  })
})
