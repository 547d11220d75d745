import { expect } from 'chai'
import { WorkerBench } from './support/bench.js'

/** A promise that never settles: what is held by it is gone with the process. */
const forever = (): Promise<void> => new Promise(() => {})

type Where = { readonly name: string; hold(bench: WorkerBench, held: () => void): void }

/** Every call of the recorded conversation and every stage, cut off before and after it takes effect. */
function cutPoints(): Where[] {
  const calls: [method: string, occurrence: number][] = [
    ['AllocateSector', 1],
    ['AcquireDeals', 1],
    ['AssignTicket', 1],
    ['SubmitPreCommit', 1],
    ['PollPreCommitState', 1],
    ['StoreReserveSpace', 1],
    ['SubmitPersistedEx', 1],
    ['WaitSeed', 1],
    ['SubmitProof', 1],
    ['PollProofState', 1],
    ['ReportFinalized', 1],
    ...Array.from({ length: 16 }, (_, report): [string, number] => ['ReportState', report + 1]),
  ]
  const stages = ['add_pieces', 'tree_d', 'pc1', 'pc2', 'transfer', 'c1', 'c2', 'clear_cache']
  return (['before', 'after'] as const).flatMap(when => [
    ...calls.map(
      ([method, occurrence]): Where => ({
        name: `${when} ${method}${occurrence > 1 || method === 'ReportState' ? ` #${occurrence}` : ''}`,
        hold(bench, held) {
          let seen = 0
          bench.manager.gate((call, at) => {
            if (call.method !== method || at !== when) return
            seen += 1
            if (seen !== occurrence) return
            held()
            return forever()
          })
        },
      }),
    ),
    ...stages.map(
      (stage): Where => ({
        name: `${when} the stage ${stage}`,
        hold(bench, held) {
          bench.processors.gate((call, at) => {
            if (call.stage !== stage || at !== when) return
            held()
            return forever()
          })
        },
      }),
    ),
  ])
}

describe('a worker killed and started again', () => {
  let bench: WorkerBench

  beforeEach(async () => {
    bench = await WorkerBench.make()
  })
  afterEach(() => bench.close())

  for (const point of cutPoints()) {
    it(`${point.name} seals the sector with one pre-commit and one proof`, async () => {
      let held = false
      point.hold(bench, () => {
        held = true
      })
      await bench.start()
      await bench.until(() => held, point.name)
      await bench.stop()
      bench.manager.gate(undefined)
      bench.processors.gate(undefined)
      await bench.start()
      const done = () => [...bench.manager.sectors.values()].some(sector => sector.finalized)
      await bench.until(done, 'the end of the sector')
      const lostNumber = point.name === 'after AllocateSector'
      expect(bench.manager.sectors.size).to.equal(lostNumber ? 2 : 1)
      const sector = bench.manager.sector(lostNumber ? 2 : 1)
      expect(sector.preCommits).to.have.length(1)
      expect(sector.proofs).to.have.length(1)
      expect(sector.abortReason).to.equal(undefined)
      expect(sector.persisted).to.equal('persist1')
      // The ticket on the chain is the one the manager has on record.
      expect(sector.preCommits[0]).to.contain(Buffer.from(sector.tickets.at(-1)!).toString('hex'))
    })
  }

  it('goes on with the ticket it had when PC1 was cut off', async () => {
    let held = false
    bench.processors.gate(call => {
      if (call.stage !== 'pc1') return
      held = true
      return forever()
    })
    await bench.start()
    await bench.until(() => held)
    await bench.stop()
    bench.processors.gate(undefined)
    await bench.start()
    await bench.until(() => bench.processors.ran('pc1').length === 1)
    expect(bench.manager.called('AssignTicket')).to.have.length(1)
  })

  it('does not repeat a stage whose result was journaled', async () => {
    let held = false
    bench.manager.gate((call, when) => {
      if (call.method !== 'SubmitProof' || when !== 'before') return
      held = true
      return forever()
    })
    await bench.start()
    await bench.until(() => held)
    await bench.stop()
    bench.manager.gate(undefined)
    await bench.start()
    await bench.until(() => bench.manager.sector(1).finalized)
    for (const stage of ['add_pieces', 'tree_d', 'pc1', 'pc2', 'transfer', 'c1', 'c2'] as const) {
      expect(bench.processors.ran(stage), stage).to.have.length(1)
    }
  })
})
