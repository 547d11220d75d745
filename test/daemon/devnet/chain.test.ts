import { expect } from 'chai'
import { RememberingVerifier } from '../../../daemon/devnet/proofs.js'
import { METHODS } from '../../../rpc-schema/actors/actor-methods.js'
import { PreCommitSectorBatch2Params } from '../../../rpc-schema/actors/miner-precommit.js'
import { lotusService } from '../../../rpc-schema/chain/index.js'
import type { HeadChange, TipSet } from '../../../rpc-schema/chain/tipset.js'
import { rpcClient } from '../../../rpc-schema/rpc/client.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { blockCid } from '../../../rpc-schema/wire/block-header.js'
import { signedMessageCid } from '../../../rpc-schema/wire/message.js'
import { FIL } from '../../../rpc-schema/wire/token-amount.js'
import { eventually } from '../../harness/eventually.js'
import { DevnetUnderTest, failure, MINER, ScriptedVerifier } from './devnet-under-test.js'

const keyOf = (tipset: TipSet): string => tipset.Cids.join()
const heights = (changes: readonly HeadChange[]) => changes.map(({ Type, Val }) => `${Type} ${Val.Height}`)

describe('devnet: chain', () => {
  let test: DevnetUnderTest
  beforeEach(async () => {
    test = await DevnetUnderTest.start()
  })
  afterEach(() => test.stop())

  it('begins at its start epoch, above the genesis', async () => {
    const head = await test.node.ChainHead()
    expect(head.Height).to.equal(1000)
    const genesis = await test.node.ChainGetGenesis()
    expect(genesis.Height).to.equal(0)
    expect(head.Blocks[0]!.Parents[0]!.equals(genesis.Cids[0]!)).to.equal(true)
    expect((await test.node.ChainGetTipSetByHeight(500, [])).Height).to.equal(0)
    expect((await test.node.ChainGetTipSetAfterHeight(500, [])).Height).to.equal(1000)
  })

  it('names blocks by the hash of their headers and links them', async () => {
    let tipset = await test.admin.Advance(5)
    for (let left = 5; left > 0; left--) {
      const [header] = tipset.Blocks
      expect(blockCid(header!).equals(tipset.Cids[0]!)).to.equal(true)
      const parent = await test.node.ChainGetTipSet(header!.Parents)
      expect(parent.Height).to.equal(tipset.Height - 1)
      expect(header!.ParentWeight > parent.Blocks[0]!.ParentWeight).to.equal(true)
      tipset = parent
    }
  })

  it('keeps time: one block delay an epoch, null rounds included', async () => {
    const { BlockDelaySecs, GenesisTimestamp } = await test.node.StateGetNetworkParams()
    for (const head of [await test.admin.Advance(3), await test.admin.NullRounds(7)]) {
      expect(head.Blocks[0]!.Timestamp).to.equal(GenesisTimestamp + head.Height * BlockDelaySecs)
    }
  })

  it('tells by height what a fork had that was left, and not what is there now', async () => {
    const left = await test.admin.Advance(4)
    const onIt = await Promise.all([0, 1, 2, 3].map(below => test.node.ChainGetTipSetByHeight(left.Height - below, [])))
    await test.admin.Reorg(3)
    const present = await test.admin.NullRounds(5)
    for (const tipset of onIt) {
      const then = await test.node.ChainGetTipSetByHeight(tipset.Height, left.Cids)
      expect(keyOf(then)).to.equal(keyOf(tipset))
    }
    const below = await test.node.ChainGetTipSetByHeight(left.Height, present.Cids)
    expect(keyOf(below), 'the present fork has null rounds there').to.equal(keyOf(onIt[3]!))
  })

  it('has null rounds: no tipset, but randomness of these epochs', async () => {
    const before = await test.node.ChainHead()
    const after = await test.admin.NullRounds(5)
    expect(after.Height).to.equal(before.Height + 6)
    expect(keyOf(await test.node.ChainGetTipSetByHeight(before.Height + 3, []))).to.equal(keyOf(before))
    expect(keyOf(await test.node.ChainGetTipSetAfterHeight(before.Height + 3, []))).to.equal(keyOf(after))
    expect(after.Blocks[0]!.BeaconEntries).to.have.length(6)
    const draws = await Promise.all(
      [1, 2].map(at => test.node.StateGetRandomnessFromTickets(5, before.Height + at, new Uint8Array(), after.Cids)),
    )
    expect(draws[0]).to.not.deep.equal(draws[1])
    const entry = await test.node.StateGetBeaconEntry(before.Height + 2)
    expect(after.Blocks[0]!.BeaconEntries[1]).to.deep.equal(entry)
  })

  it('shows the state before the messages of a tipset: what they do is seen one epoch later', async () => {
    const to = Address.fromId(100, 't')
    const before = await test.node.WalletBalance(to)
    await test.node.MpoolPushMessage(test.message({ To: to, Value: FIL }), null)
    await test.admin.Advance(1)
    expect(await test.node.WalletBalance(to)).to.equal(before)
    await test.admin.Advance(1)
    expect(await test.node.WalletBalance(to)).to.equal(before + FIL)
  })

  it('answers about the past at a tipset’s key', async () => {
    const then = await test.node.ChainHead()
    await test.preCommitted(3)
    expect(await test.node.StateMinerSectorAllocated(MINER, 3, [])).to.equal(true)
    expect(await test.node.StateMinerSectorAllocated(MINER, 3, then.Cids)).to.equal(false)
    expect(
      (await failure(test.node.StateMinerInfo(MINER, [signedMessageCid(await test.forced({}))]))).message,
    ).to.contain('could not find')
  })

  it('gives the messages and receipts of the parent', async () => {
    const signed = await test.node.MpoolPushMessage(test.message({ To: test.client, Value: 1n }), null)
    const holding = await test.admin.Advance(1)
    const next = await test.admin.Advance(1)
    const cid = signedMessageCid(signed)
    const inBlock = await test.node.ChainGetBlockMessages(holding.Cids[0]!)
    expect(inBlock.Cids.map(String)).to.deep.equal([String(cid)])
    expect(inBlock.SecpkMessages).to.have.length(1)
    const [parent] = await test.node.ChainGetParentMessages(next.Cids[0]!)
    expect(parent!.Cid.equals(cid)).to.equal(true)
    const [receipt] = await test.node.ChainGetParentReceipts(next.Cids[0]!)
    expect(receipt!.ExitCode).to.equal(0)
    expect(await test.node.ChainGetParentReceipts(holding.Cids[0]!)).to.deep.equal([])
  })

  it('tells of its head: the present one, then what is applied and reverted', async () => {
    const node = rpcClient(lotusService, test.connect('ws'))
    const changes = await node.ChainNotify()
    const next = async () => heights((await changes.next()).value as HeadChange[])
    expect(await next()).to.deep.equal(['current 1000'])
    await test.admin.Advance(2)
    expect(await next()).to.deep.equal(['apply 1001'])
    expect(await next()).to.deep.equal(['apply 1002'])
    await test.admin.Reorg(2)
    expect(await next()).to.deep.equal(['revert 1002', 'revert 1001'])
    await test.admin.NullRounds(1)
    expect(await next()).to.deep.equal(['apply 1002'])
    await changes.return!()
    await test.admin.Advance(1)
    expect((await node.ChainHead()).Height).to.equal(1003)
  })

  describe('a reorg', () => {
    it('restores the state and lets the messages land again, in another tipset', async () => {
      await test.admin.Advance(5)
      const before = await test.node.ChainHead()
      const lookup = await test.preCommit([test.preCommitInfo(7)])
      const left = await test.node.ChainHead()
      expect((await test.admin.Reorg(2)).Height).to.equal(before.Height)
      expect(await test.node.StateSectorPreCommitInfo(MINER, 7, [])).to.equal(null)
      expect(await test.node.StateSearchMsg([], lookup.Message, -1, true)).to.equal(null)
      expect(await test.node.MpoolPending([])).to.have.length(1)
      expect((await test.node.ChainGetTipSet(left.Cids)).Height, 'the fork is still known').to.equal(left.Height)

      const again = await test.admin.Advance(2)
      expect(again.Height).to.equal(left.Height)
      expect(keyOf(again)).to.not.equal(keyOf(left))
      const found = (await test.node.StateSearchMsg([], lookup.Message, -1, true))!
      expect(found.Height).to.equal(lookup.Height)
      expect(found.TipSet.map(String)).to.not.deep.equal(lookup.TipSet.map(String))
      expect(await test.node.StateSectorPreCommitInfo(MINER, 7, [])).to.not.equal(null)
    })

    it('changes tickets but not the beacon', async () => {
      const first = await test.admin.Advance(3)
      const beacon = await test.node.StateGetRandomnessFromBeacon(6, first.Height, null, [])
      const ticket = await test.node.StateGetRandomnessFromTickets(5, first.Height, null, first.Cids)
      await test.admin.Reorg(2)
      const second = await test.admin.Advance(2)
      expect(await test.node.StateGetRandomnessFromBeacon(6, first.Height, null, [])).to.deep.equal(beacon)
      expect(await test.node.StateGetRandomnessFromTickets(5, first.Height, null, second.Cids)).to.not.deep.equal(
        ticket,
      )
      expect(
        await test.node.StateGetRandomnessFromTickets(5, first.Height, null, first.Cids),
        'the left fork still has its own',
      ).to.deep.equal(ticket)
    })

    it('reaches back 900 epochs, but not to the genesis', async () => {
      await test.preCommitted(1)
      await test.admin.Advance(950)
      await test.admin.Reorg(930)
      expect(await test.node.StateMinerSectorAllocated(MINER, 1, [])).to.equal(true)
      expect((await failure(test.admin.Reorg(500))).message).to.contain('cannot take back 500')
      expect((await failure(test.admin.Reorg(0))).message).to.contain('cannot take back 0')
    })
  })

  it('forgets what is far behind, and still finds messages and tickets there', async function () {
    this.timeout(30_000)
    const lookup = await test.preCommit([test.preCommitInfo(1)])
    const old = await test.node.ChainHead()
    const ticket = await test.node.StateGetRandomnessFromTickets(5, old.Height - 3, null, old.Cids)
    await test.admin.Advance(2_600)
    const head = await test.node.ChainHead()
    expect((await failure(test.node.StateMinerInfo(MINER, old.Cids))).message).to.contain('could not find')
    expect((await test.node.ChainGetTipSet(old.Cids)).Height).to.equal(old.Height)
    expect(await test.node.StateGetRandomnessFromTickets(5, old.Height - 3, null, head.Cids)).to.deep.equal(ticket)
    expect((await test.node.StateSearchMsg([], lookup.Message, -1, true))!.TipSet.map(String)).to.deep.equal(
      lookup.TipSet.map(String),
    )
    await test.restart()
    expect(keyOf(await test.node.ChainHead())).to.equal(keyOf(head))
    expect(await test.node.StateMinerSectorAllocated(MINER, 1, [])).to.equal(true)
  })

  describe('a restart', () => {
    it('goes on where it was: head, state, sectors, pool, receipts', async () => {
      await test.preCommitted(1, 2)
      await test.prove(test.proveParams([{ number: 1 }]))
      const waiting = await test.node.MpoolPushMessage(test.message({ To: test.client, Value: 5n }), null)
      const gap = { ...(await test.node.GasEstimateMessageGas(test.message({ To: test.client }), null, [])), Nonce: 9 }
      await test.node.MpoolPush(await test.node.WalletSignMessage(test.worker, gap))
      const [head, sectors, available, landed] = [
        await test.node.ChainHead(),
        await test.node.StateMinerSectors(MINER, null, []),
        await test.node.StateMinerAvailableBalance(MINER, []),
        await test.admin.Messages({}),
      ]
      await test.restart()
      expect(keyOf(await test.node.ChainHead())).to.equal(keyOf(head))
      expect(await test.node.StateMinerSectors(MINER, null, [])).to.deep.equal(sectors)
      expect(await test.node.StateMinerAvailableBalance(MINER, [])).to.equal(available)
      expect(await test.admin.Messages({})).to.deep.equal(landed)
      expect(await test.node.MpoolPending([])).to.have.length(2)
      await test.admin.Advance(2)
      expect((await test.node.StateSearchMsg([], signedMessageCid(waiting), -1, true))!.Receipt.ExitCode).to.equal(0)
      await test.admin.Reorg(4)
      expect(await test.node.StateSectorGetInfo(MINER, 1, []), 'taken back across the restart').to.equal(null)
      await test.admin.Advance(3)
      expect(await test.node.StateSectorGetInfo(MINER, 1, [])).to.not.equal(null)
    })

    it('keeps the network it was made with', async () => {
      const name = await test.node.StateNetworkName()
      const worker = test.worker
      await test.restart()
      expect(await test.node.StateNetworkName()).to.equal(name)
      expect(test.worker.equals(worker)).to.equal(true)
    })
  })

  it('lists what landed, with its sectors and parameters', async () => {
    await test.preCommitted(4, 6)
    await test.prove(test.proveParams([{ number: 4 }, { number: 6 }]))
    const all = await test.admin.Messages({ Miner: 1000 })
    expect(all.map(({ Method, MethodName, Sectors }) => [Method, MethodName, Sectors])).to.deep.equal([
      [28, 'PreCommitSectorBatch2', [4, 6]],
      [34, 'ProveCommitSectors3', [4, 6]],
    ])
    const [preCommit] = await test.admin.Messages({ Method: METHODS.miner.PreCommitSectorBatch2 })
    expect((preCommit!.Params as { Sectors: { SectorNumber: number }[] }).Sectors[1]!.SectorNumber).to.equal(6)
    expect(preCommit!.Receipt!.ExitCode).to.equal(0)
    expect(PreCommitSectorBatch2Params.decode(preCommit!.Message.Params).Sectors).to.have.length(2)
    expect(await test.admin.Messages({ Miner: 1234 })).to.deep.equal([])
  })
})

