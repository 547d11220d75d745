import { expect } from 'chai'
import { activityText, threadLines, threadTable } from '../../../../daemon/worker/cli/thread-text.js'
import type { ThreadInfo } from '../../../../rpc-schema/worker/thread-info.js'

const idle: ThreadInfo = {
  index: 0,
  location: '/s',
  plan: 'sealer',
  job_id: null,
  job_state: '',
  job_stage: null,
  last_error: null,
  thread_state: { state: 'Idle' },
}
const running = { state: 'Running', elapsed: 5, proc: 'builtin PC1' } as const

describe('a thread as text', () => {
  it('an error with line breaks stays on its line', () => {
    const table = threadTable([
      { ...idle, last_error: 'critical: "a"\nb', thread_state: { state: 'Paused', elapsed: 822 } },
    ])
    expect(table.split('\n')).to.have.length(2)
    expect(table.split('\n')[1]!.split(/\s{2,}/)).to.deep.equal([
      '0',
      '/s',
      'sealer',
      '-',
      '-',
      '-',
      'Paused(13m 42s)',
      'critical: "a"\\nb',
    ])
  })

  it('shows percent and time left of a running stage where they are known, and a drain', () => {
    const text = (more: Partial<ThreadInfo>) => activityText({ ...idle, ...more })
    expect(text({})).to.equal('Idle')
    expect(text({ thread_state: { state: 'Waiting', elapsed: 3 } })).to.equal('Waiting(3s)')
    expect(text({ thread_state: running })).to.equal('Running(5s) builtin PC1')
    const progress = { percent: 37.9, eta: 7_200, step: 'layer 4' }
    expect(text({ thread_state: running, progress })).to.equal('Running(5s) builtin PC1 37% ETA 2h')
    expect(text({ thread_state: running, progress: { percent: 3, eta: 93_784 }, drain: 'draining' })).to.equal(
      'Running(5s) builtin PC1 3% ETA 1d 2h draining',
    )
    expect(text({ thread_state: running, progress: { percent: 0, eta: undefined, step: undefined } })).to.equal(
      'Running(5s) builtin PC1 0%',
    )
    expect(text({ thread_state: running, progress: { step: 'x' } })).to.equal('Running(5s) builtin PC1')
    expect(text({ drain: 'drained' })).to.equal('Idle drained')
  })

  it('S000-42 S000-43: has the form of old workers, a thread a line', () => {
    const paused: ThreadInfo = {
      ...idle,
      index: 3,
      location: '/mnt/nvme 1/store',
      job_id: 's-t01001-163',
      job_state: 'C1Done',
      job_stage: 'C2',
      last_error: 'permanent: task 3c5 error reason: "out\nof memory"',
      thread_state: { state: 'Paused', elapsed: 785 },
    }
    expect(threadLines([idle, paused]).split('\n')).to.deep.equal([
      '#0: "/s"; plan=sealer, sector_id=None, paused=false, paused_elapsed=None, state=Empty, last_err=None',
      '#3: "/mnt/nvme 1/store"; plan=sealer, sector_id=Some(s-t01001-163), paused=true, paused_elapsed=Some(785s), ' +
        'state=C1Done, last_err=Some("permanent: task 3c5 error reason: \\"out\\nof memory\\"")',
    ])
  })
})
