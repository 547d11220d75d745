import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { isOn, kindsNamed, kindsOf } from '../../../../daemon/worker/cli/venus-worker/kind-flags.js'
import { venusWorkerProgram } from '../../../../daemon/worker/cli/venus-worker/program.js'
import { allowedCpus } from '../../../../daemon/worker/hardware/allowed-cpus.js'
import { findProgram } from '../../../../daemon/worker/processors/placement/program-path.js'
import { visibleGpus } from '../../../../daemon/worker/stage-mode/machine-share.js'
import type { StageWorkerStatus } from '../../../../rpc-schema/worker/stage-worker.js'
import { eventually } from '../../../harness/eventually.js'

const BIN = new URL('../../../../bin/venus-worker.js', import.meta.url).pathname
const LIMIT_MS = 60_000

describe('venus-worker', function () {
  this.timeout(180_000)
  let dir: string
  const children: ChildProcess[] = []

  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'venus-worker-'))
  })
  after(() => {
    for (const child of children) child.kill('SIGKILL')
    rmSync(dir, { recursive: true, force: true })
  })

  const home = (name: string): string => join(dir, name)
  const cli = async (name: string, ...args: string[]): Promise<string> =>
    (
      await promisify(execFile)(process.execPath, [BIN, ...args], {
        env: { ...process.env, VENUS_WORKER_PATH: home(name) },
      })
    ).stdout

  /** No sealer is there: a worker waits for it. */
  async function started(name: string, ...flags: string[]): Promise<ChildProcess> {
    const args = ['run', '--miner-addr=/ip4/127.0.0.1/tcp/1', '--miner-token=a token', '--listen=127.0.0.1:0', ...flags]
    const env = {
      ...process.env,
      VENUS_WORKER_PATH: home(name),
      BELLMAN_CPU_UTILIZATION: '0.2',
      FIL_PROOFS_USE_MULTICORE_SDR: '1',
      FIL_PROOFS_MAXIMIZE_CACHING: '1',
      TRUST_PARAMS: '1',
    }
    const child = spawn(process.execPath, [BIN, ...args], { env, stdio: ['ignore', 'pipe', 'ignore'] })
    children.push(child)
    let out = ''
    child.stdout!.on('data', data => {
      out += data
    })
    await eventually(`${name} ready`, LIMIT_MS, () => out.includes('"ready":true') || undefined)
    return child
  }

  it('S002-27: --cores keeps a worker with all its threads to its share of the cores', async function () {
    const cpus = [...((await allowedCpus()) ?? [])]
    if (cpus.length < 2 || (await findProgram('taskset')) === undefined) return this.skip()
    const last = String(cpus.at(-1))
    const name = `share ${children.length}`
    const { pid } = await started(name, `--cores=${last}`)
    const lists = readdirSync(`/proc/${pid}/task`).flatMap(thread => {
      const status = `/proc/${pid}/task/${thread}/status`
      // A thread may have ended since.
      const text = existsSync(status) ? readFileSync(status, 'utf8') : ''
      return /^Cpus_allowed_list:\s*(\S+)/m.exec(text)?.[1] ?? []
    })
    expect(lists.length).to.be.above(4)
    expect(new Set(lists)).to.deep.equal(new Set([last]))
    expect(await cli(name, 'info')).to.contain(' 1 cores and ')
  })

  it('--cores that cannot be had ends the start, with the reason', async () => {
    const run = cli('none', 'run', '--miner-addr=/ip4/127.0.0.1/tcp/1', '--cores=4000')
    const text = await run.catch((error: { stderr: string; stdout: string }) => error.stderr + error.stdout)
    expect(text).to.contain('--cores=4000').and.contain('4000 are not there for this worker')
  })

  it('S002-17, S002-28, S002-30: flags switch kinds off; what costs next to nothing is always done', () => {
    expect(kindsOf({})).to.deep.equal(['AP', 'PC1', 'PC2', 'WAIT', 'C1', 'C2', 'FINALIZE'])
    expect(kindsOf({ commit: false })).to.deep.equal(['AP', 'PC1', 'PC2', 'WAIT', 'C1', 'FINALIZE'])
    expect(kindsOf({ addpiece: false, precommit1: false, commit: false })).to.deep.equal([
      'PC2',
      'WAIT',
      'C1',
      'FINALIZE',
    ])
    expect(kindsOf({ addpiece: false, precommit1: false, precommit2: false })).to.deep.equal([
      'WAIT',
      'C1',
      'C2',
      'FINALIZE',
    ])
    expect(kindsNamed(['p1', 'addpiece', 'C2'])).to.deep.equal(['PC1', 'AP', 'C2'])
    expect(() => kindsNamed(['c3'])).to.throw('c3: expected a kind of task')
    expect(['false', '0', 'F', 'true', '1'].map(isOn)).to.deep.equal([false, false, false, true, true])
    expect(() => isOn('no')).to.throw('expected true or false')
  })

  it('S002-2: CUDA_VISIBLE_DEVICES and BELLMAN_NO_GPU say which GPUs a worker has', () => {
    expect(visibleGpus(2, {})).to.deep.equal(['0', '1'])
    expect(visibleGpus(2, { CUDA_VISIBLE_DEVICES: '1' })).to.deep.equal(['1'])
    expect(visibleGpus(2, { CUDA_VISIBLE_DEVICES: '-1' })).to.deep.equal([])
    expect(visibleGpus(2, { CUDA_VISIBLE_DEVICES: '' })).to.deep.equal([])
    expect(visibleGpus(2, { BELLMAN_NO_GPU: '1' })).to.deep.equal([])
  })

  it('S002-14, S002-15, S002-17, S002-18, S002-29…32: two workers on one path, which the second attaches without --init', async () => {
    const path = join(dir, 'seal')
    const first = await started('one', '--commit=false', '--no-local-storage')
    const second = await started(
      'two',
      '--precommit1=false',
      '--precommit2=false',
      '--addpiece=false',
      '--unseal=false',
      '--no-local-storage',
    )
    expect(await cli('one', 'storage', 'attach', '--init', '--seal', path)).to.include(
      'a running worker uses it at once',
    )
    await cli('two', 'storage', 'attach', path)
    expect(await cli('two', 'storage', 'list')).to.match(new RegExp(`${path} +seal +[0-9a-f-]{36}`))
    const status = async (name: string) => JSON.parse(await cli(name, 'info', '--json')) as StageWorkerStatus
    const [one, two] = await Promise.all([status('one'), status('two')])
    expect(one.Kinds).to.deep.equal(['AP', 'PC1', 'PC2', 'WAIT', 'C1', 'FINALIZE'])
    expect(two.Kinds).to.deep.equal(['WAIT', 'C1', 'C2', 'FINALIZE'])
    const { ID } = JSON.parse(readFileSync(join(path, 'sectorstore.json'), 'utf8')) as { ID: string }
    for (const worker of [one, two]) {
      expect(worker.ManagerAnswers).to.equal(false)
      expect(worker.Paths.map(each => ({ id: each.ID, seal: each.CanSeal, store: each.CanStore }))).to.deep.equal([
        { id: ID, seal: true, store: false },
      ])
    }
    expect(statSync(join(home('one'), 'api.json')).mode & 0o077, 'readable for others').to.equal(0)
    expect(await cli('one', 'tasks', 'disable', 'AP', 'pc2')).to.equal('takes PC1 WAIT C1 FINALIZE\n')
    renameSync(path, `${path} unmounted`)
    for (const command of [['info'], ['storage', 'list']])
      expect(await cli('two', ...command)).to.match(new RegExp(`${path}.*there is no sectorstore.json: is it mounted`))
    renameSync(`${path} unmounted`, path)
    expect(await cli('one', 'wait-quiet')).to.equal('quiet\n')
    expect((await status('one')).Quiet).to.equal(true)
    const ends = [first, second].map(child => new Promise(resolve => child.once('exit', resolve)))
    for (const name of ['one', 'two']) expect(await cli(name, 'stop')).to.equal('stopping\n')
    expect(await Promise.all(ends)).to.deep.equal([0, 0])
  })

  it('says what is wrong when no worker runs on a home', async () => {
    expect(venusWorkerProgram('v0').commands.map(command => command.name())).to.include('wait-quiet')
    const refused = await cli('nobody', 'info').catch((error: { stderr: string }) => error.stderr)
    expect(refused).to.match(/has a worker been started on this home/)
  })
})
