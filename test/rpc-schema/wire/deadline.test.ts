import { expect } from 'chai'
import {
  DeadlineInfo,
  faultCutoffPassed,
  hasElapsed,
  isOpen,
  MAINNET_DEADLINES,
  newDeadlineInfo,
  nextNotElapsed,
  periodElapsed,
  periodStarted,
} from '../../../rpc-schema/wire/deadline.js'
import { golden, lotusResult } from './golden.js'

interface Vector {
  input: { currentEpoch: number; deadlineIndex: number; periodStart: number }
  info: DeadlineInfo
  isOpen: boolean
  hasElapsed: boolean
  periodElapsed: boolean
  faultCutoffPassed: boolean
  nextNotElapsed: DeadlineInfo
}

describe('wire/deadline', () => {
  for (const vector of golden<Vector[]>('deadlines.json')) {
    const { periodStart, deadlineIndex, currentEpoch } = vector.input
    it(`deadline ${deadlineIndex} of ${periodStart} at ${currentEpoch}`, () => {
      const info = newDeadlineInfo(periodStart, deadlineIndex, currentEpoch)
      expect(info).to.deep.equal(vector.info)
      expect(isOpen(info)).to.equal(vector.isOpen)
      expect(hasElapsed(info)).to.equal(vector.hasElapsed)
      expect(periodElapsed(info)).to.equal(vector.periodElapsed)
      expect(faultCutoffPassed(info)).to.equal(vector.faultCutoffPassed)
      expect(nextNotElapsed(info)).to.deep.equal(vector.nextNotElapsed)
    })
  }

  for (const name of ['genesis', 'own']) {
    it(`gives what a node told of a miner (${name})`, () => {
      const told = DeadlineInfo.decode(lotusResult<DeadlineInfo>(`StateMinerProvingDeadline.${name}`))
      expect(newDeadlineInfo(told.PeriodStart, told.Index, told.CurrentEpoch)).to.deep.equal(told)
    })
  }

  it('is open from its first epoch and closed at its close', () => {
    const at = (epoch: number) => newDeadlineInfo(1000, 1, epoch)
    expect([1059, 1060, 1119, 1120].map(epoch => isOpen(at(epoch)))).to.deep.equal([false, true, true, false])
    expect(hasElapsed(at(1119))).to.equal(false)
    expect(nextNotElapsed(at(1119)).PeriodStart).to.equal(1000)
    expect(nextNotElapsed(at(1120)).PeriodStart).to.equal(3880)
    expect(nextNotElapsed(at(1120 + 2880)).PeriodStart).to.equal(6760)
    expect(periodStarted(at(999))).to.equal(false)
    expect(periodStarted(at(1000))).to.equal(true)
  })

  it('gives the empty span after the last deadline', () => {
    expect(newDeadlineInfo(100, 48, 5)).to.deep.equal({
      CurrentEpoch: 5,
      PeriodStart: 100,
      Index: 48,
      Open: 2980,
      Close: 2980,
      Challenge: 2980,
      FaultCutoff: 0,
      ...MAINNET_DEADLINES,
    })
  })

  it('follows the constants it is given', () => {
    const short = { ...MAINNET_DEADLINES, WPoStPeriodDeadlines: 4, WPoStProvingPeriod: 40, WPoStChallengeWindow: 10 }
    const info = newDeadlineInfo(0, 3, 45, short)
    expect(info).to.include({ Open: 30, Close: 40, Challenge: 10, FaultCutoff: -40 })
    expect(nextNotElapsed(info)).to.include({ PeriodStart: 40, Open: 70, WPoStProvingPeriod: 40 })
  })
})
