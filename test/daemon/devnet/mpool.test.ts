import { expect } from 'chai'
import { lotusService } from '../../../rpc-schema/chain/index.js'
import { rpcClient } from '../../../rpc-schema/rpc/client.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { type Message, messageCid, type SignedMessage, signedMessageCid } from '../../../rpc-schema/wire/message.js'
import { FIL } from '../../../rpc-schema/wire/token-amount.js'
import { DevnetUnderTest, failure, MINER } from './devnet-under-test.js'

describe('devnet: message pool', () => {
  let test: DevnetUnderTest
  beforeEach(async () => {
    test = await DevnetUnderTest.start()
  })
  afterEach(() => test.stop())

  const send = (changes: Partial<Message> = {}) => test.message({ To: test.client, Value: 1n, ...changes })
  const signed = async (changes: Partial<Message>): Promise<SignedMessage> =>
    test.node.WalletSignMessage(test.worker, {
      ...(await test.node.GasEstimateMessageGas(send(), null, [])),
      ...changes,
    })

  it('gives nonces in order, also to pushes at the same time and to ID addresses', async () => {
    const pushed = await Promise.all([
      test.node.MpoolPushMessage(send(), null),
      test.node.MpoolPushMessage(send({ From: Address.fromId(103, 't') }), null),
      test.node.MpoolPushMessage(send(), null),
    ])
    expect(pushed.map(({ Message: { Nonce } }) => Nonce).sort()).to.deep.equal([0, 1, 2])
    expect(await test.node.MpoolGetNonce(test.worker)).to.equal(3)
    await test.admin.Advance(1)
    expect(await test.node.MpoolPending([])).to.deep.equal([])
    expect(await test.node.MpoolGetNonce(test.worker), 'before the messages have run').to.equal(3)
    await test.admin.Advance(1)
    expect(await test.node.MpoolGetNonce(test.worker)).to.equal(3)
  })

  it('fills in the gas, signs, and names the message as the chain does', async () => {
    const pushed = await test.node.MpoolPushMessage(send({ From: Address.fromId(103, 't') }), null)
    const { Message: message, Signature } = pushed
    expect(message.From.equals(test.worker)).to.equal(true)
    expect(message.GasLimit).to.be.greaterThan(500_000)
    expect(message.GasFeeCap > message.GasPremium && message.GasPremium > 0n).to.equal(true)
    expect([Signature.Type, Signature.Data.length]).to.deep.equal([1, 65])
    const byUnsigned = await test.node.ChainGetMessage(messageCid(message))
    const bySigned = await test.node.ChainGetMessage(signedMessageCid(pushed))
    expect(messageCid(byUnsigned).equals(messageCid(bySigned))).to.equal(true)
    // Any other holder of the key could have signed it.
    expect((await failure(test.node.MpoolPush(pushed))).message).to.contain('already in mpool')
  })

  it('takes what was estimated: gas that is used stays below the limit', async () => {
    const found = await test.preCommit([test.preCommitInfo(1)], { GasLimit: 0 })
    const { GasLimit } = await test.node.ChainGetMessage(found.Message)
    expect(found.Receipt.GasUsed).to.be.within(GasLimit * 0.75, GasLimit * 0.85)
  })

  it('runs out of gas with 7 and keeps it', async () => {
    const before = await test.node.WalletBalance(test.worker)
    const { Receipt } = await test.preCommit([test.preCommitInfo(1)], { GasLimit: 5_000_000, Value: FIL })
    expect([Receipt.ExitCode, Receipt.GasUsed]).to.deep.equal([7, 5_000_000])
    const paid = before - (await test.node.WalletBalance(test.worker))
    expect(paid > 0n && paid < FIL, 'gas but not the value').to.equal(true)
  })

  it('lowers the fee cap for a small MaxFee; the message then waits for ever', async () => {
    const spec = { MaxFee: 1n, MsgUuid: '', MaximizeFeeCap: false }
    const pushed = await test.node.MpoolPushMessage(send(), spec)
    expect(pushed.Message.GasFeeCap).to.equal(0n)
    await test.admin.Advance(5)
    expect(await test.node.MpoolPending([])).to.have.length(1)
    expect(await test.node.StateSearchMsg([], signedMessageCid(pushed), -1, true)).to.equal(null)
  })

  it('refuses what would fail, in the words of a node', async () => {
    const words = async (changes: Partial<Message>) =>
      (await failure(test.node.MpoolPushMessage(send(changes), null))).message
    expect(await words({ Nonce: 5 })).to.equal('MpoolPushMessage expects message nonce to be 0, was 5')
    expect(await words({ From: Address.fromId(9_999, 't') })).to.contain('not found on chain: sender validation failed')
    expect(await words({ To: MINER, Method: 99 })).to.contain('exit=[ErrUnhandledMessage(22)]')
    expect(await words({ To: MINER, Method: 28, Params: Uint8Array.of(0x80) })).to.contain(
      'exit=[ErrSerialization(21)]',
    )
    expect(await words({ To: Address.fromId(77_777, 't') })).to.contain('exit=[SysErrInvalidReceiver(5)]')
    expect(await words({ Value: 10n ** 30n })).to.contain('exit=[SysErrInsufficientFunds(6)]')
    const stranger = Address.fromSecp256k1Key(new Uint8Array(65).fill(4), 't')
    await test.land({ To: stranger, Value: FIL })
    expect(await words({ From: stranger })).to.contain('key not found')
    expect(await test.node.MpoolPending([])).to.deep.equal([])
  })

  it('lets a gap in the nonces wait until it is closed', async () => {
    const later = await signed({ Nonce: 2 })
    await test.node.MpoolPush(later)
    await test.node.MpoolPush(await signed({ Nonce: 1 }))
    await test.admin.Advance(2)
    expect(await test.node.MpoolPending([])).to.have.length(2)
    expect(await test.node.MpoolGetNonce(test.worker), 'closes the gap').to.equal(0)
    await test.node.MpoolPushMessage(send(), null)
    await test.admin.Advance(2)
    expect(await test.node.MpoolPending([])).to.deep.equal([])
    expect((await test.node.StateSearchMsg([], signedMessageCid(later), -1, true))!.Receipt.ExitCode).to.equal(0)
  })

  it('replaces a message for a higher premium only, and finds it by the old one', async () => {
    const first = await signed({ Nonce: 0 })
    const cid = await test.node.MpoolPush(first)
    const { GasPremium, GasFeeCap } = first.Message
    const low = await signed({ Nonce: 0, GasPremium: GasPremium + 1n })
    expect((await failure(test.node.MpoolPush(low))).message).to.contain('replace by fee has too low GasPremium')
    const high = await signed({ Nonce: 0, GasPremium: GasPremium * 2n, GasFeeCap: GasFeeCap * 2n })
    const highCid = await test.node.MpoolPush(high)
    expect(await test.node.MpoolPending([])).to.have.length(1)
    await test.admin.Advance(2)
    expect((await test.node.StateSearchMsg([], cid, -1, true))!.Message.equals(highCid)).to.equal(true)
    expect((await failure(test.node.StateSearchMsg([], cid, -1, false))).message).to.contain('equal nonce')
    const other = await signed({ Nonce: 1, Value: 7n })
    const otherCid = await test.node.MpoolPush(other)
    await test.node.MpoolPush(
      await signed({ Nonce: 1, Value: 8n, GasPremium: GasPremium * 2n, GasFeeCap: GasFeeCap * 2n }),
    )
    await test.admin.Advance(2)
    expect((await failure(test.node.StateSearchMsg([], otherCid, -1, true))).message).to.contain('equal nonce')
  })

  it('accepts only true signatures', async () => {
    const good = await signed({ Nonce: 0 })
    const changed = { ...good, Message: { ...good.Message, Value: 2n } }
    expect((await failure(test.node.MpoolPush(changed))).message).to.contain('signature did not match')
    const other = await test.node.WalletSignMessage(test.client, good.Message)
    expect((await failure(test.node.MpoolPush(other))).message).to.contain('signature did not match')
    const bls = { ...good, Signature: { Type: 2, Data: new Uint8Array(96) } }
    expect((await failure(test.node.MpoolPush(bls))).message).to.contain('signature verification failed')
    await test.node.MpoolPush(good)
  })

  describe('StateSearchMsg and StateWaitMsg', () => {
    it('know pending, executed, too far back and unknown', async () => {
      const pushed = await test.node.MpoolPushMessage(send(), null)
      const cid = signedMessageCid(pushed)
      const search = (lookback: number) => test.node.StateSearchMsg([], cid, lookback, true)
      expect(await search(-1), 'pending').to.equal(null)
      await test.admin.Advance(1)
      expect(await search(-1), 'included, not executed').to.equal(null)
      const executed = await test.admin.Advance(1)
      const found = (await search(1))!
      expect([found.Height, String(found.TipSet[0])]).to.deep.equal([executed.Height, String(executed.Cids[0])])
      await test.admin.Advance(3)
      expect(await search(3), 'three epochs below the head').to.equal(null)
      expect((await search(4))!.Height).to.equal(executed.Height)
      expect(
        await test.node.StateSearchMsg([(await test.node.ChainGetTipSetByHeight(1001, [])).Cids[0]!], cid, -1, true),
      ).to.equal(null)
      const unknown = messageCid(send({ Value: 12_345n }))
      expect((await failure(test.node.StateSearchMsg([], unknown, -1, true))).message).to.match(
        /failed to load message.*could not find/,
      )
      expect((await failure(test.node.StateWaitMsg(unknown, 1, -1, true))).message).to.contain('could not find')
      const byUnsigned = (await test.node.StateSearchMsg([], messageCid(pushed.Message), -1, true))!
      expect(byUnsigned.Message.equals(cid)).to.equal(true)
    })

    it('wait for the confidence, across a reorg', async () => {
      const pushed = await test.node.MpoolPushMessage(send(), null)
      let done: number | undefined
      const node = rpcClient(lotusService, test.connect('ws'))
      const waiting = node.StateWaitMsg(signedMessageCid(pushed), 3, -1, true).then(found => {
        done = found.Height
        return found
      })
      const settle = () => new Promise(resolve => setTimeout(resolve, 30))
      await settle()
      await test.admin.Advance(4)
      await settle()
      expect(done, 'two epochs deep').to.equal(undefined)
      await test.admin.Reorg(4)
      await test.admin.NullRounds(1)
      await test.admin.Advance(3)
      await settle()
      expect(done, 'landed again, not deep enough').to.equal(undefined)
      await test.admin.Advance(1)
      expect((await waiting).Height).to.equal(1003)
    })
  })

  it('serves the wallet', async () => {
    expect((await test.node.WalletDefaultAddress()).equals(test.worker)).to.equal(true)
    expect(await test.node.WalletHas(Address.fromId(103, 't'))).to.equal(true)
    expect(await test.node.WalletHas(Address.fromId(99_999, 't'))).to.equal(false)
    expect((await test.node.StateAccountKey(Address.fromId(103, 't'), [])).equals(test.worker)).to.equal(true)
    expect((await test.node.StateLookupID(test.worker, [])).toString('t')).to.equal('t0103')
    const token = new TextDecoder().decode(await test.node.AuthNew(['read', 'write']))
    expect(await test.node.AuthVerify(token)).to.deep.equal(['read', 'write'])
    expect((await failure(test.node.AuthVerify(`${token}x`))).message).to.contain('JWT Verification failed')
    const refused = await fetch(`${test.devnet.address}/rpc/v1`, {
      method: 'POST',
      headers: { authorization: 'Bearer a.b.c' },
      body: '{}',
    })
    expect(refused.status).to.equal(401)
  })
})
