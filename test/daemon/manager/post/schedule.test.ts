import { expect } from 'chai'
import { batches, partitionsPerMessage, warnOfLargeSetting } from '../../../../daemon/manager/post/batches.js'
import { FEE_LEVELS, feeLevel, feesAt, MAX_FEE, raiseAt } from '../../../../daemon/manager/post/fee-policy.js'
import { isAtRisk } from '../../../../daemon/manager/post/forecast.js'
import { recoveryTarget } from '../../../../daemon/manager/post/recoveries.js'
import {
  closedWindows,
  liveWindows,
  next,
  PROVE,
  type ProveEvent,
  type ProveState,
  proveEvents,
  SUBMIT,
  windowTimes,
} from '../../../../daemon/manager/post/schedule.js'
import { remedyOf } from '../../../../daemon/manager/post/submitter.js'
import { EXIT_CODES } from '../../../../rpc-schema/actors/exit-codes.js'
import { MAINNET_DEADLINES, newDeadlineInfo } from '../../../../rpc-schema/wire/deadline.js'

const window = newDeadlineInfo(10_000, 3, 10_100)
const SETTINGS = { ChallengeConfidence: 0, SubmitConfidence: 0 }
const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

describe('the schedule of a window', () => {
  it('S003-42 S003-43: proving begins at Challenge + 10 and submission at Open + 4, or as set', () => {
    expect(windowTimes(window, SETTINGS)).to.include({ begin: window.Challenge + 10, submit: window.Open + 4 })
    const set = windowTimes(window, { ChallengeConfidence: 3, SubmitConfidence: 7 })
    expect(set).to.include({ begin: window.Challenge + 3, submit: window.Open + 7 })
  })

  it('on a chain with short windows the defaults leave time to prove', () => {
    const short = newDeadlineInfo(10_000, 3, 10_000, {
      ...MAINNET_DEADLINES,
      WPoStChallengeWindow: 10,
      WPoStChallengeLookback: 3,
    })
    expect(windowTimes(short, SETTINGS)).to.include({ begin: short.Challenge + 2, submit: short.Open + 2 })
  })

  const steps = (heads: readonly (readonly [height: number, undoneFrom?: number])[]): string[] => {
    let state: ProveState = 'waiting'
    return heads.flatMap(([height, undoneFrom]) =>
      proveEvents(window, windowTimes(window, SETTINGS), height, undoneFrom).flatMap((event: ProveEvent) => {
        const step = next(PROVE, state, event)
        state = step?.to ?? state
        return step?.act ?? []
      }),
    )
  }
  const { Challenge, Close } = window

  it('faults 4 and 5: a head that jumps over the challenge and the opening begins at once; nothing begins after the close', () => {
    expect(steps([[Challenge - 5], [Challenge + 40]])).to.deep.equal(['begin'])
    expect(steps([[Challenge - 5], [Close]])).to.deep.equal([])
    expect(steps([[Challenge + 10], [Challenge + 11], [Close + 3]])).to.deep.equal(['begin', 'end'])
  })

  it('a reorg at or below the challenge drops what was made and begins again; one above it changes nothing', () => {
    expect(steps([[Challenge + 10], [Challenge + 11, Challenge + 1]])).to.deep.equal(['begin'])
    expect(steps([[Challenge + 10], [Challenge + 12, Challenge]])).to.deep.equal(['begin', 'drop', 'begin'])
    expect(steps([[Challenge + 10], [Challenge + 8, Challenge - 2], [Challenge + 10]])).to.deep.equal([
      'begin',
      'drop',
      'begin',
    ])
  })

  it('every state of the tables leads to another one, or is an end', () => {
    expect(Object.keys(PROVE.over)).to.deep.equal([])
    expect(Object.keys(SUBMIT.discarded)).to.deep.equal([])
    for (const table of [PROVE, SUBMIT])
      for (const events of Object.values(table))
        for (const step of Object.values(events as object)) expect(table).to.have.property((step as { to: string }).to)
    expect(next(SUBMIT, 'landed', 'reverted')?.to).to.equal('sent')
    expect(next(SUBMIT, 'landed', 'late')).to.equal(undefined)
  })

  it('at most two windows of a miner are alive on mainnet: the next one from its challenge on, also across periods', () => {
    const last = newDeadlineInfo(10_000, 47, 10_000 + 47 * 60 + 39)
    expect(liveWindows(last, last.CurrentEpoch).map(({ Index }) => Index)).to.deep.equal([47])
    const both = liveWindows(last, last.CurrentEpoch + 1)
    expect(both.map(({ Index, Open }) => [Index, Open])).to.deep.equal([
      [47, 10_000 + 47 * 60],
      [0, 10_000 + 2880],
    ])
  })

  it('the windows that have closed within a proving period, over its borders, the newest first', () => {
    const present = newDeadlineInfo(
      MAINNET_DEADLINES.WPoStProvingPeriod * 4,
      2,
      MAINNET_DEADLINES.WPoStProvingPeriod * 4 + 130,
    )
    const closed = closedWindows(present, present.Open - 5)
    expect(closed.map(({ Index }) => Index)).to.deep.equal([0, ...Array.from({ length: 46 }, (_, at) => 47 - at)])
    expect(closed[1]!.Close).to.equal(present.PeriodStart)
    expect(closed.every(({ Close, Open }, at) => at === 0 || (Close <= closed[at - 1]!.Open && Open >= 0))).to.equal(
      true,
    )
    // Nothing was before the chain began.
    expect(closedWindows(newDeadlineInfo(0, 2, 130), 130).map(({ Index }) => Index)).to.deep.equal([1, 0])
  })

  it('fault 39: recoveries go to the first deadline whose cutoff they can still make', () => {
    const present = newDeadlineInfo(10_000, 3, 10_000 + 170)
    expect(recoveryTarget(present, present.Open - 10).Index).to.equal(5)
    expect(recoveryTarget(present, present.Open + 44).Index).to.equal(5)
    expect(recoveryTarget(present, present.Open + 45).Index).to.equal(6)
    expect(recoveryTarget(newDeadlineInfo(10_000, 47, 12_820), 12_820)).to.include({ Index: 1, PeriodStart: 12_880 })
  })
})

