import { expect } from 'chai'
import { systemClock } from '../../../../daemon/kit/clock.js'
import { silentLog } from '../../../../daemon/kit/log.js'
import { ChainNode } from '../../../../daemon/manager/chain/chain-node.js'
import type { ChainMessage } from '../../../../daemon/manager/commitment/chain-message.js'
import { MempoolCarrier } from '../../../../daemon/manager/commitment/mempool-carrier.js'
import { FIL } from '../../../../rpc-schema/wire/token-amount.js'
import { ManagerBench, MINER } from '../manager-bench.js'

describe('a message that waits is made dearer', function () {
  this.timeout(20_000)
  const bench = new ManagerBench({ devnet: { manual: true } })
  let node: ChainNode
  before(async () => {
    await bench.start()
    const address = `${bench.devnet.address}/rpc/v1`
    node = ChainNode.connect([address], { token: '', clock: systemClock, log: silentLog })
  })
  after(async () => {
    await node?.close()
    await bench.stop()
  })

  it('fault 38: the same call with the same nonce and a higher premium takes its place, and either CID finds it', async () => {
    const carrier = new MempoolCarrier(node, async () => false)
    const { Worker } = await node.api.StateMinerInfo((await node.api.StateListMiners([]))[0]!, [])
    const intent = {
      kind: 'post' as const,
      miner: MINER,
      uuid: 'raised',
      carrier: 'mempool' as const,
      sender: Worker.toString(),
      receiver: Worker.toString(),
      method: 0,
      value: 0n,
      params: new Uint8Array(),
      intentEpoch: 0,
      sectors: [],
    }
    const fees = { gasFeeCap: 0n, gasOverEstimation: 1.2, gasOverPremium: 0 }
    const first = await carrier.push(intent, fees, async () => {})
    const head = await node.api.ChainHead()
    const message = { ...intent, ...first } as unknown as Parameters<typeof carrier.raise>[0]
    const raised = (await carrier.raise(message, { premiumFactor: 4, feeCap: 0n, maxFee: FIL }, head))!
    expect(raised.cid).not.to.equal(first.cid)
    const pending = await node.api.MpoolPending([])
    expect(pending).to.have.length(1)
    expect(await carrier.raise({ ...message, ...raised }, { premiumFactor: 1, feeCap: 0n, maxFee: 0n }, head)).to.equal(
      undefined,
    )
    await bench.admin.Advance(2)
    const after = await node.api.ChainHead()
    for (const { cid } of [first, raised])
      expect((await carrier.look({ ...message, cid, state: 'pushed' } as ChainMessage, after)).kind).to.equal('landed')
  })
})
