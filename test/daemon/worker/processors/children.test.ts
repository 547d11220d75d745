import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'chai'
import { eventually } from '../../../harness/eventually.js'
import { machine } from './placement/machines.js'
import { failure, hastyClock, OpenProcessors, play, rememberingLog, scripted } from './scripted.js'

const failed = (work: Promise<unknown>): Promise<Error> =>
  work.then(
    () => expect.fail('the task should have failed'),
    (error: Error) => error,
  )

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

describe('processor children', () => {
  const open = new OpenProcessors()
  let directory: string

  beforeEach(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'sealyard-children-'))
  })

  afterEach(async () => {
    await open.closeAll()
    await rm(directory, { recursive: true, force: true })
  })

  describe('protocol', () => {
    it('S000-16: matches many answers in any order to their requests, and shows the process', async () => {
      const processors = open.create({ children: { c2: [scripted()] } })
      await processors.ready()
      const shown: string[] = []
      const answers = await Promise.all(
        [30, 20, 10, 0].map((ms, value) =>
          play(processors, { do: 'slow', ms, value }, { onStart: name => void shown.push(name) }),
        ),
      )
      expect(answers).to.deep.equal([0, 1, 2, 3])
      const pid = await play(processors, { do: 'pid' })
      expect(shown).to.deep.equal(Array(4).fill(`ext(pid: ${pid})`))
    })

    it('starts on its own with the first task', async () => {
      const processors = open.create({ children: { c2: [scripted()] } })
      expect(await play(processors, { do: 'echo', value: 'up' })).to.equal('up')
    })

    it('counts ids from 1', async () => {
      const processors = open.create({ children: { c2: [scripted()] } })
      expect([await play(processors, { do: 'id' }), await play(processors, { do: 'id' })]).to.deep.equal([1, 2])
    })

    it('S000-38: fails a task with the text and the class of the answer; permanent when it has none', async () => {
      const processors = open.create({ children: { c2: [scripted()] } })
      const plain = await failure(play(processors, { do: 'fail', message: 'no such file\n\nCaused by:\n    ENOENT' }))
      expect([plain.code, plain.class, plain.stage, plain.message]).to.deep.equal([
        'failed',
        'permanent',
        'c2',
        'no such file\n\nCaused by:\n    ENOENT',
      ])
      const classed = await failure(play(processors, { do: 'fail', message: 'market is down', class: 'temporary' }))
      expect(classed.class).to.equal('temporary')
      expect((await failure(play(processors, { do: 'lost' }))).message).to.equal('output field lost')
    })

    it('passes over garbage and answers that nobody waits for', async () => {
      const { log, lines } = rememberingLog()
      const processors = open.create({ children: { c2: [scripted()] } }, { log })
      expect(await play(processors, { do: 'garbage', value: 'still here' })).to.equal('still here')
      expect(await play(processors, { do: 'unknownId', value: 'mine' })).to.equal('mine')
      expect(lines.filter(line => line.msg === 'a processor wrote a line that is no reply')).to.have.length(3)
      expect(lines.filter(line => line.msg === 'a processor answered a request that is not open')).to.have.length(1)
    })

    it('dumps garbage into the directory that DUMP_ERR_RESP_<pid> names, looked up at that moment', async () => {
      const env: NodeJS.ProcessEnv = { ...process.env }
      const processors = open.create({ children: { c2: [scripted()] } }, { env })
      const pid = await play(processors, { do: 'pid' })
      env[`DUMP_ERR_RESP_${pid}`] = directory
      await play(processors, { do: 'garbage' })
      const files = await eventually('three dumps', 5_000, async () => {
        const found = await readdir(directory)
        return found.length === 3 ? found : undefined
      })
      for (const file of files) expect(file).to.match(new RegExp(`^ext-processor-err-resp-${pid}-[0-9a-f]{32}\\.json$`))
      const contents = await Promise.all(files.map(file => readFile(path.join(directory, file), 'utf8')))
      expect(contents).to.include('this is not JSON')
    })

    it('refuses an answer that is not the output of the stage', async () => {
      const processors = open.create({ children: { c2: [scripted()] } })
      const error = await failure(play(processors, { do: 'wrongShape' }))
      expect([error.code, error.class]).to.deep.equal(['garbled', 'permanent'])
      expect(error.message).to.contain('proof')
    })

    it('takes and gives lines of a hundred megabytes', async function () {
      this.timeout(60_000)
      const processors = open.create({ children: { c2: [scripted()] } })
      const ballast = 'y'.repeat(100 << 20)
      const { message } = await failure(play(processors, { do: 'bigLine', ballast }))
      expect(message.length).to.equal(ballast.length + '104857600 bytes: '.length)
      expect(message.startsWith('104857600 bytes: yyy')).to.equal(true)
    })

    it('reports progress to whoever runs the task', async () => {
      const processors = open.create({ children: { c2: [scripted()] } })
      const seen: number[] = []
      await play(
        processors,
        { do: 'progress', steps: [0.1, 0.5, 0.9] },
        { onProgress: ({ done }) => void seen.push(done!) },
      )
      expect(seen).to.deep.equal([0.1, 0.5, 0.9])
    })
  })

  describe('start', () => {
    it('fails with the end of stderr when a child dies before it is ready', async () => {
      const error = await failure(open.create({ children: { c2: [scripted({}, 'dies')] } }).ready())
      expect([error.code, error.exitCode, error.lastStderr]).to.deep.equal(['startup', 7, ['no such device']])
      expect(error.message).to.contain('exit code 7').and.contain('no such device')
    })

    it('fails when the first line is another one', async () => {
      const error = await failure(open.create({ children: { c2: [scripted({}, 'wrong')] } }).ready())
      expect(error.message).to.contain('expected "c2 processor ready", found "hello there"')
    })

    it('S004-78: fails when the ready line does not come within stable_wait, and waits for one that does', async () => {
      const late = (stableWaitMs: number) =>
        open.create({ children: { c2: [scripted({ stableWaitMs }, 'late', '300')] } })
      await late(10_000).ready()
      expect((await failure(late(100).ready())).message).to.contain('within 100 ms')
    })

    it('fails when the program is not there', async () => {
      const error = await failure(open.create({ children: { c2: [scripted({ bin: '/no/such/program' })] } }).ready())
      expect(error.message).to.contain('/no/such/program')
    })

    it('keeps sealing daemons running, which announce no stage', async () => {
      const daemon = scripted()
      const args = [daemon.args![0]!, 'EMPTY', 'ready']
      const { log, lines } = rememberingLog()
      const processors = open.create({ children: { sealing_daemons: [{ ...daemon, args }] } }, { log })
      await processors.ready()
      expect(lines.some(line => line.msg === 'processor ready' && line.stage === 'sealing_daemons')).to.equal(true)
    })

    it('S000-19 S004-81 S004-85 S004-87: sets the environment: inherited, own, placement', async () => {
      const env = { PATH: process.env.PATH, INHERITED: 'yes', OVERRIDDEN: 'no' }
      const topology = async () => machine(2, 1, 4)
      const cgroup = { groupName: 'my-group', cpuset: '0-1' }
      const child = { envs: { OVERRIDDEN: 'yes' }, numaPreferred: 1, cgroup }
      const processors = open.create({ children: { c2: [scripted(child)] } }, { env, topology })
      const seen: Record<string, unknown> = {}
      const names = ['INHERITED', 'OVERRIDDEN', 'VENUS_WORKER_NUMA_PREFERRED', 'VC_CG_NAME', 'VC_CG_CPUSET']
      for (const name of names) seen[name] = await play(processors, { do: 'env', name })
      expect(seen).to.deep.equal({
        INHERITED: 'yes',
        OVERRIDDEN: 'yes',
        VENUS_WORKER_NUMA_PREFERRED: '1',
        VC_CG_NAME: `my-group/sub-c2-${process.pid}-0`,
        VC_CG_CPUSET: '0-1',
      })
      const alone = open.create({ children: { c2: [scripted({ inheritEnvs: false })] } }, { env })
      expect(await play(alone, { do: 'env', name: 'INHERITED' })).to.equal('unset')
    })
  })

  describe('death', () => {
    it('S004-84: fails every task in the child with its exit and its last words, and restarts it with the ids going on', async () => {
      const processors = open.create({ children: { c2: [scripted()] } }, { clock: hastyClock })
      const firstPid = await play(processors, { do: 'pid' })
      const bystander = failure(play(processors, { do: 'hang' }))
      const error = await failure(play(processors, { do: 'crash', code: 9 }))
      expect([error.code, error.class, error.exitCode]).to.deep.equal(['died', 'temporary', 9])
      expect(error.lastStderr).to.deep.equal(['about to crash', 'the GPU is on fire'])
      expect(error.message).to.match(/^child process exited: c2: ext\(pid: \d+\): exit code 9; .*GPU is on fire/)
      expect((await bystander).code).to.equal('died')

      expect(await play(processors, { do: 'id' })).to.equal(4)
      expect(await play(processors, { do: 'pid' })).to.not.equal(firstPid)
    })

    it('tells the signal that killed the child', async () => {
      const processors = open.create({ children: { c2: [scripted()] } }, { clock: hastyClock })
      expect((await failure(play(processors, { do: 'suicide' }))).exitSignal).to.equal('SIGKILL')
    })

    it('S004-84: is final without auto_restart: permanent, for this task and all later ones', async () => {
      const processors = open.create({ children: { c2: [scripted({ autoRestart: false })] } })
      expect((await failure(play(processors, { do: 'crash' }))).class).to.equal('permanent')
      expect((await failure(play(processors, { do: 'echo' }))).code).to.equal('died')
    })

    it('fails tasks instead of letting them wait for a child that cannot be restarted', async () => {
      const marker = path.join(directory, 'started-once')
      const processors = open.create({ children: { c2: [scripted({}, 'once', marker)] } }, { clock: hastyClock })
      await failure(play(processors, { do: 'crash' }))
      const error = await failure(play(processors, { do: 'echo' }))
      expect([error.code, error.class, error.exitCode]).to.deep.equal(['startup', 'temporary', 8])
    })

    it('notices an end in the middle of a line', async () => {
      const { log, lines } = rememberingLog()
      const processors = open.create({ children: { c2: [scripted()] } }, { log, clock: hastyClock })
      expect((await failure(play(processors, { do: 'halfLine' }))).code).to.equal('died')
      expect(lines.map(line => line.msg)).to.include('a processor ended in the middle of a line')
    })

    it('takes a child that closed its stdout for dead', async () => {
      const processors = open.create({ children: { c2: [scripted()] } }, { clock: hastyClock })
      expect((await failure(play(processors, { do: 'closeStdout' }))).code).to.equal('died')
    })

    it('keeps the last words of a child that floods its stderr, and does not drown in the rest', async function () {
      this.timeout(30_000)
      const { log, lines } = rememberingLog()
      const processors = open.create({ children: { c2: [scripted()] } }, { log, clock: hastyClock })
      await play(processors, { do: 'flood', lines: 100_000 })
      const error = await failure(play(processors, { do: 'crash' }))
      expect(error.lastStderr).to.have.length(20)
      expect(error.lastStderr.slice(-2)).to.deep.equal(['about to crash', 'the GPU is on fire'])
      expect(lines.length).to.be.lessThan(20_000)
      expect(lines.map(line => line.msg)).to.include('a processor floods its stderr: lines left out')
    })
  })

  describe('end', () => {
    it('ends the children and what they started, even those that ignore SIGTERM', async () => {
      const processors = open.create({
        children: { c2: [scripted({ concurrent: 1 }, 'deaf')] },
        limitation: { concurrent: { c2: 1 }, staggered: {} },
      })
      const pids = [await play(processors, { do: 'pid' }), await play(processors, { do: 'grandchild' })] as number[]
      const unfinished = failure(play(processors, { do: 'hang' }))
      const queued = failure(play(processors, { do: 'echo' }))
      await processors.acquire('c2')
      const limited = failure(processors.acquire('c2'))
      await processors.close()
      expect((await unfinished).code).to.equal('closed')
      expect((await queued).code).to.equal('closed')
      expect((await limited).code).to.equal('closed')
      await eventually('the end of both', 5_000, () => pids.every(pid => !alive(pid)) || undefined)
      expect((await failure(play(processors, { do: 'echo' }))).code).to.equal('closed')
    })
  })

  describe('limits', () => {
    it('S000-36 S004-60 S004-82: keeps to `concurrent` of a child', async () => {
      const file = path.join(directory, 'order')
      const processors = open.create({ children: { c2: [scripted({ concurrent: 2 })] } })
      await Promise.all(Array.from({ length: 6 }, () => play(processors, { do: 'during', file, ms: 50 })))
      let running = 0
      const levels = (await readFile(file, 'utf8'))
        .trim()
        .split('\n')
        .map(line => {
          running += line.startsWith('begin') ? 1 : -1
          return running
        })
      expect(levels).to.have.length(12)
      expect(Math.max(...levels)).to.equal(2)
    })

    it('S000-36 S004-74: spreads tasks over children without a limit', async () => {
      const processors = open.create({ children: { c2: [scripted(), scripted(), scripted()] } })
      await processors.ready()
      const shown = new Set<string>()
      const run = () => play(processors, { do: 'slow', ms: 100 }, { onStart: name => void shown.add(name) })
      await Promise.all([run(), run(), run()])
      expect(shown.size).to.equal(3)
    })

    it('S004-60 S004-92: uses the other child while one is full', async () => {
      const children = [scripted({ concurrent: 1 }), scripted({ concurrent: 1 })]
      const processors = open.create({ children: { c2: children } })
      await processors.ready()
      const shown = new Set<string>()
      const run = () => play(processors, { do: 'slow', ms: 100 }, { onStart: name => void shown.add(name) })
      await Promise.all([run(), run()])
      expect(shown.size).to.equal(2)
    })

    it('S004-66 S004-67: never runs two tasks at once in children that share a lock, and gives the lock back when one dies; undeclared locks hold nobody', async () => {
      const file = path.join(directory, 'order')
      const locks = ['gpu', 'not-declared']
      const processors = open.create(
        { children: { c2: [scripted({ locks }), scripted({ locks, concurrent: 1 })] }, extLocks: { gpu: 1 } },
        { clock: hastyClock },
      )
      const during = () => play(processors, { do: 'during', file, ms: 20 })
      await Promise.all([during(), during(), failure(play(processors, { do: 'crash' })), during(), during()])
      const order = (await readFile(file, 'utf8')).trim().split('\n')
      expect(order).to.deep.equal(Array(4).fill(['begin c2', 'end c2']).flat())
    })

    it('a pause ends the wait for a child, not the work in it', async () => {
      const processors = open.create({ children: { c2: [scripted({ concurrent: 1 })] } })
      await processors.ready()
      const pause = new AbortController()
      const startedAt = performance.now()
      const run = { waitSignal: pause.signal }
      const working = play(processors, { do: 'slow', ms: 400, value: 7 }, run)
      const waiting = failed(play(processors, { do: 'echo' }, run))
      await delay(50)
      pause.abort(new Error('paused'))
      expect((await waiting).message).to.equal('paused')
      expect(performance.now() - startedAt).to.be.lessThan(300)
      expect(await working).to.equal(7)
    })

    it('leaves the queue when the signal aborts; the child keeps its slot until it has answered', async () => {
      const processors = open.create({ children: { c2: [scripted({ concurrent: 1 })] } })
      await processors.ready()
      const controller = new AbortController()
      const startedAt = performance.now()
      let atWork: Promise<unknown> | undefined
      const onWork = (work: Promise<unknown>): void => {
        atWork = work
      }
      const working = play(processors, { do: 'slow', ms: 400 }, { signal: controller.signal, onWork })
      const waiting = play(processors, { do: 'echo' }, { signal: controller.signal })
      await delay(50)
      controller.abort(new Error('paused'))
      for (const each of await Promise.allSettled([working, waiting])) {
        expect(each.status === 'rejected' && each.reason.message).to.equal('paused')
      }
      expect(performance.now() - startedAt).to.be.lessThan(300)
      expect(atWork, 'what is at work').not.to.equal(undefined)
      let hasEnded = false
      const ended = atWork?.then(() => {
        hasEnded = true
      })
      expect(await Promise.race([ended, 'goes on'])).to.equal('goes on')
      await play(processors, { do: 'echo' })
      expect(performance.now() - startedAt).to.be.greaterThan(390)
      expect(hasEnded).to.equal(true)
    })
  })
})
