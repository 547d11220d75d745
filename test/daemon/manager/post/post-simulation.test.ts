import { expect } from 'chai'
import { SubmissionRepository } from '../../../../daemon/manager/post/submission-repository.js'
import { MAINNET_DEADLINES } from '../../../../rpc-schema/wire/deadline.js'
import { simulate } from './post-simulation.js'

describe('the poster on a simulated chain', function () {
  this.timeout(60_000)

  it('misses no window that could be made, through null rounds, reorgs, absences of the node, slow stores, lost answers and restarts', async () => {
    const result = await simulate({
      miners: [
        { id: 1000, offset: 7, partitions: 4, sectors: 2 },
        { id: 1001, offset: 50, partitions: 1, sectors: 1 },
        { id: 1002, offset: 333, partitions: 2, sectors: 2 },
      ],
      constants: { ...MAINNET_DEADLINES, WPoStPeriodDeadlines: 8, WPoStProvingPeriod: 480 },
      epochs: 960,
      seed: 4,
    })
    expect(result.missed).to.deep.equal([])
    expect(result.wrong).to.deep.equal([])
    expect(result.windows).to.be.greaterThan(35)
    expect(Math.min(result.reorgs, result.outages, result.restarts)).to.be.greaterThan(2)
    expect([result.slowPhases, result.failures].every(count => count > 0)).to.equal(true)
    expect(result.wasted).to.equal(0)
  })

  it('three managers on one database prove and send each partition once', async () => {
    const result = await simulate({
      miners: [{ id: 1000, offset: 7, partitions: 4, sectors: 2 }],
      constants: { ...MAINNET_DEADLINES, WPoStPeriodDeadlines: 8, WPoStProvingPeriod: 480 },
      epochs: 400,
      seed: 11,
      managers: 3,
    })
    expect(result.missed).to.deep.equal([])
    expect(result.wrong).to.deep.equal([])
    expect(result.windows).to.be.greaterThan(4)
    expect(result.wasted).to.equal(0)
  })

  it('a database that is away when a proof is finished costs no proof: it is kept when it is back', async () => {
    let refusals = 0
    class AwayAtTimes extends SubmissionRepository {
      override async keep(...given: Parameters<SubmissionRepository['keep']>): Promise<boolean> {
        if (refusals++ % 3 < 2) throw new Error('the database is away')
        return super.keep(...given)
      }
    }
    const result = await simulate({
      miners: [{ id: 1000, offset: 7, partitions: 4, sectors: 2 }],
      constants: { ...MAINNET_DEADLINES, WPoStPeriodDeadlines: 8, WPoStProvingPeriod: 480 },
      epochs: 200,
      seed: 4,
      calm: true,
      submissions: db => new AwayAtTimes(db),
    })
    expect(result.missed).to.deep.equal([])
    expect(refusals).to.be.greaterThan(5)
    expect(result.wasted).to.equal(0)
  })
})
