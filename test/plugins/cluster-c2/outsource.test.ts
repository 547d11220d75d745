import { expect } from 'chai'
import { c2Document } from '../../../plugins/cluster-c2/c2-document.js'
import { type OutsourceOptions, outsourceC2 } from '../../../plugins/cluster-c2/outsource.js'
import { TASK_STATE, type Task, type TaskState } from '../../../rpc-schema/gpuproxy/task.js'
import { resourceIdOf, taskIdOf } from '../../../rpc-schema/gpuproxy/task-ids.js'
import type { StageTask } from '../../../rpc-schema/processor/stages.js'
import { RpcError, RpcTransportError } from '../../../rpc-schema/rpc/error.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { c1out } from '../../daemon/gpuproxy/proxy-under-test.js'
import { failureOf } from '../stages/context.js'

const TASK: StageTask<'c2'> = {
  c1out: { ...c1out(), vanilla_proofs: { a: [] } },
  prover_id: new Uint8Array(32),
  sector_id: 163,
  miner_id: 3652,
}
const ID = taskIdOf(Address.fromId(3652), 0, resourceIdOf(c2Document(TASK)))
const PROOF = Uint8Array.of(1, 2, 3)

/** A gpuproxy that keeps one task. */
class OneTask {
  task: Task | undefined
  readonly calls: string[] = []
  /** Calls that fail for want of a connection. */
  away = 0
  /** What becomes of the task at each look. */
  readonly script: (() => void)[] = []

  readonly api: OutsourceOptions['api'] = {
    GetTask: async id => {
      this.#arrive(`GetTask ${id === ID}`)
      this.script.shift()?.()
      if (this.task === undefined) throw new RpcError(-32000, `not found ${id}`)
      return this.task
    },
    AddTask: async (miner, comment, type, document) => {
      this.#arrive(`AddTask ${miner} ${comment} ${type}`)
      expect(Buffer.from(document).equals(c2Document(TASK))).to.equal(true)
      this.become(TASK_STATE.init)
      return ID
    },
    UpdateStatusById: async (ids, state) => {
      this.#arrive(`UpdateStatusById ${ids.includes(ID)} ${state}`)
      this.become(state)
    },
  }

  become(state: TaskState, more: Partial<Task> = {}): void {
    this.task = {
      id: ID,
      miner: '03652',
      resourceId: '',
      proof: new Uint8Array(),
      workerId: '',
      taskType: 0,
      errorMsg: '',
      comment: '',
      createAt: 0,
      startAt: 0,
      completeAt: 0,
      ...more,
      state,
    }
  }

  #arrive(call: string): void {
    this.calls.push(call)
    if (this.away > 0) {
      this.away -= 1
      throw new RpcTransportError('http://gpuproxy', 'no answer')
    }
  }
}

