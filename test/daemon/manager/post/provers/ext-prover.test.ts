import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { silentLog } from '../../../../../daemon/kit/log.js'
import { ExtProverSettings } from '../../../../../daemon/manager/config/ext-prover-settings.js'
import { childOf } from '../../../../../daemon/manager/post/provers/ext-prover/child-entry.js'
import { ExtProver } from '../../../../../daemon/manager/post/provers/ext-prover/ext-prover.js'
import { ProofChildren } from '../../../../../daemon/manager/post/provers/ext-prover/proof-children.js'
import type { WindowProofRequest, WindowProofResult } from '../../../../../daemon/manager/post/window-prover.js'
import { NoPlaceError, type SectorPlace } from '../../../../../daemon/manager/storage/sector-places.js'
import type { SectorID } from '../../../../../rpc-schema/wire/sector-id.js'
import { eventually } from '../../../../harness/eventually.js'
import { rememberingLog } from '../../../worker/processors/scripted.js'
import { FakeClock } from '../../../worker/support/fake-clock.js'

const CHILD = fileURLToPath(new URL('../../../../../../test/fixtures/processors/window-child.mjs', import.meta.url))
const MINUTE = 60_000
const never = new AbortController().signal

describe('external prover', () => {
  let dir: string
  let clock: FakeClock
  const provers: ExtProver[] = []

  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'ext-prover-'))
  })
  after(() => rmSync(dir, { recursive: true, force: true }))
  beforeEach(() => {
    clock = new FakeClock()
  })
  afterEach(async () => {
    await Promise.all(provers.splice(0).map(prover => inTime(prover.close())))
  })

  /** Entries as they stand in `ext-prover.cfg`. */
  async function started(entries: object[], random = Math.random, log = silentLog): Promise<ExtProver> {
    const { WdPost } = ExtProverSettings.parse({ WdPost: entries })
    const children = new ProofChildren('window_post', { children: WdPost.map(childOf), clock, log, random })
    const prover = new ExtProver({ children, places: { find }, clock, log })
    provers.push(prover)
    await children.start()
    return prover
  }

  const entry = (name: string, behaviour: string, more: object = {}) => ({
    Bin: process.execPath,
    Args: [CHILD, name, behaviour, join(dir, name)],
    // However slowly it starts beside a clock that is turned.
    ReadyTimeoutSecs: 600,
    ...more,
  })

  async function find({ Number: number }: SectorID): Promise<SectorPlace> {
    if (number === 404) throw new NoPlaceError('nowhere')
    const store = { name: 'st', root: number === 405 ? undefined : '/st' }
    return { sealedStore: store, cacheStore: store, sealed: `sealed/${number}`, cache: `cache/${number}` } as never
  }

  const request = (numbers: readonly number[], changes: Partial<WindowProofRequest> = {}): WindowProofRequest => ({
    miner: 1000,
    postProof: 13,
    deadline: 1,
    partitions: [0],
    replicas: numbers.map(number => ({ number, commR: new Uint8Array(32).fill(number), upgraded: false })),
    randomness: new Uint8Array(32).fill(0xff),
    closesAt: clock.now() + 30 * MINUTE,
    ...changes,
  })

  /** The child of that name has its task, and hangs. */
  const hung = (name: string) => eventually(`${name} at work`, 5_000, () => existsSync(join(dir, name)) || undefined)

  /** Lets time pass while work is done. */
  async function inTime<T>(work: Promise<T>): Promise<T> {
    let over = false
    const result = work.finally(() => {
      over = true
    })
    result.catch(() => undefined)
    while (!over) {
      await new Promise(resolve => setTimeout(resolve, 1))
      clock.advance(100)
    }
    return result
  }

  const maker = ({ proofs }: WindowProofResult) => {
    expect(proofs).to.have.length(1)
    return JSON.parse(Buffer.from(proofs[0]!.ProofBytes).toString()) as {
      name: string
      pid: number
      env?: string
      task: Record<string, unknown>
    }
  }

  it('S001-5 S001-8 S003-52 S003-53 S003-57: a process gets the task as the protocol has it, with its own environment', async () => {
    const prover = await started([entry('one', 'prove', { Envs: { PROOF_ENV: 'as set' } })])
    const { name, env, task } = maker(await prover.prove(request([1, 2]), never))
    expect({ name, env }).to.deep.equal({ name: 'one', env: 'as set' })
    expect(task).to.deep.equal({
      miner_id: 1000,
      proof_type: 'StackedDrgWindow32GiBV1_2',
      replicas: [1, 2].map(number => ({
        sector_id: number,
        comm_r: Array(32).fill(number),
        cache_dir: `/st/cache/${number}`,
        sealed_file: `/st/sealed/${number}`,
      })),
      seed: [...Array(31).fill(0xff), 0x3f],
    })
  })

  it('sectors that are nowhere, or where no program can open them, are faults; so is what the process names', async () => {
    const prover = await started([entry('faults', 'faults')])
    expect(await prover.prove(request([1, 404, 405]), never)).to.deep.equal({ proofs: [], faults: [404, 405] })
    expect(await prover.prove(request([1, 7]), never)).to.deep.equal({ proofs: [], faults: [7] })
  })

  it('S001-6 S003-54: Concurrent bounds what is in one process; the next waits', async () => {
    const prover = await started([entry('hangs', 'hang', { Concurrent: 2 })])
    const over = new AbortController()
    const asked = [1, 2, 3].map(number => prover.prove(request([number]), over.signal))
    for (const each of asked) each.catch(() => {})
    const third = new AbortController()
    const waiting = prover.prove(request([4]), third.signal)
    third.abort(new Error('it waited'))
    expect((await waiting.catch((error: Error) => error)) as Error).to.have.property('message', 'it waited')
    over.abort(new Error('closed'))
    for (const each of asked) expect(await each.catch((error: Error) => error.message)).to.equal('closed')
  })

  it('S001-7 S003-55: Weight shares the tasks, and the last process gets its share too', async () => {
    const draws = [0.1, 0.24, 0.26, 0.99]
    const prover = await started(
      [entry('light', 'prove', { Weight: 1 }), entry('heavy', 'prove', { Weight: 3 })],
      () => draws.shift()!,
    )
    const names: string[] = []
    for (let at = 0; at < 4; at++) names.push(maker(await prover.prove(request([at]), never)).name)
    expect(names).to.deep.equal(['light', 'light', 'heavy', 'heavy'])
  })

  it('a process that dies comes back, and its task is proven then', async () => {
    const prover = await started([entry('dies-once', 'first-die')])
    expect(maker(await inTime(prover.prove(request([1]), never))).name).to.equal('dies-once')
  })

  it('a task that costs three lives of processes is given up, with the reason', async () => {
    const prover = await started([entry('dies', 'die')])
    const error = await inTime(prover.prove(request([1]), never)).catch((reason: Error) => reason)
    expect((error as Error).message).to.match(/child process exited: window_post: .*exit code 3/)
  })

  it('an answer of another form is an error that says so', async () => {
    const prover = await started([entry('lost', 'lost')])
    const error = await prover.prove(request([1]), never).catch((reason: Error) => reason)
    expect((error as Error).message).to.include('answered with something else than its output')
  })

  it('after half of the time another process is asked, and its proof counts', async () => {
    const prover = await started([entry('hangs', 'first-hang'), entry('proves', 'prove')], () => 0)
    const result = prover.prove(request([1]), never)
    await hung('hangs')
    clock.advance(15 * MINUTE - 1)
    let isOver = false
    void result.then(() => {
      isOver = true
    })
    await new Promise(resolve => setTimeout(resolve, 20))
    expect(isOver).to.equal(false)
    clock.advance(1)
    expect(maker(await result).name).to.equal('proves')
  })

  it('a proof that waits for its first process is not asked for twice', async () => {
    const { log, lines } = rememberingLog()
    const prover = await started([entry('busy', 'hang'), entry('busy-too', 'hang')], Math.random, log)
    const over = new AbortController()
    const asked = [1, 2, 3].map(number => prover.prove(request([number]), over.signal))
    for (const each of asked) each.catch(() => {})
    await new Promise(resolve => setTimeout(resolve, 20))
    clock.advance(15 * MINUTE)
    await new Promise(resolve => setTimeout(resolve, 20))
    expect(lines.filter(({ msg }) => msg === 'no proof yet: another process is asked')).to.have.length(2)
    over.abort(new Error('closed'))
    await Promise.all(asked.map(each => each.catch(() => {})))
  })

  it('a process that hangs is killed and asked again when it takes three times as long as before, with time left', async () => {
    const prover = await started([entry('hangs-once', 'first-hang')])
    const over = new AbortController()
    const lost = prover.prove(request([1]), over.signal)
    await hung('hangs-once')
    over.abort(new Error('over'))
    await lost.catch(() => {})
    // Now it has proven, and then it hangs once more.
    await inTime(prover.prove(request([1]), never))
    rmSync(join(dir, 'hangs-once'))
    const result = prover.prove(request([2]), never)
    await hung('hangs-once')
    clock.advance(5 * MINUTE)
    expect(maker(await inTime(result)).name).to.equal('hangs-once')
  })

  it('StallTimeoutSecs: a process that gives no sign for so long is killed, and its task proven', async () => {
    const prover = await started([entry('stalls-once', 'first-hang', { StallTimeoutSecs: 40 })])
    const result = prover.prove(request([1]), never)
    await hung('stalls-once')
    clock.advance(40_000)
    expect(maker(await inTime(result)).name).to.equal('stalls-once')
  })

  it('when the deadline closes, a process that has nothing else to do is started anew, and free for the next one', async () => {
    const prover = await started([entry('hangs-first', 'first-hang')])
    const over = new AbortController()
    const result = prover.prove(request([1]), over.signal)
    await hung('hangs-first')
    over.abort(new Error('the deadline has closed'))
    expect(((await result.catch((error: Error) => error)) as Error).message).to.equal('the deadline has closed')
    expect(maker(await inTime(prover.prove(request([2]), never))).name).to.equal('hangs-first')
  })

  it('S001-7 S003-56: one that is not ready in time is an error that names it', async () => {
    const late = { Bin: process.execPath, Args: ['-e', 'setInterval(() => {}, 1000)'], ReadyTimeoutSecs: 2 }
    const error = await inTime(started([entry('one', 'prove'), late])).catch((reason: Error) => reason)
    expect((error as Error).message).to.include('did not say that it is ready within 2000 ms')
  })

  it('defaults: our own program without Bin, whose Args do not count; 5 seconds for any other', () => {
    const { WdPost } = ExtProverSettings.parse({ WdPost: [{ Args: ['x'] }, { Bin: 'b', Weight: 0, Concurrent: 0 }] })
    const [own, other] = WdPost.map(childOf)
    expect(own).to.deep.include({ concurrent: 1, weight: 1, stableWaitMs: 60_000 })
    expect(own).to.not.have.any.keys('bin', 'args')
    expect(other).to.deep.include({ bin: 'b', args: [], concurrent: 1, weight: 1, stableWaitMs: 5_000 })
  })
})
