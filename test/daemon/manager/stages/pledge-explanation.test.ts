import { expect } from 'chai'
import { explainPledges } from '../../../../daemon/manager/stages/pledge-explanation.js'
import { SIZE_32, worker, world } from './world-under-test.js'

describe('manager: why pledges wait', () => {
  const FACTS = { waiting: 3, sealing: 1, maxSealing: 2, sectorSize: SIZE_32 }

  it('none that waits needs no reason', () => {
    expect(explainPledges({ ...FACTS, waiting: 0 }, world({}))).to.equal(undefined)
  })

  it('MaxSealingSectors comes first', () => {
    const told = explainPledges({ ...FACTS, sealing: 2 }, world({ workers: [worker('A')] }))
    expect(told?.why).to.equal('2 sectors are being sealed, and MaxSealingSectors is 2')
    expect(told?.change).to.include('raise MaxSealingSectors')
    expect(explainPledges({ ...FACTS, sealing: 2, maxSealing: 0 }, world({ workers: [worker('A')] }))?.why).to.include(
      'A can take it',
    )
  })

  it('else what every worker says to the first task of a sector', () => {
    expect(explainPledges(FACTS, world({}))?.why).to.equal('no stage worker has been heard of')
    const noPath = explainPledges(FACTS, world({ workers: [worker('A', { paths: [] })] }))
    expect(noPath?.why).to.equal('A has no path to seal on')
    expect(noPath?.change).to.include('storage attach')
    const proving = worker('B', { kinds: new Set(['C2']) })
    expect(explainPledges(FACTS, world({ workers: [proving] }))?.change).to.include('--addpiece')
  })
})
