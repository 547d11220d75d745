import { expect } from 'chai'
import { ON_CHAIN_STATE, SUBMIT_RESULT } from '../../../rpc-schema/manager/commitment.js'
import { goodProof, ManagerBench, MINER, PIECE_COMMITMENT, SECTOR_SIZE } from './manager-bench.js'

const NO_LIMIT = { MaxDeals: null, MinUsedSpace: null }

describe('manager: sectors with data', function () {
  this.timeout(60_000)
  let bench: ManagerBench

  before(async () => {
    bench = await new ManagerBench({ deals: true }).start()
  })
  after(() => bench?.stop())

  const offer = async (): Promise<number> =>
    (await bench.admin.ImportDeal({ Miner: MINER, Data: new Uint8Array(1900).fill(5) })).AllocationID

  it('get their pieces from the market once, and bring them to the chain', async () => {
    const { api } = bench
    const { sector, sid, pre } = await bench.sealed()
    expect(await api.AcquireDeals(sid, NO_LIMIT), 'nothing offered').to.deep.equal([])
    const allocation = await offer()
    const pieces = (await api.AcquireDeals(sid, NO_LIMIT))!
    expect(pieces).to.have.length(1)
    expect(pieces[0]!.DealInfo).to.deep.include({
      AllocationID: allocation,
      IsBuiltinMarket: false,
      PieceSize: SECTOR_SIZE,
    })
    expect(await api.AcquireDeals(sid, NO_LIMIT)).to.deep.equal(pieces)

    const empty = await api.SubmitPreCommit(sector, pre, false)
    expect(empty.Res, 'comm_d of zeros').to.equal(SUBMIT_RESULT.mismatchedSubmission)
    expect((await api.SubmitPreCommit(sector, { ...pre, CommD: PIECE_COMMITMENT }, false)).Res).to.equal(1)
    await bench.preCommitState(sid, ON_CHAIN_STATE.landed)
    await bench.seed(sid, 5)
    expect((await api.SubmitProof(sid, { Proof: goodProof(1) }, false)).Res).to.equal(1)
    await bench.proofState(sid, ON_CHAIN_STATE.landed)
    const { Deals } = await bench.admin.Status()
    expect(Deals.find(deal => deal.AllocationID === allocation)).to.deep.include({
      State: 'active',
      Sector: sid.Number,
    })
  })

  it('give their deals back when they are given up', async () => {
    const { sid } = await bench.sealed()
    const allocation = await offer()
    await bench.api.AcquireDeals(sid, NO_LIMIT)
    const stateOf = async (): Promise<string> =>
      (await bench.admin.Status()).Deals.find(deal => deal.AllocationID === allocation)!.State
    expect(await stateOf()).to.equal('sealing')
    await bench.api.ReportAborted(sid, 'test')
    expect(await stateOf()).to.equal('allocated')
    expect((await bench.api.FindSector('offline', sid))!.Pieces, 'the pieces stay in the record').to.have.length(1)
  })

  it('when the market does not take them back, nothing has changed', async () => {
    const { sid } = await bench.sealed()
    await offer()
    await bench.api.AcquireDeals(sid, NO_LIMIT)
    await bench.admin.Fail({ Method: 'VENUS_MARKET.ReleaseDirectDeals', Kind: 'error', Times: 1 })
    const error = await bench.api.ReportAborted(sid, 'test').catch((thrown: unknown) => thrown)
    expect(error).to.include({ code: 1 })
    expect((await bench.api.FindSectorInAllStates(sid))!.Finalized).to.equal(false)
  })

  it('the piece store sends workers to the market for what it does not have', async () => {
    const { sid } = await bench.sealed()
    await offer()
    const [piece] = (await bench.api.AcquireDeals(sid, NO_LIMIT))!
    const url = `http://${bench.manager.address}/piecestore/${piece!.Piece.PieceCID}`
    const answer = await fetch(url, { redirect: 'manual' })
    expect(answer.status).to.equal(302)
    expect(answer.headers.get('location')).to.equal(
      `${bench.devnet.address}/resource?resource-id=${piece!.Piece.PieceCID}`,
    )
    expect((await fetch(`http://${bench.manager.address}/piecestore/nope`)).status).to.equal(400)
    expect((await fetch(url, { method: 'DELETE' })).status).to.equal(405)
  })
})
