import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { pino } from 'pino'
import { z } from 'zod'
import { LineSplitter } from '../../../plugins/sdk/line-splitter.js'
import { ProtocolOutput } from '../../../plugins/sdk/protocol-output.js'
import {
  type ServeOptions,
  type StageProcessor,
  serveCustomProcessor,
  serveProcessor,
} from '../../../plugins/sdk/serve-processor.js'
import { SealError } from '../../../rpc-schema/seal-error.js'
import { eventually } from '../../harness/eventually.js'

const TASK = { registered_proof: 'StackedDrg2KiBV1_1', staged_file: '/staged', cache_dir: '/cache' }

/** The parent's side of a processor that runs in this process. */
function connect(serve: (options: ServeOptions) => Promise<void>, env: NodeJS.ProcessEnv = {}) {
  const input = new PassThrough()
  const stdout = new PassThrough()
  const lines: string[] = []
  const splitter = new LineSplitter({ onLine: line => lines.push(line) })
  stdout.on('data', chunk => splitter.push(chunk))
  let ended = false
  const served = serve({
    input,
    output: new ProtocolOutput(stdout),
    log: pino({ level: 'silent' }),
    env,
    onEnd: () => {
      ended = true
    },
  })
  return {
    lines,
    send: (line: string) => void input.write(`${line}\n`),
    async replies(count: number) {
      await eventually(`${count} replies`, 10_000, () => (lines.length > count ? true : undefined))
      return lines.slice(1).map(line => JSON.parse(line))
    },
    async end() {
      input.end()
      await served
      return ended
    },
  }
}

const connectTreeD = (run: StageProcessor<'tree_d'>['run'], env?: NodeJS.ProcessEnv) =>
  connect(options => serveProcessor({ stage: 'tree_d', run, ...options }), env)

