import { expect } from 'chai'
import { type SealingLine, simulate } from '../../../../daemon/worker/sealcalc/model.js'

const LINE: SealingLine = {
  treeD: { minutes: 1, concurrent: 1 },
  pc1: { minutes: 180, concurrent: 6 },
  pc2: { minutes: 15, concurrent: 1 },
  c2: { minutes: 15, concurrent: 1 },
  seedMinutes: 80,
  sealingThreads: 14,
}

describe('sealing calculator', () => {
  it('one thread goes through the stages one after another', () => {
    const line = { ...LINE, sealingThreads: 1 }
    const days = 2
    const cycle = 1 + 180 + 15 + 80 + 15
    const snapshots = [...simulate(line, days, 1)]
    expect(snapshots).to.have.length(days * 1_440)
    expect(snapshots.find(at => at.finished === 1)!.minute).to.equal(cycle)
    expect(snapshots.at(-1)!.finished).to.equal(Math.floor((days * 1_440 - 1) / (cycle + 1)))
  })

  it('never runs more than there is room for, and loses no sector', () => {
    for (const at of simulate(LINE, 10, 1)) {
      expect(at.sealing).to.be.within(0, LINE.sealingThreads)
      expect(at.treeD).to.be.within(0, 1)
      expect(at.pc1).to.be.within(0, 6)
      expect(at.pc2).to.be.within(0, 1)
      expect(at.c2).to.be.within(0, 1)
      expect(at.treeD + at.pc1 + at.pc2 + at.waitSeed + at.c2).to.be.at.most(at.sealing)
    }
  })

  it('the narrowest stage sets the pace', () => {
    const [first, last] = [...simulate(LINE, 30, 1_440)].filter((_, day) => day === 10 || day === 29)
    const perDay = (last!.finished - first!.finished) / 19
    expect(perDay).to.be.closeTo((6 * 1_440) / 180, 1)
  })

  it('gives a row every so many minutes', () => {
    expect([...simulate(LINE, 1, 360)].map(at => at.minute)).to.deep.equal([0, 360, 720, 1_080])
  })
})
