import { expect } from 'chai'
import type { Clock } from '../../../../daemon/kit/clock.js'
import type { Logger } from '../../../../daemon/kit/log.js'
import { Trouble } from '../../../../daemon/manager/chain/trouble.js'

const MINUTE = 60_000

describe('manager: a trouble that lasts', () => {
  let now: number
  let told: string[]
  let trouble: Trouble
  beforeEach(() => {
    now = 0
    told = []
    const note = (level: string) => (_: object, text: string) => told.push(`${now / MINUTE} ${level} ${text}`)
    const log = { warn: note('warn'), info: note('info'), debug: () => {} } as unknown as Logger
    trouble = new Trouble({ monotonic: () => now } as Clock, log, 'over')
  })
  const metEachSecond = (minutes: number): void => {
    for (const end = now + minutes * MINUTE; now < end; now += 1_000) trouble.met('away')
  }

  it('is told of at once, after 1, 2, 4 … minutes, then each hour, and once when it is over', () => {
    metEachSecond(200)
    trouble.over()
    trouble.over()
    const at = [0, 1, 3, 7, 15, 31, 63, 123, 183]
    expect(told).to.deep.equal([...at.map(minute => `${minute} warn away`), '200 info over'])
  })
  it('that comes and goes is told of no more often', () => {
    for (let count = 0; count < 90; count++) {
      trouble.met('away')
      now += 1_000
      trouble.over()
    }
    expect(told.filter(line => line.includes('warn')).map(line => line.split(' ')[0])).to.deep.equal(['0', '1'])
    expect(told.filter(line => line.includes('info'))).to.have.length(2)
  })
  it('that comes again after a long time is a new one', () => {
    metEachSecond(10)
    trouble.over()
    told = []
    now += 60 * MINUTE
    metEachSecond(2)
    expect(told.map(line => line.split(' ')[0])).to.deep.equal(['70', '71'])
  })
})