describe('devnet: epochs by themselves', () => {
  it('come as often as they were told to, and pause', async () => {
    const test = await DevnetUnderTest.start({ manual: false, epochMs: 20 })
    try {
      const from = test.height
      await eventually('40 epochs', 5_000, () => test.height >= from + 40 || undefined)
      await test.admin.PauseMining()
      const paused = test.height
      expect((await test.admin.Status()).Mining).to.equal(false)
      await new Promise(resolve => setTimeout(resolve, 60))
      expect(test.height).to.equal(paused)
      await test.admin.ResumeMining()
      await eventually('another epoch', 5_000, () => test.height > paused || undefined)
    } finally {
      await test.stop()
    }
  })
})

describe('devnet: the verifier’s answers', () => {
  const seal = {
    sealProof: 5,
    miner: 1000,
    number: 1,
    ticket: new Uint8Array(32),
    seed: new Uint8Array(32),
    commR: new Uint8Array(32),
    commD: new Uint8Array(32),
    proof: Uint8Array.of(1),
  }

  it('are remembered for the same inputs only', async () => {
    const scripted = new ScriptedVerifier()
    const verifier = new RememberingVerifier(scripted)
    expect(await verifier.verifySeal(seal)).to.equal(true)
    expect(await verifier.verifySeal({ ...seal })).to.equal(true)
    expect(scripted.seals).to.have.length(1)
    expect(await verifier.verifySeal({ ...seal, proof: Uint8Array.of(0) })).to.equal(false)
    expect(await verifier.verifySeal({ ...seal, number: 2 })).to.equal(true)
    expect(scripted.seals).to.have.length(3)
  })

  it('are not remembered when there was none', async () => {
    let calls = 0
    const verifier = new RememberingVerifier({
      ...new ScriptedVerifier(),
      pieceCommitment: () => Promise.reject(new Error('unused')),
      close: () => Promise.resolve(),
      verifySeal: () => (++calls === 1 ? Promise.reject(new Error('out of memory')) : Promise.resolve(false)),
    })
    expect((await failure(verifier.verifySeal(seal))).message).to.equal('out of memory')
    expect(await verifier.verifySeal(seal)).to.equal(false)
  })
})
