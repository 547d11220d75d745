import { expect } from 'chai'
import { silentLog } from '../../../daemon/kit/log.js'
import { Slave } from '../../../daemon/wdpost/slave/slave.js'
import type { PoStTask, WindowPoStOutput } from '../../../rpc-schema/processor/post.js'
import type { GivenWindowTask, WindowTaskClaim } from '../../../rpc-schema/wdpost/index.js'
import { eventually } from '../../harness/eventually.js'
import { rememberingLog } from '../worker/processors/scripted.js'
import { FakeClock } from '../worker/support/fake-clock.js'

const SECOND = 1_000
const task: PoStTask = { miner_id: 1000, proof_type: 13, replicas: [], seed: new Uint8Array(32) }
const PROOF: WindowPoStOutput = { proofs: [Uint8Array.of(1)], faults: [] }

interface Working {
  readonly signal: AbortSignal
  resolve(output: WindowPoStOutput): void
  reject(error: Error): void
}

describe('wdpost: slave', () => {
  let clock: FakeClock
  let waiting: GivenWindowTask[]
  let heard: unknown[][]
  let lost: string[]
  let isAway: boolean
  let isBroken: boolean
  let working: Working[]
  let slave: Slave
  let run: Promise<void>

  const given = (id: string): GivenWindowTask => ({ claim: { id, retry_count: 0, started_at: 1 }, task })
  /** Goes on until all wait. */
  const settled = () => new Promise(resolve => setTimeout(resolve, 5))

  function answer<T>(what: unknown[], result: () => T): Promise<T> {
    if (isAway) return Promise.reject(new Error('connect ECONNREFUSED'))
    heard.push(what)
    return Promise.resolve(result())
  }

  function start(concurrent: number, log = silentLog): void {
    slave = new Slave({
      name: 's1',
      master: {
        Claim: (name, sizes) => answer(['Claim', name, sizes], () => waiting.shift() ?? null),
        Heartbeat: (_, claims) => answer(['Heartbeat', ...claims.map(({ id }) => id)], () => lost),
        Complete: (_, { id }, output) => answer(['Complete', id, output.faults], () => 'recorded' as const),
        Fail: (_, { id }, reason) => answer(['Fail', id, reason], () => true),
        Release: (_, { id }: WindowTaskClaim) => answer(['Release', id], () => true),
      },
      processor: {
        available: () => (isBroken ? Promise.reject(new Error('no such device')) : Promise.resolve()),
        prove: (_, signal) =>
          new Promise((resolve, reject) => {
            working.push({ signal, resolve, reject })
            signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
          }),
      },
      concurrent,
      sectorSizes: [2_048],
      pullMs: 5 * SECOND,
      reconnectMs: 3 * SECOND,
      heartbeatMs: 5 * SECOND,
      clock,
      log,
    })
    run = slave.run()
  }

  beforeEach(() => {
    clock = new FakeClock()
    waiting = []
    heard = []
    lost = []
    isAway = false
    isBroken = false
    working = []
  })
  afterEach(async () => {
    slave.stop()
    await run
  })

  const calls = (name: string) => heard.filter(([method]) => method === name)

  it('S001-18 S003-68: asks at each pull_interval, and holds as many tasks as concurrent says', async () => {
    waiting = [given('a'), given('b'), given('c')]
    start(2)
    await settled()
    expect(working).to.have.length(2)
    expect(calls('Claim')).to.deep.equal([
      ['Claim', 's1', [2_048]],
      ['Claim', 's1', [2_048]],
    ])
    working[0]!.resolve(PROOF)
    await settled()
    expect(calls('Complete')).to.deep.equal([['Complete', 'a', []]])
    expect(working).to.have.length(3)
    working[1]!.resolve({ proofs: [], faults: [7] })
    await settled()
    const asked = calls('Claim').length
    clock.advance(5 * SECOND - 1)
    await settled()
    expect(calls('Claim')).to.have.length(asked)
    clock.advance(1)
    await settled()
    expect(calls('Claim')).to.have.length(asked + 1)
  })

  it('S001-17 S003-67: tells at each heartbeat_interval that it is at work; a task that is not its own any more is ended', async () => {
    waiting = [given('a')]
    start(1)
    await settled()
    for (let at = 0; at < 2; at++) {
      clock.advance(5 * SECOND)
      await settled()
    }
    expect(calls('Heartbeat')).to.deep.equal([
      ['Heartbeat', 'a'],
      ['Heartbeat', 'a'],
    ])
    lost = ['a']
    clock.advance(5 * SECOND)
    await settled()
    expect(working[0]!.signal.aborted).to.equal(true)
    expect(calls('Fail').concat(calls('Release'), calls('Complete'))).to.deep.equal([])
    expect(calls('Claim')).to.have.length(2)
  })

  it('S001-17 S003-67: a master that is away is asked again after reconnect_interval, and gets what was proven meanwhile', async () => {
    waiting = [given('a')]
    start(1)
    await settled()
    isAway = true
    working[0]!.resolve(PROOF)
    await settled()
    clock.advance(10 * SECOND)
    await settled()
    expect(calls('Complete')).to.deep.equal([])
    isAway = false
    clock.advance(3 * SECOND)
    await eventually('the proof', 1_000, () => (calls('Complete').length > 0 ? true : undefined))
    expect(calls('Complete')).to.deep.equal([['Complete', 'a', []]])
  })

  it('tells why a proof was not made, also when there is nothing in the answer', async () => {
    waiting = [given('a'), given('b')]
    start(1)
    await settled()
    working[0]!.reject(new Error('no GPU'))
    await settled()
    working[1]!.resolve({ proofs: [], faults: [] })
    await settled()
    expect(calls('Fail')).to.deep.equal([
      ['Fail', 'a', 'no GPU'],
      ['Fail', 'b', 'the processor gave neither a proof nor a faulty sector'],
    ])
  })

  it('takes no task as long as its processes cannot be started', async () => {
    waiting = [given('a')]
    isBroken = true
    start(1)
    await settled()
    clock.advance(5 * SECOND)
    await settled()
    expect(calls('Claim')).to.deep.equal([])
    isBroken = false
    clock.advance(5 * SECOND)
    await eventually('the task', 1_000, () => (working.length > 0 ? true : undefined))
  })

  it('gives back what it is at when it is stopped', async () => {
    waiting = [given('a')]
    start(1)
    await settled()
    slave.stop()
    await run
    expect(working[0]!.signal.aborted).to.equal(true)
    expect(calls('Release')).to.deep.equal([['Release', 'a']])
  })

  it('S003-79 S003-80: logs `got task:` when it takes one, and `slave: task:` when it reports it', async () => {
    const { log, lines } = rememberingLog()
    waiting = [given('a'), given('b')]
    start(1, log)
    await settled()
    working[0]!.resolve(PROOF)
    await settled()
    working[1]!.reject(new Error('no GPU'))
    await settled()
    expect(lines.map(({ msg }) => msg)).to.deep.equal([
      'got task: a',
      'slave: task: a is proven',
      'got task: b',
      'slave: task: b failed: no GPU',
    ])
  })
})
