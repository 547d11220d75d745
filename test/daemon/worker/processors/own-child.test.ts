import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { DEFAULT_CHILD } from '../../../../daemon/worker/processors/processors.js'
import { eventually } from '../../../harness/eventually.js'
import { ManualClock } from './manual-clock.js'
import { OpenProcessors, rememberingLog } from './scripted.js'

const HANGING_WORKER = fileURLToPath(
  new URL('../../../../../test/fixtures/processors/hanging-worker.mjs', import.meta.url),
)
const MINUTE = 60_000

describe('a stage that touches persist stores, without an entry', () => {
  const open = new OpenProcessors()
  let directory: string

  beforeEach(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'sealyard-own-child-'))
  })

  afterEach(async () => {
    await open.closeAll()
    await rm(directory, { recursive: true, force: true })
  })

  const task = (src: string, dest: string) => ({
    stores: {},
    routes: [
      {
        src: { store_name: null, uri: path.join(directory, src) },
        dest: { store_name: null, uri: path.join(directory, dest) },
        opt: null,
      },
    ],
  })

  it('S004-73 S004-75: transfer runs in one process of this program, from the first task on, shown as built in', async () => {
    const { log, lines } = rememberingLog()
    const processors = open.create({}, { log })
    await processors.ready()
    await writeFile(path.join(directory, 'a'), 'replica')
    expect(lines.map(line => line.msg)).to.not.include('processor ready')

    const shown: string[] = []
    const onStart = (name: string): void => void shown.push(name)
    const both = [task('a', 'store/b'), task('a', 'store/c')]
    const answers = await Promise.all(both.map(each => processors.run('transfer', each, { onStart })))
    expect(answers).to.deep.equal([true, true])
    expect(await readFile(path.join(directory, 'store/c'), 'utf8')).to.equal('replica')
    expect(shown).to.deep.equal(['builtin Transfer', 'builtin Transfer'])
    expect(lines.filter(line => line.msg === 'processor ready')).to.have.length(1)
  })

  it('keeps the class of an error on the way', async () => {
    const error = await open
      .create({})
      .run('transfer', task('missing', 'b'))
      .catch(failure => failure)
    expect([error.code, error.class]).to.deep.equal(['failed', 'permanent'])
    expect(error.message).to.contain('src path not exists')
  })

  it('is killed when no byte moves for long: a temporary error, and the next task finds a new process', async function () {
    this.timeout(60_000)
    const clock = new ManualClock()
    const { log, lines } = rememberingLog()
    const processors = open.create({}, { clock, log, workerScript: HANGING_WORKER })
    const pids = () => lines.filter(line => line.msg === 'processor ready').map(line => line.pid)
    let started = 0
    const onStart = (): void => {
      started += 1
    }
    const hung = processors.run('transfer', task('a', 'b'), { onStart }).catch(failure => failure)
    await eventually('the first task', 30_000, () => started === 1 || undefined)
    await clock.advance(20 * MINUTE - 1)
    expect(lines.map(line => line.msg)).to.not.include('a processor stalls: killed')
    await clock.advance(1)
    const error = await hung
    expect([error.code, error.class, error.exitSignal]).to.deep.equal(['stalled', 'temporary', 'SIGKILL'])

    const next = processors.run('transfer', task('a', 'b'), { onStart }).catch(failure => failure)
    await clock.advance(3_000)
    await eventually('a new process at work', 30_000, () => started === 2 || undefined)
    expect(new Set(pids()).size).to.equal(2)
    await processors.close()
    expect((await next).code).to.equal('closed')
  })

  it('a process that cannot be started is tried again with the next task', async () => {
    const processors = open.create({}, { workerScript: path.join(directory, 'worker.mjs') })
    const error = await processors.run('transfer', task('a', 'b')).catch(failure => failure)
    expect([error.code, error.class]).to.deep.equal(['startup', 'temporary'])
    await writeFile(
      path.join(directory, 'worker.mjs'),
      `process.stdout.write('transfer processor ready\\n')
       process.stdin.on('data', line => process.stdout.write(JSON.stringify({ id: JSON.parse(line).id, output: true }) + '\\n'))
       process.stdin.on('end', () => process.exit(1))`,
    )
    expect(await processors.run('transfer', task('a', 'b'))).to.equal(true)
  })

  it('an entry replaces it', async () => {
    const processors = open.create({ children: { transfer: [DEFAULT_CHILD] } })
    await writeFile(path.join(directory, 'a'), 'replica')
    let shown = ''
    const onStart = (name: string): void => {
      shown = name
    }
    await processors.run('transfer', task('a', 'b'), { onStart })
    expect(shown).to.match(/^ext\(pid: \d+\)$/)
  })
})
