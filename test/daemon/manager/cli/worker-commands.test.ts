import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { HttpServer } from '../../../../daemon/kit/http/http-server.js'
import { silentLog } from '../../../../daemon/kit/log.js'
import { bindPart, Dispatcher } from '../../../../daemon/kit/rpc/dispatcher.js'
import { RpcServer } from '../../../../daemon/kit/rpc/rpc-server.js'
import { startMock } from '../../../../daemon/manager/mock/start-mock.js'
import { workerService } from '../../../../rpc-schema/worker/index.js'
import type { ThreadInfo } from '../../../../rpc-schema/worker/thread-info.js'

const BIN = new URL('../../../../bin/damocles-manager.js', import.meta.url).pathname

const run = (...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> =>
  new Promise(resolve => {
    execFile(process.execPath, [BIN, ...args], { timeout: 30_000 }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr }),
    )
  })

const thread = (index: number, more: Partial<ThreadInfo>): ThreadInfo => ({
  drain: undefined,
  index,
  job_id: null,
  job_stage: null,
  job_state: 'Empty',
  last_error: null,
  location: `/seal/${index}`,
  plan: 'sealer',
  progress: undefined,
  thread_state: { state: 'Idle' },
  ...more,
})

describe('manager: commands for workers, and around the daemon', function () {
  this.timeout(120_000)
  const worker = new HttpServer(silentLog)
  const calls: unknown[] = []
  let address: string
  let dir: string

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'manager-worker-cli-'))
    const bound = bindPart(workerService, {
      WorkerList: () => [
        thread(0, {
          thread_state: { state: 'Running', elapsed: 60, proc: 'builtin PC1' },
          job_id: 's-t01000-7',
          job_state: 'PC1Done',
          job_stage: 'pc1',
        }),
        thread(1, { thread_state: { state: 'Paused', elapsed: 5 }, last_error: 'permanent: a\nb' }),
      ],
      WorkerPause: index => calls.push(['pause', index]) > 0,
      WorkerResume: (index, state) => calls.push(['resume', index, state]) > 2,
    })
    new RpcServer(new Dispatcher([bound], { title: 'w', version: '1', log: silentLog }), { log: silentLog }).mount(
      worker,
      '/',
    )
    const { port } = await worker.listen({ host: '127.0.0.1', port: 0 })
    address = `127.0.0.1:${port}`
  })
  after(async () => {
    rmSync(dir, { recursive: true, force: true })
    await worker.close()
  })

  it('util worker info, pause and resume talk to the worker, by its address without a manager', async () => {
    const none = ['util', '--listen', '127.0.0.1:1', 'worker']
    const info = await run(...none, 'info', address)
    expect(info.stdout.split('\n').map(line => line.split(/ {2,}/))).to.deep.equal([
      ['Index', 'Loc', 'Plan', 'JobID', 'JobState', 'JobStage', 'ThreadState', 'LastErr'],
      ['0', '/seal/0', 'sealer', 's-t01000-7', 'PC1Done', 'pc1', 'Running(1m0s) builtin PC1', 'NULL'],
      ['1', '/seal/1', 'sealer', 'NULL', 'Empty', 'NULL', 'Paused(5s)', 'permanent: a\\nb'],
      [''],
    ])
    expect(JSON.parse((await run(...none, 'info', '--json', address)).stdout)[1].index).to.equal(1)
    expect(await run(...none, 'pause', address, '1')).to.include({ code: 0, stdout: 'pause call done, ok = true\n' })
    expect(await run(...none, 'resume', address, '1')).to.include({ code: 1, stdout: 'resume call done, ok = false\n' })
    expect(await run(...none, 'resume', address, '1', 'PC1Done')).to.include({ code: 0 })
    expect(calls).to.deep.equal([
      ['pause', 1],
      ['resume', 1, null],
      ['resume', 1, 'PC1Done'],
    ])
    const unknown = await run(...none, 'info', 'worker-1')
    expect(unknown).to.include({ code: 1 })
    expect(unknown.stderr).to.match(/cannot talk to the manager/)
  })

  it('a name that has not pinged is told', async () => {
    const mock = await startMock({
      miner: 1,
      sectorSize: 2048,
      version: '1',
      listen: { host: '127.0.0.1', port: 0 },
      log: silentLog,
    })
    try {
      const { code, stderr } = await run('util', '--listen', mock.address, 'worker', 'info', 'worker-1')
      expect([code, stderr]).to.deep.equal([
        1,
        'damocles-manager: no worker named worker-1 has pinged, and it is no HOST[:PORT] (see `util worker list`)\n',
      ])
    } finally {
      await mock.stop()
    }
  })

  it('S003-1, S003-2: daemon init makes both files, complete, and never twice', async () => {
    const home = join(dir, 'home')
    expect(await run('--home', home, 'daemon', 'init')).to.include({ code: 0 })
    expect(readFileSync(join(home, 'ext-prover.cfg'), 'utf8')).to.match(/^# Default config:\n/)
    expect(readFileSync(join(home, 'ext-prover.cfg'), 'utf8')).to.not.match(/^[^#\n]/m)
    expect(await run('--home', home, 'daemon', 'init')).to.include({ code: 1 })
    const elsewhere = join(dir, 'conf')
    expect(await run('--home', home, 'daemon', 'init', '--conf-dir', elsewhere)).to.include({ code: 0 })
    expect(existsSync(join(elsewhere, 'sector-manager.cfg'))).to.equal(true)
  })

  it('exit codes: 0 done, 1 failed, 2 not understood', async () => {
    expect(await run('--version')).to.include({ code: 0 })
    expect(await run('util', '--help')).to.include({ code: 0 })
    expect(await run('config', 'check', '-c', join(dir, 'nothing'))).to.include({ code: 1 })
    for (const wrong of [
      ['nonsense'],
      ['daemon', 'run', '--nonsense'],
      ['mock', '--miner', '1'],
      ['mock', '--miner', '1', '--sector-size', '3GiB'],
    ]) {
      const { code, stderr } = await run(...wrong)
      expect(code, wrong.join(' ')).to.equal(2)
      expect(stderr, wrong.join(' ')).to.match(/^error: /m)
    }
  })

  it('util fetch-params says what is there and downloads nothing', async () => {
    const { code, stdout } = await run('util', 'fetch-params', '32GiB')
    expect(code).to.equal(1)
    expect(stdout).to.match(/^File +Set +Size +State/)
    expect(stdout).to.match(/are not in .*lotus fetch-params 32GiB/)
  })
})
