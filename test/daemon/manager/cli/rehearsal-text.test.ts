import { expect } from 'chai'
import { rehearsalDetails, rehearsalsTable } from '../../../../daemon/manager/cli/rehearsal-text.js'
import type { PostRehearsal } from '../../../../rpc-schema/manager/post-rehearsal.js'

const TRIAL: PostRehearsal = {
  Miner: 1000,
  Open: 5_020,
  Serial: 0,
  Deadline: 2,
  ByHand: false,
  At: 0,
  Verdict: 'tight',
  Error: '',
  Partitions: [
    { Partition: 0, ToProve: 2_349, Read: 4, ReadMs: 600_000 },
    { Partition: 1, ToProve: 10, Read: 3, ReadMs: 30_000 },
  ],
  Stores: [{ Store: 'persist-1', Sectors: 2_359, Read: 7, MeanMs: 512, LongestMs: 900 }],
  Unread: [{ Sector: 7, Why: 'no such file' }],
  UnreadCount: 3,
  RestMs: 300_000,
  NeededMs: 1_230_000,
  LeftMs: 2_040_000,
  TookMs: 0,
}

describe('what rehearsals have shown, as text', () => {
  it('a line a rehearsal: what was read, and the time that is needed and that there is', () => {
    const [, line] = rehearsalsTable([TRIAL]).split('\n')
    expect(line!.trim().split(/\s{2,}/)).to.deep.equal([
      ...['f01000', '2', '5020', '1970-01-01T00:00:00.000Z', 'tight', '2', '7', '3'],
      ...['10m30s', '20m30s', '34m0s', '-'],
    ])
    expect(rehearsalsTable([{ ...TRIAL, ByHand: true }])).to.contain('tight (by hand)')
  })

  it('by partition and by store, and the sectors that could not be read', () => {
    const text = rehearsalDetails(TRIAL)
    expect(text).to.match(/0\s+2349\s+4\s+10m0s/)
    expect(text).to.match(/persist-1\s+2359\s+7\s+512\s+900/)
    expect(text).to.contain('sector 7 could not be read: no such file\nand 2 more')
  })
})
