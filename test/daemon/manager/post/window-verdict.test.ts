import { expect } from 'chai'
import { silentLog } from '../../../../daemon/kit/log.js'
import { Alarms } from '../../../../daemon/manager/alarms/alarms.js'
import { subjectOf } from '../../../../daemon/manager/post/foresight/foresight.js'
import { tellVerdict } from '../../../../daemon/manager/post/window-verdict.js'
import type { WindowRecord } from '../../../../rpc-schema/manager/post-timeline.js'

const AFTERWARDS = { Step: 'afterwards', At: 1, Epoch: 200, Detail: '2 sectors are faulty since' } as const
const record = (changes: Partial<WindowRecord> = {}): WindowRecord => ({
  Miner: 1000,
  Deadline: 3,
  Challenge: 80,
  Open: 100,
  Close: 160,
  Partitions: 1,
  Skipped: 0,
  Outcome: 'proven',
  Steps: [],
  Late: [],
  ...changes,
})

describe('what became of a window', () => {
  let alarms: Alarms
  let learned: WindowRecord[]
  const tell = (changes: Partial<WindowRecord>): Promise<void> => {
    const foresight = { learn: async (window: WindowRecord) => void learned.push(window) }
    return tellVerdict({ alarms, foresight, judged: undefined, log: silentLog }, record(changes))
  }
  const raised = async () => (await alarms.list()).map(({ kind, text }) => `${kind}: ${text}`)

  beforeEach(() => {
    alarms = new Alarms({ now: () => 0 })
    learned = []
  })

  it('a miss is an alarm until the deadline is proven again', async () => {
    alarms.raise('pace', subjectOf(1000, 3), 'it will be late')
    await tell({ Outcome: 'missed', Late: ['storage: checked never came'] })
    expect(await raised()).to.deep.equal(['missed: opened at 100, missed; storage: checked never came'])
    await tell({ Outcome: 'proven', Skipped: 1 })
    expect(await raised()).to.deep.equal([])
    expect(learned).to.have.length(2)
  })

  it('one that nobody was there for does not end the alarms of the next window of its deadline', async () => {
    alarms.raise('pace', subjectOf(1000, 3), 'the next one will be late')
    await tell({ Steps: [AFTERWARDS], Skipped: 2 })
    expect(await raised()).to.deep.equal([
      'pace: the next one will be late',
      'missed: opened at 100, proven; no manager was there; 2 sectors are faulty since',
    ])
    await tell({ Steps: [{ ...AFTERWARDS, Detail: '' }] })
    expect(await raised()).to.deep.equal(['pace: the next one will be late'])
    expect(learned, 'forecasts are of the next window, too').to.deep.equal([])
  })
})
