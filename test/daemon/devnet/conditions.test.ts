import { expect } from 'chai'
import { METHODS } from '../../../rpc-schema/actors/actor-methods.js'
import { ProveCommitAggregateParams } from '../../../rpc-schema/actors/miner-prove-commit.js'
import { lotusService } from '../../../rpc-schema/chain/index.js'
import { rpcClient } from '../../../rpc-schema/rpc/client.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import { signedMessageCid } from '../../../rpc-schema/wire/message.js'
import { DevnetUnderTest, failure, GOOD_PROOF, MINER } from './devnet-under-test.js'

describe('devnet: conditions of the network', () => {
  let test: DevnetUnderTest
  beforeEach(async () => {
    test = await DevnetUnderTest.start()
  })
  afterEach(() => test.stop())
  const burnt = () => test.node.WalletBalance(Address.fromId(99, 't'))

  describe('base fee', () => {
    it('keeps messages waiting that would pay less, and is what the others pay', async () => {
      await test.admin.SetBaseFee(1_000_000n)
      await test.admin.Advance(1)
      expect((await test.node.ChainHead()).Blocks[0]!.ParentBaseFee).to.equal(1_000_000n)
      const cheap = await test.forced({ To: test.client, GasFeeCap: 999_999n, GasPremium: 1n })
      await test.admin.Advance(3)
      expect(await test.node.StateSearchMsg([], signedMessageCid(cheap), -1, true), 'it waits').to.equal(null)
      await test.admin.SetBaseFee(500_000n)
      const before = await burnt()
      await test.admin.Advance(2)
      const landed = (await test.node.StateSearchMsg([], signedMessageCid(cheap), -1, true))!
      expect((await burnt()) - before >= 500_000n * BigInt(landed.Receipt.GasUsed)).to.equal(true)
    })

    it('is in what the node suggests, and outlives a restart', async () => {
      const suggested = async () =>
        (await test.node.GasEstimateMessageGas(test.message({ To: test.client }), null, [])).GasFeeCap
      const usual = await suggested()
      await test.admin.SetBaseFee(10n ** 9n)
      await test.admin.Advance(1)
      expect((await suggested()) - usual > 10n ** 9n).to.equal(true)
      await test.restart()
      await test.admin.Advance(1)
      expect((await test.node.ChainHead()).Blocks[0]!.ParentBaseFee).to.equal(10n ** 9n)
      expect((await test.admin.Status()).BaseFee).to.equal(10n ** 9n)
      expect((await failure(test.admin.SetBaseFee(-1n))).message).to.match(/cannot be negative/)
    })
  })

  describe('network version', () => {
    const versionAt = async (height: number) =>
      test.node.StateNetworkVersion((await test.node.ChainGetTipSetByHeight(height, [])).Cids)

    it('is another from an epoch on, and what happened before stays under the old one', async () => {
      const epoch = test.height + 3
      await test.admin.UpgradeNetwork({ Version: 29, Epoch: epoch })
      await test.admin.Advance(2)
      expect(await test.node.StateNetworkVersion([])).to.equal(28)
      await test.admin.Advance(1)
      expect(await test.node.StateNetworkVersion([])).to.equal(29)
      await test.restart()
      expect([await versionAt(epoch - 1), await versionAt(epoch)]).to.deep.equal([28, 29])
      const { NetworkVersion, Upgrades } = await test.admin.Status()
      expect([NetworkVersion, Upgrades]).to.deep.equal([29, [{ Version: 29, Epoch: epoch }]])
      expect(await test.node.StateActorCodeCIDs(29)).to.have.property('storageminer')
    })

    it('cannot come too late, nor go back', async () => {
      const now = test.height
      expect((await failure(test.admin.UpgradeNetwork({ Version: 29, Epoch: now }))).message).to.match(/too late/)
      expect((await failure(test.admin.UpgradeNetwork({ Version: 28, Epoch: now + 5 }))).message).to.match(
        /is at version 28 before/,
      )
      // A plan can be changed as long as it has not come true.
      await test.admin.UpgradeNetwork({ Version: 29, Epoch: now + 5 })
      await test.admin.UpgradeNetwork({ Version: 30, Epoch: now + 4 })
      await test.admin.Advance(6)
      expect(await test.node.StateNetworkVersion([])).to.equal(30)
    })

    it('takes methods away', async () => {
      await test.preCommitted(1, 2, 3, 4)
      const aggregate = () =>
        test.land({
          Method: METHODS.miner.ProveCommitAggregate,
          Params: ProveCommitAggregateParams.encode({
            SectorNumbers: Bitfield.of([1, 2, 3, 4]),
            AggregateProof: Uint8Array.of(1),
          }),
        })
      await test.admin.UpgradeNetwork({ Version: 29, Epoch: test.height + 1 })
      expect((await aggregate()).Receipt.ExitCode).to.equal(22)
      await test.admin.Reorg(2)
    })

    it('brings methods, and takes the fee for sectors that come together', async () => {
      const old = await DevnetUnderTest.start({ networkVersion: 21, challengeDelay: 2 })
      const balance = async () => old.node.StateMinerAvailableBalance(MINER, [])
      try {
        await old.preCommitted(1)
        const prove = () => old.prove(old.proveParams([{ number: 1 }]))
        expect((await prove()).Receipt.ExitCode, 'not in 21').to.equal(22)
        await old.admin.UpgradeNetwork({ Version: 22, Epoch: old.height + 1 })
        expect((await prove()).Receipt.ExitCode).to.equal(0)

        const deposit =
          ((await old.node.StateMinerPreCommitDepositForPower(MINER, old.preCommitInfo(9), [])) * 10n) / 11n
        const paidFor = async (numbers: number[]) => {
          const before = await balance()
          const infos = numbers.map(number => old.preCommitInfo(number, { SealRandEpoch: old.height - 10 }))
          expect((await old.preCommit(infos)).Receipt.ExitCode).to.equal(0)
          return before - (await balance()) - deposit * BigInt(numbers.length)
        }
        expect(await paidFor([2]), 'alone').to.equal(0n)
        expect(await paidFor([3, 4])).to.equal((5_000_000_000n * 16_433_324n * 2n) / 20n)
        await old.preCommitted(5, 6, 7, 8)
        const before = await burntOf(old)
        const four = [5, 6, 7, 8].map(number => ({ number }))
        const together = { SectorProofs: [], AggregateProof: GOOD_PROOF, AggregateProofType: 1 }
        expect((await old.prove(old.proveParams(four, together))).Receipt.ExitCode).to.equal(0)
        const fee = (5_000_000_000n * 49_299_973n * 4n) / 20n
        expect((await burntOf(old)) - before > fee).to.equal(true)
        await old.admin.UpgradeNetwork({ Version: 25, Epoch: old.height + 1 })
        await old.admin.Advance(1)
        expect(await paidFor([10, 11]), 'since 25').to.equal(0n)
      } finally {
        await old.stop()
      }
    })
    const burntOf = (devnet: DevnetUnderTest) => devnet.node.WalletBalance(Address.fromId(99, 't'))
  })

  it('loses messages on command, and their nonces are free again', async () => {
    const send = () => test.forced({ To: test.client, Value: 1n })
    const [first, second] = [await send(), await send()]
    expect(await test.admin.ForgetMessages([signedMessageCid(second)])).to.equal(1)
    expect(await test.node.MpoolGetNonce(test.worker)).to.equal(1)
    expect(await test.admin.ForgetMessages(null)).to.equal(1)
    expect(await test.node.MpoolPending([])).to.deep.equal([])
    await test.restart()
    await test.admin.Advance(2)
    for (const lost of [first, second])
      expect(await test.node.StateSearchMsg([], signedMessageCid(lost), -1, true)).to.equal(null)
    expect((await send()).Message.Nonce).to.equal(0)
    // Whoever kept the message can send it again: it is still good.
    expect(await test.admin.ForgetMessages(null)).to.equal(1)
    await test.node.MpoolPush(first)
    await test.admin.Advance(2)
    expect((await test.node.StateSearchMsg([], signedMessageCid(first), -1, true))!.Receipt.ExitCode).to.equal(0)
  })

  describe('a head that is held', () => {
    it('stands still at one endpoint while the other goes on, then jumps', async () => {
      const second = rpcClient(lotusService, test.connect('http', 10_000, '/second/rpc/v1'))
      const changes = await rpcClient(lotusService, test.connect('ws')).ChainNotify()
      const next = async () => (await changes.next()).value as { Type: string; Val: { Height: number } }[]
      expect((await next()).map(({ Type }) => Type)).to.deep.equal(['current'])
      const height = test.height
      await test.admin.HoldHead({ Endpoint: 'main', Behind: 0 })
      await test.admin.Advance(30)
      expect((await test.node.ChainHead()).Height).to.equal(height)
      expect((await test.node.StateMinerProvingDeadline(MINER, [])).CurrentEpoch).to.equal(height)
      expect((await second.ChainHead()).Height).to.equal(height + 30)
      expect((await test.admin.Status()).HeldHeads).to.deep.equal(['main'])
      await test.admin.ReleaseHead('main')
      const told = await next()
      expect(told.map(({ Type, Val }) => [Type, Val.Height])).to.deep.equal(
        Array.from({ length: 30 }, (_, at) => ['apply', height + 1 + at]),
      )
      expect((await test.node.ChainHead()).Height).to.equal(height + 30)
    })

    it('is older than before, and tells the way back', async () => {
      await test.admin.Advance(10)
      const height = test.height
      const changes = await rpcClient(lotusService, test.connect('ws')).ChainNotify()
      await changes.next()
      expect((await test.admin.HoldHead({ Endpoint: 'main', Behind: 3 })).Height).to.equal(height - 3)
      expect((await test.node.ChainHead()).Height).to.equal(height - 3)
      await test.admin.ReleaseHead('main')
      const { value } = await changes.next()
      expect((value as { Val: { Height: number } }[]).map(({ Val }) => Val.Height)).to.deep.equal([
        height - 2,
        height - 1,
        height,
      ])
      expect((await failure(test.admin.HoldHead({ Endpoint: 'main', Behind: 5000 }))).message).to.match(/has no 5000/)
    })

    it('stays on a fork that the other endpoint has left', async () => {
      await test.admin.Advance(5)
      const left = await test.node.ChainHead()
      await test.admin.HoldHead({ Endpoint: 'second', Behind: 0 })
      await test.admin.Reorg(2)
      await test.admin.Advance(4)
      const second = rpcClient(lotusService, test.connect('http', 10_000, '/second/rpc/v1'))
      const [here, there] = [await test.node.ChainHead(), await second.ChainHead()]
      expect(there.Cids[0]!.equals(left.Cids[0]!)).to.equal(true)
      expect(here.Height).to.be.greaterThan(there.Height)
      expect((await test.node.ChainTipSetWeight(here.Cids)) > (await second.ChainTipSetWeight(there.Cids))).to.equal(
        true,
      )
    })
  })
})
