import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { expect } from 'chai'
import { systemClock } from '../../../../../daemon/kit/clock.js'
import { silentLog } from '../../../../../daemon/kit/log.js'
import { CircuitBreaker } from '../../../../../daemon/manager/storage/helper/circuit-breaker.js'
import { StoreContent } from '../../../../../daemon/manager/storage/helper/content-stream.js'
import { type HelperLimits, StoreHelper } from '../../../../../daemon/manager/storage/helper/store-helper.js'
import { eventually } from '../../../../harness/eventually.js'

const failure = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'no error',
    (error: Error) => `${error.name}: ${error.message}`,
  )

describe('manager: the circuit breaker of a store', () => {
  it('opens at a failure, lets one ask after a pause, and doubles the pause', () => {
    let now = 0
    const breaker = new CircuitBreaker({ now: () => now, firstPauseMs: 10, longestPauseMs: 30 })
    expect([breaker.enter(), breaker.state]).to.deep.equal([true, 'closed'])
    // Requests that were on their way together fail together.
    breaker.failed()
    breaker.failed()
    expect([breaker.enter(), breaker.state, breaker.pauseMs]).to.deep.equal([false, 'open', 10])
    now = 10
    expect(breaker.state).to.equal('half-open')
    expect([breaker.enter(), breaker.enter()], 'one may try').to.deep.equal([true, false])
    breaker.failed()
    expect(breaker.pauseMs).to.equal(20)
    now = 30
    expect(breaker.enter()).to.equal(true)
    breaker.failed()
    expect(breaker.pauseMs, 'never longer than that').to.equal(30)
    now = 60
    expect(breaker.enter()).to.equal(true)
    breaker.succeeded()
    expect([breaker.state, breaker.enter(), breaker.enter()]).to.deep.equal(['closed', true, true])
  })
})

describe('manager: the helper process of a store', () => {
  let dir: string
  const helpers: StoreHelper[] = []

  const open = (name: string, limits: Partial<HelperLimits> = {}): StoreHelper => {
    const path = join(dir, name)
    mkdirSync(path, { recursive: true })
    writeFileSync(join(path, 'there'), 'content')
    const task = { name, path, plugin: '', meta: {} }
    const helper = new StoreHelper({
      task,
      log: silentLog,
      clock: systemClock,
      limits: { requestMs: 5_000, ...limits },
    })
    helpers.push(helper)
    return helper
  }
  const look = (helper: StoreHelper, limitMs = 5_000) =>
    helper.request('stat', { paths: ['there'], follow: true }, { limitMs })

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'helper-'))
  })
  afterEach(() => {
    for (const helper of helpers.splice(0)) helper.close()
    rmSync(dir, { recursive: true, force: true })
  })

  it('is started when it is needed, once, and ends when it has been idle', async () => {
    const helper = open('a', { idleMs: 50 })
    expect(helper.pid).to.equal(undefined)
    await Promise.all([look(helper), look(helper)])
    const { pid } = helper
    expect(pid).to.be.a('number')
    await eventually('the helper rests', 5_000, async () => helper.pid === undefined || undefined)
    await eventually('its process is gone', 5_000, async () => !isAlive(pid!) || undefined)
    expect(await look(helper)).to.deep.equal([{ kind: 'file', sizeBytes: 7 }])
  })

  it('that hangs is killed and replaced; meanwhile the store is not asked, and others are served', async () => {
    const [hung, other] = [open('hung', { pauseMs: 200 }), open('other')]
    await Promise.all([look(hung), look(other)])
    const pid = hung.pid!
    process.kill(pid, 'SIGSTOP')
    const waiting = failure(look(hung, 300))
    const start = performance.now()
    expect(await look(other)).to.have.length(1)
    expect(performance.now() - start, 'the other store').to.be.below(250)
    expect(await waiting).to.contain('DeadlineError: stat in the store hung')
    expect(hung.isHung).to.equal(true)
    const refused = performance.now()
    expect(await failure(look(hung))).to.match(/HungStoreError: store hung does not answer: .*asked again in 1 s/)
    expect(performance.now() - refused, 'a refusal').to.be.below(50)
    await eventually('the hung helper is gone', 5_000, async () => !isAlive(pid) || undefined)
    const again = await eventually('the store answers again', 5_000, () => look(hung).catch(() => undefined))
    expect(again).to.deep.equal([{ kind: 'file', sizeBytes: 7 }])
    expect(hung.pid).to.not.equal(pid)
    expect(hung.isHung).to.equal(false)
  })

  it('that dies is an error of its requests, not of the daemon', async () => {
    const helper = open('a', { pauseMs: 50 })
    await look(helper)
    process.kill(helper.pid!, 'SIGSTOP')
    const waiting = failure(look(helper))
    process.kill(helper.pid!, 'SIGKILL')
    expect(await waiting).to.contain('killed by SIGKILL')
    await eventually('the store answers again', 5_000, () => look(helper).catch(() => undefined))
  })

  it('does nothing in a store with another id', async () => {
    const helper = open('a')
    await helper.request('writeIdentity', { id: 'one' })
    const removal = (identity: string): Promise<unknown> => helper.request('remove', { paths: ['there'] }, { identity })
    expect(await failure(removal('two'))).to.contain('is another store than before: its id is one, not two')
    expect(await look(helper)).to.deep.equal([{ kind: 'file', sizeBytes: 7 }])
    await removal('one')
    expect(await look(helper)).to.deep.equal([null])
  })

  it('streams content both ways, whole or not at all', async () => {
    const helper = open('a')
    const content = new StoreContent(helper)
    const bytes = Buffer.alloc(5_000_001, 'abcdefg')
    await content.write('big', Readable.from([bytes.subarray(0, 4_000_000), bytes.subarray(4_000_000)]), bytes.length)
    expect((await buffer(await content.read('big', 0, bytes.length))).equals(bytes)).to.equal(true)
    expect((await buffer(await content.read('big', 3, 7))).toString()).to.equal('defgabc')
    expect(await failure(content.write('short', Readable.from([Buffer.from('abc')]), 5))).to.contain(
      'short: 3 of 5 bytes have come',
    )
    const broken = async function* (): AsyncGenerator<Uint8Array> {
      yield Buffer.from('abc')
      throw new Error('the sender is gone')
    }
    expect(await failure(content.write('broken', broken(), undefined))).to.contain('the sender is gone')
    const stats = await helper.request('stat', { paths: ['short', 'broken'], follow: true })
    expect(stats).to.deep.equal([null, null])
    expect(await failure(content.read('nowhere', 0, 1))).to.contain('ENOENT')
  })

  it('has no more streams at once than it may, and a stream that stalls is ended', async () => {
    const helper = open('a')
    const content = new StoreContent(helper, { streams: 1, turnMs: 100 })
    writeFileSync(join(dir, 'a', 'big'), Buffer.alloc(10_000_000))
    const first = await content.read('big', 0, 10_000_000)
    expect(await failure(content.read('there', 0, 7))).to.contain('1 streams are open and none ended in time')
    first.destroy()
    // The breaker has taken the full house for trouble: after its pause it is served again.
    const text = await eventually('the next stream', 5_000, async () =>
      content.read('there', 0, 7).then(buffer, () => undefined),
    )
    expect(text.toString()).to.equal('content')
  })
})

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
