import { expect } from 'chai'
import { attemptUuid, messageUid } from '../../../../daemon/manager/operator-messages/message-identity.js'
import { METHODS } from '../../../../rpc-schema/actors/actor-methods.js'
import { WithdrawBalanceParams } from '../../../../rpc-schema/actors/miner-control.js'
import type { OperatorMessage, OperatorMessageState } from '../../../../rpc-schema/manager/operator-message.js'
import { sealyardService } from '../../../../rpc-schema/manager/sealyard.js'
import { rpcClient } from '../../../../rpc-schema/rpc/client.js'
import { type Connection, connectRpc } from '../../../../rpc-schema/rpc/connection.js'
import type { Client } from '../../../../rpc-schema/rpc/method.js'
import { Address } from '../../../../rpc-schema/wire/address.js'
import { FIL } from '../../../../rpc-schema/wire/token-amount.js'
import { eventually } from '../../../harness/eventually.js'
import { failure } from '../../devnet/devnet-under-test.js'
import { ManagerBench, MINER } from '../manager-bench.js'

const miner = Address.fromId(MINER)

const withdrawal = (change: Partial<OperatorMessage> = {}): OperatorMessage => ({
  From: Address.fromId(102),
  To: miner,
  Value: 0n,
  Method: METHODS.miner.WithdrawBalance,
  Params: WithdrawBalanceParams.encode({ AmountRequested: FIL }),
  Exid: '',
  Repeat: false,
  Miner: MINER,
  GasFeeCap: 0n,
  ...change,
})

describe('manager: ids of operator messages', () => {
  it('are of the contents, however the prefix is written, and of the exid', () => {
    const uid = messageUid(withdrawal())
    expect(uid).to.match(/^bafy2bz\w+$/)
    expect(messageUid(withdrawal({ From: Address.parse('t0102') }))).to.equal(uid)
    expect(messageUid(withdrawal({ Exid: 'x' }))).to.equal(`${uid}-x`)
    expect(messageUid(withdrawal({ Value: 1n }))).to.not.equal(uid)
  })

  it('make a UUID for each attempt, always the same', () => {
    expect(attemptUuid('a', 1)).to.match(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(attemptUuid('a', 1)).to.equal(attemptUuid('a', 1))
    expect(attemptUuid('a', 2)).to.not.equal(attemptUuid('a', 1))
  })
})

describe('manager: operator messages', function () {
  this.timeout(60_000)
  let bench: ManagerBench
  let connection: Connection
  let sealyard: Client<typeof sealyardService.methods>
  const connect = (): void => {
    connection = connectRpc(`http://${bench.manager.address}`, { path: '/rpc/v0' })
    sealyard = rpcClient(sealyardService, connection)
  }
  beforeEach(async () => {
    bench = await new ManagerBench().start()
    connect()
  })
  afterEach(async () => {
    await connection.close()
    await bench.stop()
  })

  const landed = async (): Promise<number> =>
    (await bench.admin.Messages({ Miner: MINER, Method: METHODS.miner.WithdrawBalance })).length
  const ended = (uid: string, depth = 0): Promise<OperatorMessageState> =>
    eventually('the end of the message', 30_000, async () => {
      const state = await sealyard.MessageState(uid)
      return state.State === 'landed' && state.Depth >= depth ? state : undefined
    })

  it('one whose answer is lost is found again and not sent a second time, over a restart, too', async () => {
    await bench.admin.Fail({ Method: 'Filecoin.MpoolPushMessage', Kind: 'drop-after-effect', Times: 1 })
    const sent = await sealyard.SendMessage(withdrawal())
    expect(sent.Known).to.equal(false)
    await bench.manager.stop()
    await connection.close()
    await bench.startManager()
    connect()
    const again = await sealyard.SendMessage(withdrawal())
    expect([again.Uid, again.Known]).to.deep.equal([sent.Uid, true])
    expect((await ended(sent.Uid, 3)).Receipt?.ExitCode).to.equal(0)
    expect(await landed()).to.equal(1)
  })

  it('many who ask at once get one message', async () => {
    const all = await Promise.all(Array.from({ length: 5 }, () => sealyard.SendMessage(withdrawal())))
    expect(new Set(all.map(({ Cid }) => Cid)).size).to.equal(1)
    await ended(all[0]!.Uid, 3)
    expect(await landed()).to.equal(1)
  })

  it('a repeatable one is sent again when the one before is deep enough, and not before', async () => {
    const once = await sealyard.SendMessage(withdrawal({ Repeat: true }))
    expect((await sealyard.SendMessage(withdrawal({ Repeat: true }))).Cid).to.equal(once.Cid)
    await ended(once.Uid, 8)
    const second = await sealyard.SendMessage(withdrawal({ Repeat: true }))
    expect(second.Known).to.equal(false)
    expect(second.Cid).to.not.equal(once.Cid)
    expect((await sealyard.SendMessage(withdrawal())).Cid, 'without Repeat').to.equal(second.Cid)
  })

  it("another's transfer of the same kind is not taken for one without an answer", async () => {
    await bench.admin.Fail({ Method: 'Filecoin.MpoolPushMessage', Kind: 'error', Times: 1, Message: 'not now' })
    const transfer = withdrawal({ From: Address.fromId(101), Method: 0, Params: new Uint8Array(), Value: 3n * FIL })
    const sent = await sealyard.SendMessage(transfer)
    await bench.admin.FundAddress(miner, 2n * FIL)
    const refused = await eventually('the refusal', 30_000, async () => {
      const state = await sealyard.MessageState(sent.Uid)
      return state.State === 'refused' ? state : undefined
    })
    expect(refused.Error).to.include('not now')
    const again = await sealyard.SendMessage(transfer)
    expect(again.Known).to.equal(false)
    expect((await ended(again.Uid)).Value).to.equal(3n * FIL)
  })

  it('what the chain would refuse is refused in the preview, in its words', async () => {
    const stranger = await failure(sealyard.PreviewMessage(withdrawal({ From: Address.fromId(101) })))
    expect(stranger.message).to.match(/ErrForbidden\(18\)[\s\S]*caller f0101 is not one of supported/)
    const long = await failure(sealyard.PreviewMessage(withdrawal({ Exid: 'x'.repeat(101) })))
    expect(long.message).to.include('exid: expected at most 100 characters')
  })
})
