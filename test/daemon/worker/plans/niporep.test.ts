import { expect } from 'chai'
import { DEFAULT_SEALING } from '../../../../daemon/worker/config/sealing-config.js'
import { nonInteractiveSpec } from '../../../../daemon/worker/plans/steps/allocate-niporep.js'
import { WorkerBench } from '../support/bench.js'
import { cutAndRestart, cutPoints } from '../support/cut-points.js'

const ID = { Miner: 10_000, Number: 1 }

describe('niporep plan', () => {
  let bench: WorkerBench

  beforeEach(async () => {
    bench = await WorkerBench.make()
    bench.plan = 'niporep'
    bench.manager.proofType = 15
  })
  afterEach(() => bench.close())

  const finished = () =>
    bench.until(() => bench.manager.sectors.size > 0 && bench.manager.sector(1).finalized, 'the end of the sector')
  const paused = () => bench.until(() => bench.threads[0]!.thread_state.state === 'Paused', 'a pause')

  it('seals without deals and without a pre-commit', async () => {
    await bench.start()
    await finished()
    expect(bench.manager.sector(1).reports.map(report => report.StateChange.Event)).to.deep.equal([
      'Allocate',
      'AddPiece',
      'BuildTreeD',
      'AssignTicket',
      'PC1',
      'PC2',
      'Persist',
      'SubmitPersistance',
      'AssignSeed',
      'C1',
      'C2',
      'SubmitProof',
      'Finish',
    ])
    for (const method of ['AcquireDeals', 'SubmitPreCommit', 'PollPreCommitState'] as const)
      expect(bench.manager.called(method), method).to.deep.equal([])
    expect(bench.manager.called('AllocateSector')[0]!.params).to.deep.equal([
      { AllowedMiners: [], AllowedProofTypes: [15] },
    ])
    expect(bench.manager.called('WaitSeed')[0]!.params).to.deep.equal([ID, 15])
    expect(bench.manager.sector(1).proofs).to.have.length(1)
  })

  it('without sizes, asks for non-interactive sectors of every size and for no others', () => {
    expect(nonInteractiveSpec(DEFAULT_SEALING).AllowedProofTypes).to.deep.equal([15, 16, 17, 18, 19])
  })

  it('takes a proof of any length but none', async () => {
    bench.processors.spoiled.set('c2', () => ({ proof: new Uint8Array(13 * 192) }))
    await bench.start()
    await finished()
    await bench.stop()
    bench.processors.spoiled.set('c2', () => ({ proof: new Uint8Array(0) }))
    await bench.start()
    await paused()
    expect(bench.threads[0]!.last_error).to.match(/^permanent: C2 gave a proof of 0 bytes/)
  })

  it('pauses over an interactive sector, rather than use up number after number', async () => {
    bench.manager.proofType = 5
    await bench.start()
    await paused()
    expect(bench.threads[0]!.last_error).to.match(/^permanent: .*StackedDrg2KiBV1_1, which is none of those asked for/)
    expect(bench.manager.sectors.size).to.equal(1)
    await bench.thread.resume('Aborted')
    await finished()
    expect(bench.manager.called('ReportAborted')).to.have.length(1)
  })

  describe('a worker killed and started again', () => {
    const points = cutPoints(
      [
        ['StoreReserveSpace', 1],
        ['SubmitPersistedEx', 1],
        ['WaitSeed', 1],
        ['SubmitProof', 1],
        ['PollProofState', 1],
        ...Array.from({ length: 13 }, (_, index) => ['ReportState', index + 1] as const),
      ],
      (['add_pieces', 'tree_d', 'pc1', 'pc2', 'transfer', 'c1', 'c2', 'clear_cache'] as const).map(
        stage => [stage, 1] as const,
      ),
    )
    for (const point of points) {
      it(`${point.name} hands in one proof`, async () => {
        await cutAndRestart(bench, point)
        await finished()
        expect(bench.manager.sector(1).proofs).to.have.length(1)
        expect(bench.manager.sector(1).abortReason).to.equal(undefined)
      })
    }
  })
})
