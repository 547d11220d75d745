import { expect } from 'chai'
import { threadWork, threadWorkText } from '../../../../daemon/manager/cli/venus-sealer/thread-work.js'
import { UNSEAL_STATE } from '../../../../rpc-schema/manager/unseal.js'
import type { RebuildQueueEntry, UnsealTaskInfo } from '../../../../rpc-schema/manager/work-queues.js'

const sector = (number: number) => ({ Miner: 1000, Number: number })

const rebuild = (number: number, TakenAt: number | null): RebuildQueueEntry => ({
  Sector: sector(number),
  ProofType: 8,
  Upgraded: false,
  Failures: 0,
  TakenAt,
  Worker: null,
})

const unseal = (number: number, more: Partial<UnsealTaskInfo> = {}) =>
  ({ Sector: sector(number), State: UNSEAL_STATE.setUp, TakenAt: null, Note: '', ...more }) as UnsealTaskInfo

describe('venus-sealer: what stage workers do not do', () => {
  const told = async (rebuilds: RebuildQueueEntry[], unseals: UnsealTaskInfo[]): Promise<string[]> =>
    (await threadWork({ RebuildQueue: async () => rebuilds, UnsealTasks: async () => unseals })).map(threadWorkText)

  it('is told with what to run for it, as long as nobody does it', async () => {
    const [first, second, ...rest] = await told(
      [rebuild(1, null), rebuild(2, 5)],
      [unseal(3), unseal(4, { TakenAt: 5 })],
    )
    expect(first).to.match(/^s-t01000-1: it is to be rebuilt, which stage workers do not do\. .*`plan = "rebuild"`/)
    expect(second).to.match(/^s-t01000-3: a piece of it is to be read back\. .*`--unseal`.*`plan = "unseal"`/)
    expect(rest).to.deep.equal([])
  })

  it('tells what a piece waits for', async () => {
    expect((await told([], [unseal(3, { Note: 'an upgraded sector' })]))[0]).to.contain('(an upgraded sector)')
  })
})
