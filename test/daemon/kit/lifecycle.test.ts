import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { eventually } from '../../harness/eventually.js'

const FIXTURE = fileURLToPath(new URL('../../fixtures/slow-daemon.js', import.meta.url))
const LIMIT_MS = 60_000

describe('kit: the life of a daemon', function () {
  this.timeout(2 * LIMIT_MS)
  let child: ChildProcess | undefined
  let out = ''
  afterEach(() => child?.kill('SIGKILL'))

  async function started(until: string, ...args: string[]): Promise<ChildProcess> {
    out = ''
    const process_ = spawn(process.execPath, [FIXTURE, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
    child = process_
    process_.stdout.on('data', data => {
      out += data
    })
    await eventually(until, LIMIT_MS, () => out.includes(until) || undefined)
    return process_
  }

  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const)
    it(`${signal}: it is stopped before the process ends`, async () => {
      const daemon = await started('"ready":true')
      const ended = once(daemon, 'close')
      daemon.kill(signal)
      expect(await ended).to.deep.equal([0, null])
      expect(out).to.match(/stop begins\nstop ends\n$/)
    })

  it('while it starts there is nothing to be stopped: it leaves at once', async () => {
    const daemon = await started('starting', 'late')
    const ended = once(daemon, 'close')
    daemon.kill('SIGTERM')
    expect(await ended).to.deep.equal([0, null])
    expect(out).to.equal('starting\n')
  })
})
