import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { WorkerBench } from './support/bench.js'

/** Of the recorded conversation of a real worker with a manager (27 calls for one sector). */
const RECORDED = [
  'AllocateSector',
  'AcquireDeals',
  'ReportState Empty Allocated',
  'ReportState Allocated DealsAcquired',
  'ReportState DealsAcquired PieceAdded',
  'ReportState PieceAdded TreeDBuilt',
  'AssignTicket',
  'ReportState TreeDBuilt TicketAssigned',
  'ReportState TicketAssigned PC1Done',
  'SubmitPreCommit',
  'ReportState PC1Done PC2Done',
  'PollPreCommitState',
  'ReportState PC2Done PCSubmitted',
  'StoreReserveSpace',
  'ReportState PCSubmitted PCLanded',
  'SubmitPersistedEx',
  'ReportState PCLanded Persisted',
  'WaitSeed',
  'ReportState Persisted PersistanceSubmitted',
  'ReportState PersistanceSubmitted SeedAssigned',
  'ReportState SeedAssigned C1Done',
  'SubmitProof',
  'ReportState C1Done C2Done',
  'PollProofState',
  'ReportState C2Done ProofSubmitted',
  'ReportState ProofSubmitted Finished',
  'ReportFinalized',
]

describe('sealer plan', () => {
  let bench: WorkerBench

  beforeEach(async () => {
    bench = await WorkerBench.make()
  })
  afterEach(() => bench.close())

  const conversation = (): string[] =>
    bench.manager.calls
      .filter(({ method }) => method !== 'WorkerPing')
      .map(({ method, params }) =>
        method === 'ReportState' ? `${method} ${params[1].StateChange.Prev} ${params[1].StateChange.Next}` : method,
      )

  it('seals an empty sector in the recorded order of calls', async () => {
    await bench.start()
    await bench.until(() => bench.manager.called('ReportFinalized').length > 0)
    expect(conversation()).to.deep.equal(['StoreBasicInfo', ...RECORDED])
    expect(bench.processors.calls.map(call => call.stage)).to.deep.equal([
      'add_pieces',
      'tree_d',
      'pc1',
      'pc2',
      'transfer',
      'c1',
      'c2',
      'clear_cache',
    ])
  })

  it('asks with the recorded parameters', async () => {
    await bench.start()
    await bench.until(() => bench.manager.called('ReportFinalized').length > 0)
    const [allocate] = bench.manager.called('AllocateSector')
    expect(allocate!.params).to.deep.equal([{ AllowedMiners: [], AllowedProofTypes: [5, 10, 15] }])
    const id = { Miner: 10_000, Number: 1 }
    expect(bench.manager.called('AcquireDeals')[0]!.params).to.deep.equal([id, { MaxDeals: null, MinUsedSpace: null }])
    expect(bench.manager.called('StoreReserveSpace')[0]!.params).to.deep.equal([id, 4096, ['persist1']])
    expect(bench.manager.called('SubmitPersistedEx')[0]!.params).to.deep.equal([id, 'persist1', false])
    expect(bench.manager.called('WaitSeed')[0]!.params).to.deep.equal([id, 5])
    expect(bench.manager.sector(1).reports.map(report => report.StateChange.Event)).to.deep.equal([
      'Allocate',
      'AcquireDeals',
      'AddPiece',
      'BuildTreeD',
      'AssignTicket',
      'PC1',
      'PC2',
      'SubmitPC',
      'CheckPC',
      'Persist',
      'SubmitPersistance',
      'AssignSeed',
      'C1',
      'C2',
      'SubmitProof',
      'Finish',
    ])
    expect(bench.manager.sector(1).reports[0]!.Worker).to.deep.equal({
      Instance: 'bench',
      Location: bench.thread.location,
    })
  })

  it('leaves the files of the sector in the persist store and nothing in its own', async () => {
    await bench.start()
    await bench.until(() => bench.manager.sectors.size > 0 && bench.manager.sector(1).finalized)
    await bench.settle(() => bench.threads[0]!.thread_state.state === 'Idle')
    expect((await readFile(join(bench.persist, 'sealed/s-t010000-1'))).subarray(0, 6).toString()).to.equal('sealed')
    expect((await readdir(join(bench.persist, 'cache/s-t010000-1'))).sort()).to.deep.equal([
      'p_aux',
      'sc-02-data-tree-r-last.dat',
      't_aux',
    ])
    expect(await readdir(join(bench.store, 'data'))).to.deep.equal([])
    expect(await readdir(join(bench.store, 'meta'))).to.deep.equal([])
  })
})
