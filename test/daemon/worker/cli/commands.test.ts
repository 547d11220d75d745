import { spawn } from 'node:child_process'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { WorkerBench } from '../support/bench.js'

const BIN = fileURLToPath(new URL('../../../../bin/', import.meta.url))

interface Result {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

function run(bin: string, args: readonly string[]): Promise<Result> {
  const child = spawn(process.execPath, [join(BIN, `${bin}.js`), ...args], {
    env: { ...process.env, DAMOCLES_WORKER_CONFIG: undefined, DAMOCLES_WORKER_HOST: undefined },
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', chunk => (stdout += chunk))
  child.stderr.on('data', chunk => (stderr += chunk))
  return new Promise(resolve => child.on('close', code => resolve({ code, stdout, stderr })))
}

const damoclesWorker = (...args: string[]): Promise<Result> => run('damocles-worker', args)

describe('damocles-worker', () => {
  let bench: WorkerBench

  beforeEach(async () => {
    bench = await WorkerBench.make()
  })
  afterEach(() => bench.close())

  describe('worker', () => {
    const control = (...args: string[]) => damoclesWorker('worker', '-H', new URL(bench.worker!.address).host, ...args)

    it('S000-41: list, pause and resume say how things stand and what they did', async () => {
      let release = (): void => {}
      const held = new Promise<void>(resolve => {
        release = resolve
      })
      let running = false
      bench.processors.gate(({ stage }, when) => {
        if (stage !== 'c2' || when !== 'before') return
        running = true
        return held
      })
      await bench.start()
      await bench.until(() => running)
      const { stdout, code } = await control('list')
      expect(code).to.equal(0)
      const [header, row] = stdout.trimEnd().split('\n')
      expect(header!.split(/\s{2,}/)).to.deep.equal([
        '#',
        'location',
        'Plan',
        'JobID',
        'JobState',
        'JobStage',
        'ThreadState',
        'LastErr',
      ])
      expect(row!.split(/\s{2,}/)).to.deep.equal([
        '0',
        bench.thread.location,
        'sealer',
        's-t010000-1',
        'C1Done',
        'C2',
        'Running(0s) fake c2',
        '-',
      ])
      expect(JSON.parse((await control('list', '--json')).stdout)).to.deep.equal(bench.threads)
      expect((await control('resume', '-i', '0')).stdout).to.equal(
        '#0 nothing done: it is not paused (Running(0s) fake c2)\n',
      )
      expect((await control('pause', '-i', '0')).stdout).to.equal('#0 will pause after C2 of s-t010000-1\n')
      expect((await control('pause', '-i', '0')).stdout).to.equal(
        '#0 nothing done: a pause is on its way already, after C2 of s-t010000-1\n',
      )
      release()
      await bench.until(() => bench.threads[0]!.thread_state.state === 'Paused')
      expect((await control('pause', '-i', '0')).stdout).to.equal(
        '#0 was paused already: sector s-t010000-1 stays in state C2Done\n',
      )
      const refused = await control('resume', '-i', '0', '-s', 'Nowhere')
      expect(refused.code).to.equal(1)
      expect(refused.stderr).to.contain('unknown state "Nowhere"')
      expect((await control('resume', '-i', '0', '-s', 'C1Done')).stdout).to.equal(
        '#0 resumed: s-t010000-1 goes on in state C1Done\n',
      )
      await bench.until(() => bench.manager.sector(1).finalized)
    }).timeout(60_000)

    it('a thread that does not exist, a worker that does not answer', async () => {
      await bench.start()
      expect(await control('pause', '-i', '7')).to.deep.include({
        code: 1,
        stderr: 'damocles-worker: worker #7 not found\n',
      })
      const { host } = new URL(bench.worker!.address)
      await bench.stop()
      const { code, stderr } = await damoclesWorker('worker', '-H', host, 'list')
      expect(code).to.equal(1)
      expect(stderr).to.contain('ECONNREFUSED')
    }).timeout(60_000)

    it('finds the worker by its configuration file', async () => {
      await bench.start()
      const { port } = new URL(bench.worker!.address)
      const file = join(bench.dir, 'w.toml')
      await writeFile(file, `[worker]\nrpc_server.host = "0.0.0.0"\nrpc_server.port = ${port}\n`)
      const { stdout } = await damoclesWorker('worker', '-c', file, '-H', '127.0.0.1:1', 'list')
      expect(stdout).to.contain(bench.thread.location)
    }).timeout(60_000)
  })

  it('config check tells every problem with its line', async () => {
    const file = join(bench.dir, 'w.toml')
    await writeFile(file, bench.toml)
    const good = await damoclesWorker('config', 'check', '-c', file)
    expect(good.code).to.equal(0)
    expect(good.stdout).to.match(/\nmax_retries = 5 +# default\n/)
    expect(good.stdout).to.contain('rpc_client.headers.Authorization = "***"')
    expect(good.stdout.endsWith(`\n${file}: good, 1 sealing thread\n`)).to.equal(true)
    const json = await damoclesWorker('config', 'check', '-c', file, '--json')
    const report = JSON.parse(json.stdout)
    expect(report).to.deep.include({ file, good: true, problems: [], warnings: [] })
    const [worker] = report.config
    expect(worker.header).to.equal('[worker]')
    expect(worker.settings[0]).to.deep.equal({ key: 'name', value: 'bench', origin: `${file}:3` })
    await writeFile(file, `${bench.toml}\nextra = 1\n[metrics]\nenable = "yes"\n`)
    const { code, stdout } = await damoclesWorker('config', 'check', '-c', file)
    expect(code).to.equal(1)
    expect(stdout).to.match(/w\.toml:\d+: metrics\.enable: expected boolean, found "yes"\n/)
  }).timeout(60_000)

  it('daemon refuses a broken file before it starts anything', async () => {
    const file = join(bench.dir, 'w.toml')
    await writeFile(file, '[worker\n')
    const { code, stdout, stderr } = await damoclesWorker('daemon', '-c', file)
    expect({ code, stdout }).to.deep.equal({ code: 1, stdout: '' })
    expect(stderr).to.contain(`${file}:1: broken TOML`)
    expect(await readdir(bench.dir)).to.deep.equal(['persist1', 'w.toml'])
  }).timeout(60_000)

  it('store sealing-init and file-init lay out stores', async () => {
    const stores = [join(bench.dir, 'a', 'b'), join(bench.dir, 'c')]
    expect(await damoclesWorker('store', 'sealing-init', '-l', ...stores)).to.deep.include({
      code: 0,
      stderr: stores.map(path => `store initialized: ${path}\n`).join(''),
    })
    expect((await readdir(stores[1]!)).sort()).to.deep.equal(['.holder', 'data', 'meta'])
    const again = await damoclesWorker('store', 'sealing-init', '-l', stores[1]!)
    expect(again.code).to.equal(1)
    expect(again.stderr).to.contain('is already a sealing store')
    const remote = join(bench.dir, 'remote')
    expect((await damoclesWorker('store', 'file-init', '-l', remote)).code).to.equal(0)
    expect(await readdir(remote)).to.deep.equal([])
  }).timeout(60_000)

  it('the utility calculates a line of sealing threads', async () => {
    const flags = '--tree_d_mins 1 --tree_d_concurrent 1 --pc1_mins 60 --pc1_concurrent 2 --pc2_mins 10'
    const more = '--pc2_concurrent 1 --c2_mins 10 --c2_concurrent 1 --sealing_threads 2 --seed_mins 20 --csv'
    const { code, stdout } = await run('damocles-worker-util', [
      'sealcalc',
      ...`${flags} ${more} --calculate_days 1 --output_step 30`.split(' '),
    ])
    expect(code).to.equal(0)
    expect(stdout.split('\n').slice(0, 6)).to.deep.equal([
      'time (mins),sealing threads (running/total),tree_d (running/total),pc1 (running/total),pc2 (running/total),wait seed,c2 (running/total),finished sectors',
      '0,1/2,1/1,0/2,0/1,0,0/1,0',
      '30,2/2,0/1,2/2,0/1,0,0/1,0',
      '60,2/2,0/1,2/2,0/1,0,0/1,0',
      '90,2/2,0/1,0/2,0/1,2,0/1,0',
      '120,2/2,0/1,2/2,0/1,0,0/1,2',
    ])
    expect((await run('damocles-worker-util', ['sealcalc'])).code).to.equal(1)
  }).timeout(60_000)
})
