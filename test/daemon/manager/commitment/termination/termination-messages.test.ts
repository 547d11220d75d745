import { expect } from 'chai'
import { isMutable, mutableFrom } from '../../../../../daemon/manager/chain/mutable-deadlines.js'
import { NEWEST_RULES } from '../../../../../daemon/manager/chain/network-version.js'
import {
  declarations,
  halves,
  messages,
  sectorsOf,
} from '../../../../../daemon/manager/commitment/termination/termination-messages.js'
import { Bitfield } from '../../../../../rpc-schema/wire/bitfield.js'
import { newDeadlineInfo } from '../../../../../rpc-schema/wire/deadline.js'

const at = (Deadline: number, Partition: number) => ({ Deadline, Partition })
const part = (Deadline: number, Partition: number, ...numbers: number[]) => ({
  Deadline,
  Partition,
  Sectors: Bitfield.of(numbers),
})

const ADDRESSED = NEWEST_RULES.addressed

describe('manager: termination messages', () => {
  it('name each partition once, in order', () => {
    const places = [
      [9, at(3, 1)],
      [7, at(3, 0)],
      [8, at(1, 0)],
      [2, at(3, 1)],
    ] as const
    expect(declarations(new Map(places))).to.deep.equal([part(1, 0, 8), part(3, 0, 7), part(3, 1, 2, 9)])
  })

  it('keep to the most sectors and the most declarations of one message', () => {
    const all = [part(1, 0, 1, 2, 3), part(1, 1, 4), part(2, 0, 5)]
    expect(messages(all, { sectors: 2, declarations: 9 })).to.deep.equal([
      [part(1, 0, 1, 2)],
      [part(1, 0, 3), part(1, 1, 4)],
      [part(2, 0, 5)],
    ])
    expect(messages(all, { sectors: 9, declarations: 2 })).to.deep.equal([
      [part(1, 0, 1, 2, 3), part(1, 1, 4)],
      [part(2, 0, 5)],
    ])
    expect(messages([], ADDRESSED)).to.deep.equal([])
  })

  it('of 60,000 sectors in one partition are three', () => {
    const many = messages([{ Deadline: 0, Partition: 0, Sectors: Bitfield.range(0, 60_000) }], ADDRESSED)
    expect(many.map(message => sectorsOf(message).length)).to.deep.equal([25_000, 25_000, 10_000])
  })

  it('are halved by sectors, down to one', () => {
    expect(halves([part(1, 0, 1, 2), part(1, 1, 4)], ADDRESSED)).to.deep.equal([[part(1, 0, 1, 2)], [part(1, 1, 4)]])
    expect(halves([part(1, 0, 1, 2, 3)], ADDRESSED)).to.deep.equal([[part(1, 0, 1, 2)], [part(1, 0, 3)]])
    expect(halves([part(1, 0, 1)], ADDRESSED)).to.equal(undefined)
  })
})

describe('manager: mutable deadlines', () => {
  const present = (epoch: number) => newDeadlineInfo(0, Math.floor(epoch / 60), epoch)

  it('are all but the present, the next, and the one that becomes the next while the message is on its way', () => {
    const closed = (epoch: number) =>
      Array.from({ length: 48 }, (_, index) => index).filter(index => !isMutable(present(epoch), index))
    expect(closed(600), 'just opened').to.deep.equal([10, 11])
    expect(closed(650), 'so near to the next that a message would land too late').to.deep.equal([10, 11, 12])
    expect(closed(2850), 'at the turn of the period').to.deep.equal([0, 47])
  })

  it('come back when they close', () => {
    expect(mutableFrom(present(600), 10)).to.equal(660)
    expect(mutableFrom(present(600), 11)).to.equal(720)
    expect(mutableFrom(present(600), 13)).to.equal(600)
  })

  it('exist where a window has few epochs', () => {
    const short = {
      ...newDeadlineInfo(0, 0, 0),
      WPoStPeriodDeadlines: 4,
      WPoStChallengeWindow: 5,
      WPoStProvingPeriod: 20,
    }
    const info = newDeadlineInfo(0, 0, 0, short)
    expect([0, 1, 2, 3].filter(index => isMutable(info, index))).to.deep.equal([2, 3])
  })
})