describe('partitions of a message', () => {
  it('S003-40: 14 partitions by 5 are 5, 5 and 4 where the network takes so many', () => {
    const sizes = batches(range(14), partitionsPerMessage(5, 10)).map(({ length }) => length)
    expect(sizes).to.deep.equal([5, 5, 4])
  })

  it('S003-39: 0 is as many as the network takes; more than that is warned about and has no effect', () => {
    expect(partitionsPerMessage(0, 3)).to.equal(3)
    expect(partitionsPerMessage(5, 3)).to.equal(3)
    const warnings: string[] = []
    const log = { warn: (_: object, text: string) => warnings.push(text) } as never
    for (const setting of [0, 3, 5]) warnOfLargeSetting(1000, setting, 3, log)
    expect(warnings).to.have.length(1)
    expect(warnings[0]).to.match(/is 5, but the network takes 3/)
  })

  it('a partition that is proven by itself splits no other batch than its own', () => {
    expect(batches(range(5), 3, new Set([1]))).to.deep.equal([[0], [1], [2, 3, 4]])
  })
})

describe('fees of a window post', () => {
  const settings = { gasFeeCap: 5_000_000_000n, gasOverEstimation: 1.2, gasOverPremium: 0 }

  it('fault 38: the less of the window is left, the higher the premium', () => {
    const levels = [1004, 1016, 1027, 1038, 1050, 1059].map(height => feeLevel(height, 1004, 1060))
    expect(levels).to.deep.equal([0, 1, 2, 3, 4, 4])
    const premiums = FEE_LEVELS.map((_, level) => feesAt(level, settings, 100n, 0).gasOverPremium)
    expect(premiums).to.deep.equal([0, 1.5, 2.5, 4, 8])
  })

  it('fault 11: a base fee above the set cap holds a message only while there is time; nothing costs more than the limit', () => {
    const dear = 50_000_000_000n
    expect(feesAt(0, settings, dear, 0).gasFeeCap).to.equal(settings.gasFeeCap)
    expect(feesAt(2, settings, dear, 0).gasFeeCap).to.equal(2n * dear)
    expect(raiseAt(2, settings, dear)).to.deep.equal({ premiumFactor: 2.5, feeCap: 2n * dear, maxFee: MAX_FEE })
  })

  it('fault 12: a message that ran out of gas gets more; a proof that was refused twice is made anew; all else is sent again', () => {
    expect([1, 2, 3].map(failures => remedyOf(EXIT_CODES.SysErrOutOfGas, failures))).to.deep.equal(
      Array(3).fill('more gas'),
    )
    expect([1, 2, 3].map(failures => remedyOf(EXIT_CODES.ErrIllegalArgument, failures))).to.deep.equal([
      'send again',
      'prove anew',
      'prove anew',
    ])
    for (const code of [EXIT_CODES.SysErrInsufficientFunds, EXIT_CODES.ErrForbidden, EXIT_CODES.ErrIllegalState])
      expect(remedyOf(code, 5)).to.equal('send again')
    expect(feesAt(0, settings, 100n, 2).gasOverEstimation).to.equal(2.4)
  })
})

describe('the forecast of a window', () => {
  const minute = 60_000
  const progress = {
    elapsedMs: 0,
    runningMs: 0,
    left: 4,
    took: [],
    parallel: false,
    usualMs: undefined,
    leftMs: 30 * minute,
  }

  it('tells when what is left takes longer than there is time', () => {
    expect(isAtRisk({ ...progress, usualMs: 5 * minute })).to.equal(false)
    expect(isAtRisk({ ...progress, usualMs: 8 * minute })).to.equal(true)
    expect(isAtRisk({ ...progress, usualMs: 8 * minute, parallel: true })).to.equal(false)
    expect(
      isAtRisk({ ...progress, took: [10 * minute], left: 3, elapsedMs: 10 * minute, leftMs: 20 * minute }),
    ).to.equal(true)
  })

  it('a batch that takes longer than usual may take as long again, and those after it too', () => {
    const late = { ...progress, usualMs: 2 * minute, left: 2 }
    expect(isAtRisk({ ...late, runningMs: 8 * minute, leftMs: 26 * minute })).to.equal(false)
    expect(isAtRisk({ ...late, runningMs: 9 * minute, leftMs: 26 * minute })).to.equal(true)
    expect(isAtRisk({ ...late, runningMs: 9 * minute, leftMs: 26 * minute, parallel: true })).to.equal(false)
    // Time in which the prover has nothing to do is not its pace.
    expect(isAtRisk({ ...late, elapsedMs: 12 * minute, leftMs: 26 * minute })).to.equal(false)
  })

  it('without anything to compare with, a first batch that takes half of the time is told', () => {
    expect(isAtRisk({ ...progress, elapsedMs: 14 * minute, leftMs: 16 * minute })).to.equal(false)
    expect(isAtRisk({ ...progress, elapsedMs: 16 * minute, leftMs: 14 * minute })).to.equal(true)
    expect(isAtRisk({ ...progress, left: 0, leftMs: 0 })).to.equal(false)
  })
})
