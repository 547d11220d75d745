import { expect } from 'chai'
import { ON_CHAIN_STATE, SUBMIT_RESULT } from '../../../rpc-schema/manager/commitment.js'
import { eventually } from '../../harness/eventually.js'
import { goodProof, ManagerBench } from './manager-bench.js'

const { landed } = ON_CHAIN_STATE

const batches = (threshold: number, maxWait: string): string => `[Miners.Commitment]
Confidence = 1
[Miners.Commitment.Pre.Batch]
Threshold = ${threshold}
MaxWait = "${maxWait}"
CheckInterval = "1s"
[Miners.Commitment.Prove.Batch]
Threshold = ${threshold}
MaxWait = "${maxWait}"
CheckInterval = "1s"
`

describe('manager: batches', function () {
  this.timeout(60_000)
  let bench: ManagerBench

  afterEach(() => bench.stop())

  const submitted = async (count: number) => {
    const all = []
    for (let left = count; left > 0; left--) {
      const one = await bench.sealed()
      expect((await bench.api.SubmitPreCommit(one.sector, one.pre, false)).Res).to.equal(SUBMIT_RESULT.accepted)
      all.push(one)
    }
    return all
  }

  const messages = async (method: number) => bench.admin.Messages({ Miner: 1000, Method: method })

  it('wait for the threshold and go in one message', async () => {
    bench = await new ManagerBench({ minerConfig: batches(3, '24h') }).start()
    const two = await submitted(2)
    await bench.seed(two[0]!.sid, 15)
    expect(await messages(28), 'two of three').to.deep.equal([])
    const all = [...two, ...(await submitted(1))]
    for (const { sid } of all) await bench.preCommitState(sid, landed)
    expect((await messages(28)).map(message => message.Sectors)).to.deep.equal([all.map(({ sid }) => sid.Number)])
    for (const { sid } of all) await bench.seed(sid, 5)
    for (const { sid } of all) await bench.api.SubmitProof(sid, { Proof: goodProof(sid.Number) }, false)
    for (const { sid } of all) await bench.proofState(sid, landed)
    expect(await messages(34)).to.have.length(1)
  })

  it('go when the first has waited long enough', async () => {
    bench = await new ManagerBench({ minerConfig: batches(8, '20s') }).start()
    const [one] = await submitted(1)
    await bench.preCommitState(one!.sid, landed)
    expect(await messages(28)).to.have.length(1)
  })

  it('that the node refuses stay together and are sent later', async () => {
    bench = await new ManagerBench({ minerConfig: batches(2, '24h') }).start()
    await bench.admin.Fail({
      Method: 'Filecoin.MpoolPushMessage',
      Kind: 'error',
      Times: 1,
      Message: 'not enough funds',
    })
    const all = await submitted(2)
    for (const { sid } of all) await bench.preCommitState(sid, landed)
    expect((await messages(28)).map(message => message.Sectors)).to.deep.equal([all.map(({ sid }) => sid.Number)])
  })

  it('of proofs with one that the chain would not take: the others go without it', async () => {
    bench = await new ManagerBench({ minerConfig: batches(3, '24h'), chainRefuses: 77 }).start()
    const all = await submitted(3)
    for (const { sid } of all) await bench.preCommitState(sid, landed)
    for (const { sid } of all) await bench.seed(sid, 5)
    for (const [index, { sid }] of all.entries()) {
      const Proof = index === 1 ? new Uint8Array(192).fill(77) : goodProof(index)
      expect((await bench.api.SubmitProof(sid, { Proof }, false)).Res).to.equal(SUBMIT_RESULT.accepted)
    }
    await bench.proofState(all[0]!.sid, landed)
    await bench.proofState(all[2]!.sid, landed)
    await bench.proofState(all[1]!.sid, ON_CHAIN_STATE.failed)
    expect((await messages(34)).map(message => message.Sectors)).to.deep.equal([
      [all[0]!.sid.Number, all[2]!.sid.Number],
    ])
  })

  it('at a node that cannot try messages: one that the chain does not take does not hold back the others, and it is told of it', async () => {
    bench = await new ManagerBench({ minerConfig: batches(3, '24h'), chainRefuses: 77 }).start()
    await bench.admin.Fail({ Method: 'Filecoin.StateCall', Kind: 'error', Times: 100, Message: 'not here' })
    const all = await submitted(3)
    for (const { sid } of all) await bench.preCommitState(sid, landed)
    for (const { sid } of all) await bench.seed(sid, 5)
    for (const [index, { sid }] of all.entries()) {
      const Proof = index === 1 ? new Uint8Array(192).fill(77) : goodProof(index)
      expect((await bench.api.SubmitProof(sid, { Proof }, false)).Res).to.equal(SUBMIT_RESULT.accepted)
    }
    await bench.proofState(all[0]!.sid, landed)
    await bench.proofState(all[2]!.sid, landed)
    const bad = await bench.proofState(all[1]!.sid, ON_CHAIN_STATE.permFailed)
    expect(bad.Desc).to.match(/this sector: ErrIllegalArgument\(16\)/)
    expect(await messages(34)).to.have.length(1)
  })

  it('a sector that is given up while it waits is not sent', async () => {
    bench = await new ManagerBench({ minerConfig: batches(2, '24h') }).start()
    const [one] = await submitted(1)
    await bench.api.ReportAborted(one!.sid, 'test')
    const [two, three] = await submitted(2)
    await bench.preCommitState(three!.sid, landed)
    const sent = (await messages(28)).flatMap(message => message.Sectors)
    expect(sent).to.deep.equal([two!.sid.Number, three!.sid.Number])
  })

  it('a sector that its worker has finished with still gets its proof to the chain', async () => {
    bench = await new ManagerBench({ minerConfig: batches(2, '24h') }).start()
    const all = await submitted(2)
    for (const { sid } of all) await bench.preCommitState(sid, landed)
    for (const { sid } of all) await bench.seed(sid, 5)
    await bench.api.SubmitProof(all[0]!.sid, { Proof: goodProof(1) }, false)
    await bench.api.ReportFinalized(all[0]!.sid)
    await bench.manager.stop()
    await bench.startManager()
    await bench.api.SubmitProof(all[1]!.sid, { Proof: goodProof(2) }, false)
    await bench.proofState(all[1]!.sid, landed)
    const [message] = await messages(34)
    expect(message!.Sectors).to.deep.equal(all.map(({ sid }) => sid.Number))
    const record = await bench.api.FindSector('offline', all[0]!.sid)
    expect(record!.MessageInfo).to.deep.include({ NeedSend: false })
    expect(record!.MessageInfo.CommitCid?.toString()).to.equal(message!.Cid.toString())
  })

  it('what waits is sent after a restart', async () => {
    bench = await new ManagerBench({ minerConfig: batches(2, '24h') }).start()
    const [one] = await submitted(1)
    await bench.manager.stop()
    await bench.startManager()
    expect((await bench.api.PollPreCommitState(one!.sid)).State).to.equal(ON_CHAIN_STATE.pending)
    const [two] = await submitted(1)
    await bench.preCommitState(one!.sid, landed)
    await bench.preCommitState(two!.sid, landed)
    await eventually('one message', 5_000, async () => ((await messages(28)).length === 1 ? true : undefined))
  })
})