describe('serveProcessor', () => {
  it('says that it is ready, then answers with the three members in their order', async () => {
    const parent = connectTreeD(async task => task.staged_file === '/staged' && task.registered_proof === 5)
    parent.send(JSON.stringify({ id: 7, task: TASK }))
    await parent.replies(1)
    expect(parent.lines).to.deep.equal(['tree_d processor ready', '{"id":7,"err_msg":null,"output":true}'])
    expect(await parent.end()).to.equal(true)
  })

  it('works on many requests at once and answers as they end', async () => {
    const parent = connectTreeD(async task => {
      await setTimeout(Number(task.staged_file))
      return true
    })
    for (const [id, ms] of [
      [1, 60],
      [2, 30],
      [3, 0],
    ])
      parent.send(JSON.stringify({ id, task: { ...TASK, staged_file: String(ms) } }))
    expect((await parent.replies(3)).map(reply => reply.id)).to.deep.equal([3, 2, 1])
  })

  it('writes an error with its causes; its class only for a parent that knows more', async () => {
    const run = () =>
      Promise.reject(new SealError('temporary', 'outer', { cause: new Error('middle', { cause: 'root' }) }))
    const plain = connectTreeD(run)
    plain.send(JSON.stringify({ id: 1, task: TASK }))
    const text = 'outer\n\nCaused by:\n    0: middle\n    1: root'
    expect(await plain.replies(1)).to.deep.equal([{ id: 1, err_msg: text, output: null }])
    const knowing = connectTreeD(run, { SEALYARD_PROCESSOR_PROGRESS: '1' })
    knowing.send(JSON.stringify({ id: 1, task: TASK }))
    expect(await knowing.replies(1)).to.deep.equal([{ id: 1, err_msg: text, output: null, err_class: 'temporary' }])
  })

  it('answers every bad request that has an id, and goes on', async () => {
    const parent = connectTreeD(async () => true)
    parent.send('not json')
    parent.send('{"id":4,"task":{"staged')
    parent.send('{"id":5}')
    parent.send('{"id":"six","task":{}}')
    parent.send(JSON.stringify({ id: 7, task: { ...TASK, registered_proof: 'NoSuch' } }))
    parent.send(JSON.stringify({ id: 8, task: { staged_file: '/x' } }))
    parent.send('')
    parent.send(JSON.stringify({ id: 9, task: { ...TASK, extra_field: 1 }, other: true }))
    const replies = await parent.replies(5)
    const byId = new Map(replies.map(reply => [reply.id, reply.err_msg]))
    expect([...byId.keys()].sort()).to.deep.equal([4, 5, 7, 8, 9])
    expect(byId.get(4)).to.contain('not JSON')
    expect(byId.get(5)).to.contain('no task')
    expect(byId.get(7)).to.contain('NoSuch').and.contain('registered_proof')
    expect(byId.get(8)).to.contain('cache_dir')
    expect(byId.get(9)).to.equal(null)
  })

  it('answers with an error when the result is not an output of the stage', async () => {
    const parent = connectTreeD(async () => 'yes' as unknown as boolean)
    parent.send(JSON.stringify({ id: 1, task: TASK }))
    const [reply] = await parent.replies(1)
    expect(reply.err_msg).to.be.a('string').and.contain('boolean')
  })

  it('sends progress only when it was asked for', async () => {
    const run: StageProcessor<'tree_d'>['run'] = async (_task, context) => {
      context.progress({ done: 0.5, step: 'half' })
      return true
    }
    const asking = connectTreeD(run, { SEALYARD_PROCESSOR_PROGRESS: '1' })
    asking.send(JSON.stringify({ id: 3, task: TASK }))
    expect(await asking.replies(2)).to.deep.equal([
      { id: 3, progress: { done: 0.5, step: 'half' } },
      { id: 3, err_msg: null, output: true },
    ])
    const other = connectTreeD(run)
    other.send(JSON.stringify({ id: 3, task: TASK }))
    expect(await other.replies(1)).to.deep.equal([{ id: 3, err_msg: null, output: true }])
  })

  it('serves a stage of one’s own', async () => {
    const stage = { name: 'sum', summary: 'Adds.', task: z.array(z.number()), output: z.number() }
    const parent = connect(options =>
      serveCustomProcessor(stage, async numbers => numbers.reduce((a, b) => a + b, 0), options),
    )
    parent.send('{"id":1,"task":[1,2,3]}')
    expect(await parent.replies(1)).to.deep.equal([{ id: 1, err_msg: null, output: 6 }])
    expect(parent.lines[0]).to.equal('sum processor ready')
  })

  it('is not ready when its preparation fails', async () => {
    const parent = { failed: false }
    const output = new PassThrough()
    await serveProcessor({
      stage: 'tree_d',
      run: async () => true,
      input: new PassThrough(),
      output: new ProtocolOutput(output),
      log: pino({ level: 'silent' }),
      prepare: () => Promise.reject(new Error('no GPU')),
    }).catch(error => {
      parent.failed = error.message === 'no GPU'
    })
    expect(parent.failed).to.equal(true)
    expect(output.read()).to.equal(null)
  })

  describe('as a program', () => {
    const running: ChildProcessWithoutNullStreams[] = []
    const start = (behaviour: string, env: NodeJS.ProcessEnv = {}) => {
      const program = fileURLToPath(new URL('./sdk-child.js', import.meta.url))
      const child = spawn(process.execPath, [program, behaviour], { env: { ...process.env, ...env } })
      running.push(child)
      const seen = { stdout: '', stderr: '' }
      child.stdout.on('data', chunk => {
        seen.stdout += chunk
      })
      child.stderr.on('data', chunk => {
        seen.stderr += chunk
      })
      return { child, seen }
    }
    const request = `${JSON.stringify({ id: 1, task: TASK })}\n`

    afterEach(() => {
      for (const child of running.splice(0)) child.kill('SIGKILL')
    })

    it('keeps stdout free of what is printed, and ends with status 1 when stdin ends', async () => {
      const { child, seen } = start('chatty')
      child.stdin.write(request)
      await eventually('the answer', 10_000, () => seen.stdout.includes('"output"') || undefined)
      child.stdin.end()
      expect((await once(child, 'close'))[0]).to.equal(1)
      expect(seen.stdout).to.equal('tree_d processor ready\n{"id":1,"err_msg":null,"output":true}\n')
      expect(seen.stderr).to.contain('printed by console.log').and.contain('written to stdout')
    })

    it('ends soon when stdin ends, though a task is running', async () => {
      for (const behaviour of ['hangs', 'spins']) {
        const { child, seen } = start(behaviour)
        child.stdin.write(request)
        await eventually('the ready line', 10_000, () => seen.stdout.includes('ready') || undefined)
        await setTimeout(100)
        const startedAt = performance.now()
        child.stdin.end()
        await once(child, 'close')
        expect(performance.now() - startedAt).to.be.lessThan(2_000)
      }
    })

    it('SIGTERM: a task is told, tidies up, is answered as a temporary error, and the process ends', async () => {
      const { child, seen } = start('tidies', { SEALYARD_PROCESSOR_PROGRESS: '1' })
      child.stdin.write(request)
      await eventually('the task', 10_000, () => seen.stderr.includes('begun') || undefined)
      child.kill('SIGTERM')
      expect(await once(child, 'close')).to.deep.equal([143, null])
      expect(seen.stderr).to.contain('tidied up')
      const [, answer] = seen.stdout.trimEnd().split('\n')
      expect(JSON.parse(answer!)).to.deep.equal({
        id: 1,
        err_msg: 'the processor ends: told to end',
        output: null,
        err_class: 'temporary',
      })
    })

    it('stdin closed: a task is told and tidies up', async () => {
      const { child, seen } = start('tidies')
      child.stdin.write(request)
      await eventually('the task', 10_000, () => seen.stderr.includes('begun') || undefined)
      child.stdin.end()
      expect(await once(child, 'close')).to.deep.equal([1, null])
      expect(seen.stderr).to.contain('tidied up')
    })

    it('SIGTERM ends also a process whose task does not listen, and one without a task', async () => {
      const busy = start('hangs')
      busy.child.stdin.write(request)
      await eventually('the task', 10_000, () => busy.seen.stderr.includes('begun') || undefined)
      busy.child.kill('SIGTERM')
      expect(await once(busy.child, 'close')).to.deep.equal([null, 'SIGKILL'])
      const idle = start('plain')
      await eventually('the ready line', 10_000, () => idle.seen.stdout.includes('ready') || undefined)
      idle.child.kill('SIGTERM')
      expect(await once(idle.child, 'close')).to.deep.equal([143, null])
    })

    it('ends when nobody reads its stdout any more', async () => {
      const { child, seen } = start('plain')
      await eventually('the ready line', 10_000, () => seen.stdout.includes('ready') || undefined)
      const closed = once(child, 'exit')
      child.stdout.destroy()
      child.stdin.write(request)
      expect(await closed).to.deep.equal([1, null])
      expect(seen.stderr).to.contain('stdout cannot be written')
    })

    it('answers a request of 100 MB', async function () {
      this.timeout(60_000)
      const { child, seen } = start('plain')
      child.stdin.write(`${JSON.stringify({ id: 1, task: { ...TASK, ballast: 'x'.repeat(100 << 20) } })}\n`)
      await eventually('the answer', 50_000, () => seen.stdout.includes('"output":true') || undefined)
    })
  })
})
