import { expect } from 'chai'
import { PreCommitSectorBatch2Params } from '../../../rpc-schema/actors/miner-precommit.js'
import { ON_CHAIN_STATE, SUBMIT_RESULT } from '../../../rpc-schema/manager/commitment.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { commRToCid } from '../../../rpc-schema/wire/cid.js'
import { signedMessageCid } from '../../../rpc-schema/wire/message.js'
import { goodProof, ManagerBench, MINER } from '../../daemon/manager/manager-bench.js'
import { eventually } from '../../harness/eventually.js'
import { advanceUntil, expectOnceEach, messagesOf, PRE_COMMIT, PROVE_COMMIT, pooled, reaches } from './chain-truth.js'

const { pending, packed, landed, failed, permFailed, shouldAbort } = ON_CHAIN_STATE
type Sid = { Miner: number; Number: number }

/** Faults of the node and of the chain, on a chain that moves only when the test says so. */
describe('fault: the chain node', function () {
  this.timeout(60_000)
  let bench: ManagerBench

  beforeEach(async () => {
    bench = await new ManagerBench({ devnet: { manual: true, networkVersion: 24 } }).start()
    await bench.admin.Advance(20)
  })
  afterEach(() => bench.stop())

  const submitted = async () => {
    const one = await bench.sealed()
    expect((await bench.api.SubmitPreCommit(one.sector, one.pre, false)).Res).to.equal(SUBMIT_RESULT.accepted)
    return one
  }
  const preCommitted = async () => {
    const one = await submitted()
    await pooled(bench)
    await reaches(bench, 'pre', one.sid, landed)
    return one
  }
  const seedOf = (sid: Sid) =>
    advanceUntil(bench, `the seed of ${sid.Number}`, async () => (await bench.api.WaitSeed(sid, 5)).Seed ?? undefined)
  const prove = async (sid: Sid) => {
    await seedOf(sid)
    expect((await bench.api.SubmitProof(sid, { Proof: goodProof(sid.Number) }, false)).Res).to.equal(1)
  }
  const stateOf = async (sid: Sid) => (await bench.api.PollPreCommitState(sid)).State
  /** A message that somebody else sends with the key of the miner's control address, or another. */
  const outsider = async (From: Address, change: { To?: Address; Value?: bigint } = {}) =>
    bench.chain.MpoolPushMessage(
      {
        Version: 0,
        To: Address.fromId(99),
        From,
        Nonce: 0,
        Value: 1n,
        GasLimit: 0,
        GasFeeCap: 0n,
        GasPremium: 0n,
        Method: 0,
        Params: new Uint8Array(),
        ...change,
      },
      null,
    )
  const senderOf = async (): Promise<Address> => {
    const [message] = await messagesOf(bench, PRE_COMMIT)
    return bench.chain.StateAccountKey(Address.fromId(message!.From), [])
  }

  it('fault 4: the head stands still while a message lands, then jumps 30 epochs: seen at once, sent once', async () => {
    const { sid } = await submitted()
    await pooled(bench)
    await bench.admin.HoldHead({ Endpoint: 'main', Behind: 0 })
    await bench.admin.Advance(30)
    for (let look = 0; look < 5; look++) expect(await stateOf(sid)).to.equal(pending)
    await bench.admin.ReleaseHead('main')
    await eventually('landed', 10_000, async () => ((await stateOf(sid)) === landed ? true : undefined))
    await expectOnceEach(bench)
  })

  it('fault 4: a jump of null rounds over the confidence and the seed', async () => {
    const { sid } = await submitted()
    await pooled(bench)
    await bench.admin.Advance(1)
    await bench.admin.NullRounds(30)
    await reaches(bench, 'pre', sid, landed)
    await prove(sid)
    await reaches(bench, 'prove', sid, landed)
    await expectOnceEach(bench)
  })

  it('fault 6: the node shows an older head, from before the message: what is known stays, nothing is sent again', async () => {
    const { sid, sector, pre } = await preCommitted()
    await bench.admin.HoldHead({ Endpoint: 'main', Behind: 10 })
    for (let look = 0; look < 5; look++) expect(await stateOf(sid)).to.be.oneOf([landed, packed])
    expect((await bench.api.SubmitPreCommit(sector, pre, true)).Res, 'handed in again').to.equal(1)
    await bench.admin.Advance(5)
    await bench.admin.ReleaseHead('main')
    await bench.admin.Advance(5)
    await reaches(bench, 'pre', sid, landed)
    await expectOnceEach(bench)
  })

  it('fault 6: the manager is started while the node shows an older head', async () => {
    const { sid } = await preCommitted()
    await bench.manager.stop()
    await bench.admin.HoldHead({ Endpoint: 'main', Behind: 10 })
    await bench.startManager()
    const seen = new Set<number>()
    for (let look = 0; look < 5; look++) seen.add(await stateOf(sid))
    for (const state of [failed, permFailed, shouldAbort]) expect([...seen]).to.not.include(state)
    await bench.admin.Advance(25)
    await bench.admin.ReleaseHead('main')
    await reaches(bench, 'pre', sid, landed)
    await prove(sid)
    await reaches(bench, 'prove', sid, landed)
    await expectOnceEach(bench)
  })

  for (const [what, Message] of [
    ['actor not found', 'resolution lookup failed: actor not found'],
    ['the state is not available', 'failed to load state tree: ipld: could not find bafy2bzace'],
  ] as const)
    it(`fault 7: for minutes the node says ${what}: no sector is refused or given up, all goes on after it`, async () => {
      const { sid } = await preCommitted()
      const waiting = await bench.sealed()
      for (const Method of ['StateSectorPreCommitInfo', 'StateSectorGetInfo', 'StateMinerSectorAllocated', 'StateCall'])
        await bench.admin.Fail({ Method: `Filecoin.${Method}`, Kind: 'error', Message })
      const outcome = async (work: Promise<{ Res: number }>) =>
        work.then(
          ({ Res }) => Res,
          () => 'error' as const,
        )
      for (let minute = 0; minute < 5; minute++) {
        await bench.admin.Advance(2)
        const polled = await bench.api.PollPreCommitState(sid).then(
          ({ State }) => State,
          () => 'error' as const,
        )
        expect(polled).to.be.oneOf(['error', pending, packed, landed])
        expect(await outcome(bench.api.SubmitPreCommit(waiting.sector, waiting.pre, false))).to.be.oneOf(['error', 1])
        expect(await outcome(bench.api.SubmitProof(sid, { Proof: goodProof(1) }, false))).to.be.oneOf(['error', 1])
      }
      await bench.admin.ClearFaults()
      expect((await bench.api.SubmitPreCommit(waiting.sector, waiting.pre, false)).Res).to.equal(1)
      await reaches(bench, 'pre', waiting.sid, landed)
      await prove(sid)
      await reaches(bench, 'prove', sid, landed)
      await expectOnceEach(bench)
    })

  it('fault 10: the pool forgets a pre-commit, and later a proof: the same signed message is given again, with the same nonce', async () => {
    const { sid } = await submitted()
    await pooled(bench)
    expect(await bench.admin.ForgetMessages(null)).to.equal(1)
    await reaches(bench, 'pre', sid, landed)
    await prove(sid)
    await pooled(bench)
    await bench.admin.ForgetMessages(null)
    await reaches(bench, 'prove', sid, landed)
    const messages = await messagesOf(bench)
    expect(messages.map(({ Method }) => Method)).to.deep.equal([PRE_COMMIT, PROVE_COMMIT])
    const nonces = messages.map(({ From, Message: { Nonce } }) => `${From}/${Nonce}`)
    expect(new Set(nonces).size).to.equal(2)
    await expectOnceEach(bench)
  })

  it('fault 12: somebody else takes the number: the message fails with code 16, once, and the sector is told as failed for good', async () => {
    const { sid } = await submitted()
    await pooled(bench)
    const [own] = await bench.chain.MpoolPending([])
    const { Owner } = (await bench.admin.Status()).Miners[0]!
    const { Sectors } = PreCommitSectorBatch2Params.decode(own!.Message.Params)
    const SealedCID = commRToCid(new Uint8Array(32).fill(9))
    const Params = PreCommitSectorBatch2Params.encode({ Sectors: Sectors.map(one => ({ ...one, SealedCID })) })
    await bench.admin.ForgetMessages(null)
    await bench.chain.MpoolPushMessage({ ...own!.Message, Params, From: Owner, Nonce: 0, GasLimit: 0 }, null)
    await bench.admin.Advance(2)
    await reaches(bench, 'pre', sid, permFailed, shouldAbort)
    await bench.admin.Advance(60)
    const codes = (await messagesOf(bench, PRE_COMMIT)).map(({ Receipt }) => Receipt?.ExitCode)
    expect(codes, 'theirs and ours').to.deep.equal([0, 16])
    expect((await bench.admin.Status()).Pending).to.equal(0)
    const next = await submitted()
    expect(next.sid.Number, 'the number is not given again').to.not.equal(sid.Number)
    await reaches(bench, 'pre', next.sid, landed)
  })

  it('fault 13: a message of somebody else with the same wallet is lost before ours: ours waits, and lands once when the gap is closed', async () => {
    const first = await preCommitted()
    const sender = await senderOf()
    // The richest is chosen, so that it stays with this one.
    await bench.admin.FundAddress(sender, 10n ** 24n)
    await bench.admin.Advance(2)
    const lost = await outsider(sender)
    const { sid } = await submitted()
    await pooled(bench, 2)
    const { sid: third } = await submitted()
    await pooled(bench, 3)
    expect(await bench.admin.ForgetMessages([signedMessageCid(lost)])).to.equal(1)
    await bench.admin.Advance(50)
    expect(await stateOf(sid)).to.equal(pending)
    expect(await bench.landed(PRE_COMMIT, sid)).to.equal(0)
    await bench.chain.MpoolPush(lost)
    await reaches(bench, 'pre', sid, landed)
    await reaches(bench, 'pre', third, landed)
    expect(await bench.landed(PRE_COMMIT, first.sid)).to.equal(1)
    await expectOnceEach(bench)
  })

  it('fault 14: the network is upgraded between PC2 and the pre-commit, and again before the proof', async () => {
    const one = await bench.sealed()
    await bench.admin.UpgradeNetwork({ Version: 25, Epoch: (await bench.admin.Status()).Height + 2 })
    await bench.admin.Advance(3)
    expect((await bench.api.SubmitPreCommit(one.sector, one.pre, false)).Res).to.equal(1)
    await reaches(bench, 'pre', one.sid, landed)
    await bench.admin.UpgradeNetwork({ Version: 29, Epoch: (await bench.admin.Status()).Height + 5 })
    await bench.admin.Advance(6)
    await prove(one.sid)
    await reaches(bench, 'prove', one.sid, landed)
    await expectOnceEach(bench)
  })

  it('fault 14: the upgrade passes while messages wait in the pool', async () => {
    const { sid } = await submitted()
    await pooled(bench)
    await bench.admin.UpgradeNetwork({ Version: 29, Epoch: (await bench.admin.Status()).Height + 1 })
    await reaches(bench, 'pre', sid, landed)
    await prove(sid)
    await reaches(bench, 'prove', sid, landed)
    await expectOnceEach(bench)
  })

  it('fault 15: the balance runs out between the estimate and the block: the sector waits for a top-up, is not tried on and on', async () => {
    const first = await preCommitted()
    const sender = await senderOf()
    await seedOf(first.sid)
    const { Balance } = await bench.chain.StateGetActor(sender, [])
    await outsider(sender, { Value: Balance - 10n ** 17n })
    await bench.admin.Advance(2)
    const others = (await bench.admin.Status()).Miners[0]!
    for (const other of [others.Owner, others.Worker, others.Control]) {
      if (other.equals(sender)) continue
      const { Balance: has } = await bench.chain.StateGetActor(other, [])
      if (has > 10n ** 17n) await outsider(other, { Value: has - 10n ** 17n })
    }
    await bench.admin.Advance(2)
    const { sid } = await submitted()
    await bench.admin.Advance(60)
    expect(await stateOf(sid)).to.equal(pending)
    expect(await bench.landed(PRE_COMMIT, sid)).to.equal(0)
    await bench.admin.FundAddress(sender, 10n ** 21n)
    await reaches(bench, 'pre', sid, landed)
    expect((await messagesOf(bench)).filter(({ To }) => To === MINER).length).to.equal(2)
    await expectOnceEach(bench)
  })
})
