import { expect } from 'chai'
import { isPlan, PLANS } from '../../../rpc-schema/worker/plans.js'
import { isSectorState, SECTOR_STATES } from '../../../rpc-schema/worker/sector-states.js'

describe('sector states', () => {
  it('keep the numbers of damocles’s records', () => {
    expect(SECTOR_STATES).to.have.lengthOf(26)
    const numbers: [number, string][] = [
      [0, 'Empty'],
      [4, 'TreeDBuilt'],
      [7, 'PC2Done'],
      [8, 'SyntheticPoRepNeeded'],
      [12, 'PersistanceSubmitted'],
      [15, 'C2Done'],
      [18, 'Aborted'],
      [19, 'SnapEncoded'],
      [25, 'Unsealed'],
    ]
    for (const [number, name] of numbers) expect(SECTOR_STATES[number]).to.equal(name)
  })

  it('are told from other names', () => {
    expect(isSectorState('C1Done')).to.equal(true)
    expect(isSectorState('NoSuchState')).to.equal(false)
    expect(isSectorState('c1done')).to.equal(false)
  })
})

describe('plans', () => {
  it('are those of damocles, with niporep', () => {
    expect(PLANS).to.deep.equal(['sealer', 'snapup', 'rebuild', 'unseal', 'wdpost', 'niporep'])
    expect(isPlan('sealer')).to.equal(true)
    expect(isPlan('Sealer')).to.equal(false)
  })
})
