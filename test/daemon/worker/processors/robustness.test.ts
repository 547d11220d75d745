import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { systemClock } from '../../../../daemon/kit/clock.js'
import { silentLog } from '../../../../daemon/kit/log.js'
import { ChildProcess } from '../../../../daemon/kit/processors/child-process.js'
import { DEFAULT_CHILD } from '../../../../daemon/worker/processors/processors.js'
import { STAGE_NAMES } from '../../../../rpc-schema/processor/stages.js'
import { eventually } from '../../../harness/eventually.js'
import { FakeClock } from '../support/fake-clock.js'
import { ManualClock } from './manual-clock.js'
import { failure, hastyClock, OpenProcessors, play, rememberingLog, scripted, scriptedFor } from './scripted.js'
import { STAGE_TASKS } from './stage-tasks.js'

const HANGING_WORKER = fileURLToPath(
  new URL('../../../../../test/fixtures/processors/hanging-worker.mjs', import.meta.url),
)
const MB = 1_000_000
const MINUTE = 60_000
const HOUR = 60 * MINUTE

describe('processor children that misbehave', () => {
  const open = new OpenProcessors()
  let directory: string

  beforeEach(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'sealyard-robustness-'))
  })

  afterEach(async () => {
    await open.closeAll()
    await rm(directory, { recursive: true, force: true })
  })

  describe('kill -9', () => {
    for (const stage of STAGE_NAMES) {
      it(`of a ${stage} child: its task fails, its lock is free again, and the child comes back`, async () => {
        const child = scriptedFor(stage, 'hang', { concurrent: 1, locks: ['gpu'] })
        const processors = open.create({ children: { [stage]: [child] }, extLocks: { gpu: 1 } }, { clock: hastyClock })
        const pids: number[] = []
        const onStart = (name: string): void => {
          pids.push(Number(/pid: (\d+)/.exec(name)![1]))
          process.kill(pids.at(-1)!, 'SIGKILL')
        }
        for (const round of [1, 2]) {
          const error = await failure(processors.run(stage, STAGE_TASKS[stage], { onStart }))
          expect([error.code, error.class, error.exitSignal, error.stage]).to.deep.equal([
            'died',
            'temporary',
            'SIGKILL',
            stage,
          ])
          expect(new Set(pids).size).to.equal(round)
        }
      })
    }
  })

  describe('silence', () => {
    it('a hung child is killed at its stall limit; signs of life put that off; the error has exit and last words', async () => {
      const clock = new ManualClock()
      const processors = open.create({ children: { c2: [scripted({ stallLimitMs: 5 * MINUTE })] } }, { clock })
      let told!: () => void
      const heard = new Promise<void>(resolve => {
        told = resolve
      })
      const hung = failure(play(processors, { do: 'hangLoudly' }, { onProgress: () => told() }))
      await play(processors, { do: 'echo' })
      await clock.advance(4 * MINUTE)
      await play(processors, { do: 'nudge' })
      await heard
      await clock.advance(5 * MINUTE - 1)
      expect(await play(processors, { do: 'echo', value: 'alive' })).to.equal('alive')
      const bystander = failure(play(processors, { do: 'hang' }))
      await clock.advance(1)
      const error = await hung
      expect([error.code, error.class, error.exitSignal, error.lastStderr]).to.deep.equal([
        'stalled',
        'temporary',
        'SIGKILL',
        ['waiting for the GPU'],
      ])
      expect(error.message).to.contain('no sign of life for 300000 ms').and.contain('waiting for the GPU')
      expect((await bystander).code).to.equal('died')
    })

    for (const tells of [false, true]) {
      const what = tells ? 'and is killed when it tells nothing any more' : 'and never killed when it does not'
      it(`a built-in stage that may take days is watched when it has begun to tell how far it is, ${what}`, async () => {
        const clock = new ManualClock()
        const { log, lines } = rememberingLog()
        const child = { ...DEFAULT_CHILD, envs: { TELLS: tells ? '1' : '0' } }
        const processors = open.create({ children: { pc1: [child] } }, { clock, log, workerScript: HANGING_WORKER })
        let at = ''
        const run = processors.run('pc1', STAGE_TASKS.pc1, {
          onStart: () => {
            at = 'started'
          },
          onProgress: () => {
            at = 'told'
          },
        })
        const error = failure(run)
        await eventually('the task', 30_000, () => at === (tells ? 'told' : 'started') || undefined)
        await clock.advance(tells ? 6 * HOUR : 7 * 24 * HOUR)
        if (!tells) await processors.close()
        expect((await error).code).to.equal(tells ? 'stalled' : 'closed')
        const kills = lines.filter(line => line.msg === 'a processor stalls: killed')
        expect(kills).to.have.length(tells ? 1 : 0)
      })
    }

    it('a process that even SIGKILL does not end is left to itself, and its tasks fail', async () => {
      const clock = new FakeClock()
      const { bin, args } = scripted()
      const child = await ChildProcess.spawn({
        bin: bin!,
        args: args!,
        program: bin!,
        stage: 'c2',
        readyName: 'c2',
        env: process.env,
        stableWaitMs: MINUTE,
        log: silentLog,
        clock,
        onLine: () => {},
      })
      await child.ready
      child.kill('it stalled')
      // The end of the process cannot have been noticed yet.
      clock.advance(10_000)
      const exit = await child.exited
      expect(exit).to.deep.equal({
        exitCode: null,
        exitSignal: null,
        lastStderr: [],
        reason: 'it stalled, but stuck in the kernel',
      })
    })
  })

  describe('noise', () => {
    for (const lines of [true, false]) {
      it(`50 MB of stderr ${lines ? 'in lines' : 'without a line end'} are read, and hardly logged`, async function () {
        this.timeout(60_000)
        const { log, lines: logged } = rememberingLog()
        const processors = open.create({ children: { c2: [scripted()] } }, { log })
        expect(await play(processors, { do: 'floodBytes', bytes: 50 * MB, lines, value: 'done' })).to.equal('done')
        expect(logged.reduce((sum, line) => sum + line.msg.length, 0)).to.be.lessThan(5 * MB)
      })
    }

    it('a hundred thousand lines of rubbish before the answer are passed over, and hardly logged', async () => {
      const { log, lines } = rememberingLog()
      const processors = open.create({ children: { c2: [scripted()] } }, { log })
      expect(await play(processors, { do: 'rubbish', lines: 100_000, value: 'done' })).to.equal('done')
      expect(lines.length).to.be.lessThan(5_000)
    })

    it('a line without end ends the child, with the reason in the error of its tasks', async () => {
      const processors = open.create({ children: { c2: [scripted()] } }, { clock: hastyClock, maxLineBytes: 5 << 20 })
      const error = await failure(play(processors, { do: 'endless' }))
      expect([error.code, error.class, error.exitSignal]).to.deep.equal(['died', 'temporary', 'SIGKILL'])
      expect(error.message).to.contain('it wrote a line of more than 5 MiB')
      expect(await play(processors, { do: 'echo', value: 'back' })).to.equal('back')
    })
  })

  describe('big frames', () => {
    it('100 MB each way at once do not lock up, though the child reads nothing while it writes', async function () {
      this.timeout(120_000)
      const processors = open.create({ children: { c2: [scripted()] } })
      await processors.ready()
      const answer = failure(play(processors, { do: 'blockingBigLine', bytes: 100 * MB }))
      const ballast = 'y'.repeat(100 * MB)
      const length = play(processors, { do: 'length', ballast })
      expect((await answer).message.length).to.equal(100 * MB)
      expect(await length).to.be.greaterThan(100 * MB)
    })
  })

  describe('restarts', () => {
    /** Nothing takes time but what the test lets pass; the pauses before restarts are remembered. */
    function pausingClock() {
      const pauses: number[] = []
      let now = 0
      const ours = [3_000, 6_000, 12_000, 24_000, 48_000, 60_000]
      return {
        pauses,
        pass(ms: number): void {
          now += ms
        },
        clock: {
          ...systemClock,
          monotonic: () => now,
          sleep(ms: number, signal?: AbortSignal): Promise<void> {
            if (!ours.includes(ms)) return systemClock.sleep(ms, signal)
            pauses.push(ms)
            return systemClock.sleep(0, signal)
          },
        },
      }
    }

    it('S004-84: come after 3 s at first, then twice as long each time, a minute at most', async function () {
      this.timeout(60_000)
      const { clock, pauses } = pausingClock()
      const marker = path.join(directory, 'started-once')
      const child = scripted({ stableWaitMs: 77_777 }, 'once', marker)
      const processors = open.create({ children: { c2: [child] } }, { clock })
      await failure(play(processors, { do: 'crash' }))
      await eventually('seven restarts', 50_000, () => pauses.length >= 7 || undefined)
      expect(pauses.slice(0, 7)).to.deep.equal([3_000, 6_000, 12_000, 24_000, 48_000, 60_000, 60_000])
    })

    it('S004-84: begin at 3 s again for a child that lived a minute', async () => {
      const { clock, pauses, pass } = pausingClock()
      const processors = open.create({ children: { c2: [scripted({ stableWaitMs: 77_777 })] } }, { clock })
      for (const livedMs of [1_000, 1_000, 60_000]) {
        await play(processors, { do: 'echo' })
        pass(livedMs)
        await failure(play(processors, { do: 'crash' }))
      }
      await play(processors, { do: 'echo' })
      expect(pauses).to.deep.equal([3_000, 6_000, 3_000])
    })
  })
})
