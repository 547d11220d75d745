import { mkdirSync, renameSync, rmdirSync } from 'node:fs'
import { expect } from 'chai'
import type { WindowProofRequest, WindowProofResult } from '../../../daemon/manager/post/window-prover.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { signedMessageCid } from '../../../rpc-schema/wire/message.js'
import { MINER } from '../../daemon/manager/manager-bench.js'
import { pretendedProof } from '../../daemon/manager/post/pretended-window-prover.js'
import { eventually } from '../../harness/eventually.js'
import { pretendedWindowProof, WindowPoster } from '../../harness/window-poster.js'
import { PostingBench } from './posting-bench.js'

const NANO_FIL = 10n ** 9n
const LIMIT_MS = 40_000

/** Each in a window of its own. Whatever happens, the window is made with one message, and no sector becomes faulty: I4, I6. */
describe('fault: window proofs', function () {
  this.timeout(180_000)
  const bench = new PostingBench({ minerConfig: 'GasFeeCap = "5 nanoFIL"' })
  before(() => bench.start())
  after(() => bench.stop())

  it('fault 3: a reorg takes a landed proof back, and the pool does not have it any more: it lands again', async () => {
    const window = await bench.window()
    await bench.sent(window)
    await bench.landed(window)
    // All blocks since the message was sent.
    await bench.admin.Reorg((await bench.height()) - bench.sendsAt(window))
    await bench.admin.ForgetMessages(null)
    expect(await bench.messages(window)).to.deep.equal([])
    await eventually('it is on the chain again', LIMIT_MS, async () => {
      const [message] = await bench.messages(window)
      if (message?.Receipt) return true
      await bench.admin.Advance(1)
      return undefined
    })
    await bench.made(window)
  })

  it('fault 3: a reorg under the challenge, which is the same on the new fork: the proof is kept, and sent once', async () => {
    const window = await bench.window()
    const asked = bench.prover.requests.length
    await bench.admin.Advance(6)
    await bench.proven(window)
    // That of the proof, three from the challenge on, and the one before it.
    await bench.admin.Reorg(5)
    await bench.seen(window, 'undone')
    await bench.moveTo(window.Open + 1)
    await bench.landed(window)
    expect(bench.prover.requests.length - asked).to.equal(1)
    await bench.made(window)
  })

  it('fault 4: the head stands still from before the challenge, then jumps 30 epochs', async () => {
    const window = await bench.window()
    await bench.admin.HoldHead({ Endpoint: 'main', Behind: 0 })
    await bench.admin.Advance(30)
    expect(await bench.steps(window)).to.deep.equal([])
    await bench.admin.ReleaseHead('main')
    await bench.landed(window)
    await bench.made(window)
  })

  it('fault 5: null rounds at the challenge, and at the opening', async () => {
    const window = await bench.window()
    await bench.moveTo(window.Challenge - 1)
    await bench.admin.NullRounds(5)
    await bench.proven(window)
    await bench.admin.NullRounds(5)
    await bench.landed(window)
    await bench.made(window)
  })

  it('fault 6: the node shows an older head while the message lands: nothing is sent again', async () => {
    const window = await bench.window()
    await bench.sent(window)
    await bench.admin.Advance(2)
    await bench.admin.HoldHead({ Endpoint: 'main', Behind: 8 })
    await bench.admin.Advance(3)
    await bench.admin.ReleaseHead('main')
    await bench.landed(window)
    await bench.made(window)
  })

  it('fault 7: "state not available" for a while: it is asked again, and nothing is given up', async () => {
    const window = await bench.window()
    const Message = 'failed to load state tree: ipld: could not find bafy2bzace'
    for (const Method of ['StateMinerPartitions', 'StateMinerSectors', 'StateMinerProvingDeadline'])
      await bench.admin.Fail({ Method: `Filecoin.${Method}`, Kind: 'error', Message })
    await bench.moveTo(window.Open - 3)
    await bench.admin.Advance(5)
    await bench.admin.ClearFaults()
    await bench.landed(window)
    await bench.made(window)
  })

  it('fault 10: the pool forgets the message: the same one is given again', async () => {
    const window = await bench.window()
    await bench.sent(window)
    const [pending] = await bench.chain.MpoolPending([])
    await bench.admin.ForgetMessages(null)
    await bench.landed(window)
    const [landed] = await bench.messages(window)
    expect(landed!.Message.Nonce).to.equal(pending!.Message.Nonce)
    await bench.made(window)
  })

  it('fault 11: the base fee rises above GasFeeCap: the proof does not wait for it to fall, but is made dearer and lands', async () => {
    const window = await bench.window()
    await bench.proven(window)
    const { BaseFee } = await bench.admin.Status()
    await bench.admin.SetBaseFee(20n * NANO_FIL)
    await bench.moveTo(bench.sendsAt(window))
    await bench.pooled()
    await bench.admin.Advance(3)
    expect(await bench.messages(window), 'its fee cap is too low').to.deep.equal([])
    await bench.landed(window)
    expect((await bench.steps(window)).map(({ Step }) => Step)).to.include('raised')
    const [message] = await bench.messages(window)
    expect(message!.Message.GasFeeCap > 20n * NANO_FIL).to.equal(true)
    expect(message!.Height - window.Open).to.be.lessThan(35)
    await bench.admin.SetBaseFee(BaseFee)
    await bench.made(window)
  })

  it('fault 12: somebody else has proven the partition first: ours fails with 16 once, and is not sent again', async () => {
    const window = await bench.window()
    await bench.sent(window)
    await bench.admin.ForgetMessages(null)
    const other = new WindowPoster({ node: bench.chain, miner: Address.fromId(MINER), prove: pretendedWindowProof })
    await other.proveOpen()
    await eventually('both have landed, or ours is not sent', LIMIT_MS, async () => {
      await bench.admin.Advance(1)
      return (await bench.height()) > window.Open + 30 || undefined
    })
    const codes = (await bench.messages(window)).map(({ Receipt }) => Receipt?.ExitCode)
    expect(codes.filter(code => code === 0)).to.have.length(1)
    expect(codes.filter(code => code === 16).length).to.be.at.most(1)
    await bench.moveTo(window.Close + 1)
    expect(await bench.counts()).to.include({ Faulty: 0, Active: 1 })
    expect((await bench.admin.Status()).Pending).to.equal(0)
  })

  it('fault 13: somebody else uses the wallet and leaves a gap of nonces: ours lands, once, when it is closed', async () => {
    const window = await bench.window()
    await bench.proven(window)
    const [last] = (await bench.admin.Messages({ Miner: MINER })).slice(-1)
    const sender = await bench.chain.StateAccountKey(Address.fromId(last!.From), [])
    // The richest is chosen, so that it stays with this one.
    await bench.admin.FundAddress(sender, 10n ** 24n)
    const { BaseFee } = await bench.admin.Status()
    await bench.admin.SetBaseFee(2n * NANO_FIL)
    await bench.admin.Advance(1)
    // It is too cheap for the blocks to come, and so before ours.
    const cheap = { GasFeeCap: NANO_FIL, GasPremium: 1n, GasLimit: 1_000_000, Nonce: 0 }
    const lost = await bench.chain.MpoolPushMessage(
      {
        ...last!.Message,
        ...cheap,
        From: sender,
        To: Address.fromId(99),
        Value: 1n,
        Method: 0,
        Params: new Uint8Array(),
      },
      null,
    )
    await bench.moveTo(bench.sendsAt(window))
    await bench.pooled(2)
    expect(await bench.admin.ForgetMessages([signedMessageCid(lost)])).to.equal(1)
    await bench.admin.SetBaseFee(BaseFee)
    await bench.admin.Advance(3)
    expect(await bench.messages(window), 'it waits').to.deep.equal([])
    await bench.chain.MpoolPush(lost)
    await bench.landed(window)
    await bench.made(window)
  })

  it('fault 34: the mount point is empty for a while: no sector is taken for bad, and all are proven when it is back', async () => {
    const window = await bench.window()
    const { storeDir } = bench.manager
    renameSync(storeDir, `${storeDir}.away`)
    mkdirSync(storeDir)
    await bench.moveTo(window.Challenge + 12)
    expect((await bench.seen(window, 'checked')).Detail).to.equal('0 of 1 good, 0 bad, 1 unknown')
    rmdirSync(storeDir)
    renameSync(`${storeDir}.away`, storeDir)
    await bench.moveTo(window.Open + 1)
    await bench.landed(window)
    await bench.made(window)
  })

  it('fault 38: the proof is ready some epochs before the close: its message goes at once, and lands', async () => {
    const window = await bench.window()
    let finish = (): void => {}
    const slow = new Promise<void>(resolve => {
      finish = resolve
    })
    bench.prover.answer = async request => {
      await slow
      return pretendedProof(request)
    }
    await bench.moveTo(window.Open - 2)
    await bench.seen(window, 'checked')
    await bench.moveTo(window.Close - 5)
    finish()
    await bench.seen(window, 'sent')
    await bench.landed(window)
    await bench.made(window)
  })

  it('a restart between proof and message, and between message and landing: proven once, sent once', async () => {
    const window = await bench.window()
    const asked = bench.prover.requests.length
    await bench.proven(window)
    for (const moment of ['proven', 'sent']) {
      await bench.manager.manager.stop()
      await bench.manager.startManager()
      bench.reconnect()
      if (moment === 'sent') break
      await bench.moveTo(bench.sendsAt(window))
      await bench.pooled()
    }
    await bench.landed(window)
    expect(bench.prover.requests.length - asked).to.equal(1)
    await bench.made(window)
  })

  it('fault 12: the chain would refuse the proof, as the node says: it is made anew, and that one lands', async () => {
    const window = await bench.window()
    const asked = bench.prover.requests.length
    bench.prover.answer = request =>
      bench.prover.requests.length - asked === 1 ? refusedProof(request) : pretendedProof(request)
    await bench.proven(window)
    await bench.moveTo(bench.sendsAt(window))
    await bench.landed(window)
    expect(bench.prover.requests.length - asked).to.equal(2)
    await bench.made(window)
  })

  it('fault 12: and it would refuse them all: nothing is spent', async () => {
    const window = await bench.window()
    bench.prover.answer = refusedProof
    await bench.proven(window)
    await bench.moveTo(bench.sendsAt(window))
    await eventually('the end of the window', LIMIT_MS, async () => {
      await bench.admin.Advance(1)
      return (await bench.height()) >= window.Close - 2 || undefined
    })
    expect(await bench.messages(window)).to.deep.equal([])
    expect((await bench.admin.Status()).Pending).to.equal(0)
  })
})

/** What the chain of these tests does not take. */
const refusedProof = (request: WindowProofRequest): WindowProofResult => {
  const { proofs } = pretendedProof(request)
  return { proofs: proofs.map(({ PoStProof }) => ({ PoStProof, ProofBytes: new Uint8Array(192) })), faults: [] }
}