describe('cluster-c2', () => {
  let proxy: OneTask
  const outsource = (more: Partial<OutsourceOptions> = {}) =>
    outsourceC2(TASK, {
      api: proxy.api,
      verify: () => Promise.resolve(true),
      pollMs: 1,
      log: { info: () => {}, warn: () => {} },
      signal: new AbortController().signal,
      pace: { submitAttempts: 3, retryMs: 1 },
      ...more,
    })
  const completed = () => proxy.become(TASK_STATE.completed, { proof: PROOF })

  beforeEach(() => {
    proxy = new OneTask()
  })

  it('writes what a task is made from as the original does, whatever the order it came in', () => {
    const text = c2Document({
      ...TASK,
      c1out: { ...c1out(), registered_proof: 'StackedDrg2KiBV1_1', vanilla_proofs: {} },
    })
    expect(String(text).replaceAll(/\[[\d,]*\]/g, '[]')).to.equal(
      '{"c1out":{"registered_proof":"StackedDrg2KiBV1_1","vanilla_proofs":{},"comm_r":[],"comm_d":[],"replica_id":[],"seed":[],"ticket":[]},"prover_id":[],"sector_id":163,"miner_id":3652}',
    )
    const { ticket, ...rest } = c1out()
    expect(String(c2Document({ ...TASK, c1out: { ticket, ...rest } }))).to.equal(
      String(c2Document({ ...TASK, c1out: c1out() })),
    )
  })

  it('submits a task, waits, and gives its proof', async () => {
    proxy.script.push(
      () => {},
      () => {},
      completed,
    )
    expect(await outsource()).to.equal(PROOF)
    expect(proxy.calls.slice(0, 2)).to.deep.equal(['GetTask true', 'AddTask f03652 SectorId(163) MinerId(3652) 0'])
  })

  it('finds a task of an earlier life again, and does not submit it a second time', async () => {
    proxy.become(TASK_STATE.running)
    proxy.script.push(() => {}, completed)
    expect(await outsource()).to.equal(PROOF)
    expect(proxy.calls.some(call => call.startsWith('AddTask'))).to.equal(false)
  })

  it('S000-45: a task that failed before is tried anew, the same one', async () => {
    proxy.become(TASK_STATE.error, { errorMsg: 'Panic: recv prover: RecvError' })
    proxy.script.push(() => {}, completed)
    expect(await outsource()).to.equal(PROOF)
    expect(proxy.calls.slice(0, 2)).to.deep.equal(['GetTask true', 'UpdateStatusById true 1'])
  })

  it('S000-43: a task that fails tells why, in words that operators know', async () => {
    proxy.script.push(
      () => {},
      () => proxy.become(TASK_STATE.error, { errorMsg: 'Panic: recv prover: RecvError' }),
    )
    const error = await failureOf(outsource())
    expect(error.class).to.equal('permanent')
    expect(error.message).to.equal(`task ${ID} sector SectorId(163) error reason:Panic: recv prover: RecvError`)
  })

  it('S000-38: a server that is away at the start is asked some times, then a person decides', async () => {
    proxy.away = 2
    proxy.script.push(() => {}, completed)
    expect(await outsource()).to.equal(PROOF)
    proxy = new OneTask()
    proxy.away = 99
    const error = await failureOf(outsource())
    expect(error.class).to.equal('permanent')
    expect(error.message).to.equal(`task ${ID} sector SectorId(163) error reason:not submitted to gpuproxy: no answer`)
    expect(proxy.calls).to.have.length(3)
  })

  it('a server that goes away later is waited for', async () => {
    proxy.script.push(
      () => {},
      () => {
        proxy.away = 5
      },
    )
    proxy.script.push(completed)
    expect(await outsource()).to.equal(PROOF)
  })

  it('a proof that does not verify is made again, but not for ever', async () => {
    proxy.become(TASK_STATE.completed, { proof: Uint8Array.of(9) })
    const verify: OutsourceOptions['verify'] = async (_, proof) => proof[0] === 1
    proxy.script.push(
      () => {},
      () => {},
      completed,
    )
    expect(await outsource({ verify })).to.equal(PROOF)
    expect(proxy.calls).to.include('UpdateStatusById true 1')
    const error = await failureOf(
      outsource({
        verify: async () => {
          proxy.script.push(completed)
          return false
        },
      }),
    )
    expect(error.message).to.include('3 proofs came back that do not verify')
  })

  it('a task that somebody has removed is told', async () => {
    proxy.become(TASK_STATE.running)
    proxy.script.push(
      () => {},
      () => {
        proxy.task = undefined
      },
    )
    expect((await failureOf(outsource())).message).to.include('the task was removed from gpuproxy')
  })

  it('ends with its worker', async () => {
    proxy.become(TASK_STATE.running)
    const stop = new AbortController()
    const waiting = outsource({ signal: stop.signal, pollMs: 60_000 })
    stop.abort(new Error('ending'))
    expect((await failureOf(waiting)).message).to.match(/ending|aborted/)
  })
})
