import { expect } from 'chai'
import { ON_CHAIN_STATE, SUBMIT_RESULT } from '../../../rpc-schema/manager/commitment.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { onEachDatabase, type TestDatabase } from '../../harness/on-each-database.js'
import { goodProof, ManagerBench, MINER } from './manager-bench.js'

const { landed } = ON_CHAIN_STATE

onEachDatabase('manager: the way of a sector', database => theWay(database, false))
onEachDatabase('manager: the way of a sector by the messager', database => theWay(database, true))

function theWay(database: TestDatabase, messager: boolean): void {
  let bench: ManagerBench

  before(async function () {
    this.timeout(60_000)
    bench = await new ManagerBench({ database: await database.fresh(), messager }).start()
  })
  after(() => bench?.stop())

  it('goes from a number to a finished record, with one message of each kind', async () => {
    const { api } = bench
    const { sector, sid, pre } = await bench.sealed()
    expect(sector).to.deep.equal({ ID: { Miner: MINER, Number: 1 }, ProofType: 5 })
    expect(await api.AcquireDeals(sid, { MaxDeals: null, MinUsedSpace: null })).to.equal(null)
    expect((await api.PollPreCommitState(sid)).State).to.equal(ON_CHAIN_STATE.failed)

    expect(await api.SubmitPreCommit(sector, pre, false)).to.deep.equal({ Res: SUBMIT_RESULT.accepted, Desc: null })
    expect((await api.SubmitPreCommit(sector, pre, false)).Res).to.equal(SUBMIT_RESULT.accepted)
    const other = { ...pre, CommR: new Uint8Array(32).fill(3) }
    expect(await api.SubmitPreCommit(sector, other, false)).to.deep.equal({
      Res: SUBMIT_RESULT.mismatchedSubmission,
      Desc: null,
    })
    const poll = await bench.preCommitState(sid, landed)
    expect(poll.Desc).to.match(/^MessageReceipt: \{\n {2}"ExitCode": 0,\n {2}"Return": null,\n {2}"GasUsed": \d+/)

    const store = await api.StoreReserveSpace(sid, 4096, ['persist'])
    expect(store?.Name).to.equal('persist')
    expect(await api.SubmitPersistedEx(sid, 'persist', false)).to.equal(false)
    bench.writeFiles(sid, sector.ProofType)
    expect(await api.SubmitPersistedEx(sid, 'persist', false)).to.equal(true)

    const seed = await bench.seed(sid, sector.ProofType)
    const onChain = await bench.chain.StateSectorPreCommitInfo(Address.fromId(MINER), sid.Number, [])
    expect(seed.Epoch).to.equal(onChain!.PreCommitEpoch + 10)

    expect(await api.SubmitProof(sid, { Proof: new Uint8Array(192) }, false)).to.deep.include({
      Res: SUBMIT_RESULT.rejected,
    })
    expect(await api.SubmitProof(sid, { Proof: goodProof(1) }, false)).to.deep.equal({
      Res: SUBMIT_RESULT.accepted,
      Desc: null,
    })
    expect(bench.verified.at(-1)).to.deep.include({ sector: sid, sealProofType: 5, commR: pre.CommR })
    await bench.proofState(sid, landed)
    expect((await api.PollPreCommitState(sid)).State, 'after the proof').to.equal(landed)

    const report = {
      Worker: { Instance: 'w', Location: '/s' },
      StateChange: { Prev: 'ProofSubmitted', Next: 'Finished', Event: 'None' },
      Failure: null,
    }
    expect(await api.ReportState(sid, report)).to.deep.equal({ Id: sid, Finalized: false, AbortReason: '' })
    await api.ReportFinalized(sid)
    expect((await api.ReportState(sid, report)).Finalized).to.equal(true)
    expect((await api.StoreList())![0]!.ReservedBy).to.deep.equal([])
    const record = await api.FindSector('offline', sid)
    expect(record!.Finalized).to.equal(true)
    expect(record!.LatestState!.StateChange.Next).to.equal('Finished')
    expect(record!.MessageInfo.NeedSend).to.equal(false)
    expect(await api.SectorIndexerFind('normal', sid)).to.deep.equal({
      Found: true,
      Instance: { SealedFile: 'persist', CacheDir: 'persist' },
    })
    expect(await bench.landed(28, sid)).to.equal(1)
    expect(await bench.landed(34, sid)).to.equal(1)
    expect(await bench.chain.StateSectorGetInfo(Address.fromId(MINER), sid.Number, [])).to.not.equal(null)
  })

  it('takes a re-submission of what is on the chain without sending it again', async () => {
    const { api } = bench
    const { sector, sid, pre } = await bench.sealed()
    await api.SubmitPreCommit(sector, pre, false)
    await bench.preCommitState(sid, landed)
    expect((await api.SubmitPreCommit(sector, pre, true)).Res).to.equal(SUBMIT_RESULT.accepted)
    expect((await bench.preCommitState(sid, landed)).State).to.equal(landed)
    const other = { ...pre, CommR: new Uint8Array(32).fill(9) }
    expect((await api.SubmitPreCommit(sector, other, true)).Res).to.equal(SUBMIT_RESULT.rejected)
    await bench.seed(sid, 5)
    await api.SubmitProof(sid, { Proof: goodProof(2) }, false)
    await bench.proofState(sid, landed)
    expect((await api.SubmitProof(sid, { Proof: goodProof(2) }, true)).Res).to.equal(SUBMIT_RESULT.accepted)
    expect((await bench.proofState(sid, landed)).State).to.equal(landed)
    expect(await bench.landed(28, sid)).to.equal(1)
    expect(await bench.landed(34, sid)).to.equal(1)
  })

  it('refuses a wrong comm_d and a ticket that the chain does not know', async () => {
    const { sector, pre } = await bench.sealed()
    const wrongD = await bench.api.SubmitPreCommit(sector, { ...pre, CommD: new Uint8Array(32).fill(1) }, false)
    expect(wrongD.Res).to.equal(SUBMIT_RESULT.mismatchedSubmission)
    expect(wrongD.Desc).to.include('unsealed CID')
    const Ticket = { ...pre.Ticket, Ticket: new Uint8Array(32).fill(7) }
    const wrongTicket = await bench.api.SubmitPreCommit(sector, { ...pre, Ticket }, false)
    expect(wrongTicket.Res).to.equal(SUBMIT_RESULT.rejected)
    expect(wrongTicket.Desc).to.include('bad ticket')
  })

  it('refuses sectors with non-interactive proofs with a clear text', async () => {
    const { api } = bench
    const { sector, sid, pre } = await bench.sealed()
    await api.ImportSector('online', { ...(await api.FindSector('online', sid))!, SectorType: 15 }, true)
    for (const answer of [
      await api.SubmitPreCommit({ ...sector, ProofType: 15 }, pre, false),
      await api.SubmitProof(sid, { Proof: goodProof(1) }, false),
    ]) {
      expect(answer.Res).to.equal(SUBMIT_RESULT.rejected)
      expect(answer.Desc).to.match(/non-interactive proofs \(NI-PoRep\) are not brought to the chain/)
    }
  })

  it('gives a sector up, and brings it back', async () => {
    const { sid } = await bench.sealed()
    await bench.api.StoreReserveSpace(sid, 4096, [])
    await bench.api.ReportAborted(sid, 'out of luck')
    expect((await bench.api.FindSectorInAllStates(sid))!.AbortReason).to.equal('out of luck')
    expect((await bench.api.StoreList())![0]!.Reserved).to.equal(0)
    await bench.api.RestoreSector(sid, false)
    const back = await bench.api.FindSector('online', sid)
    expect(back).to.deep.include({ AbortReason: '', Finalized: false })
  })
}
