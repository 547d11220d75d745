import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import knex from 'knex'
import { gpuProxyService, proofService } from '../../../rpc-schema/gpuproxy/index.js'
import { rpcClient } from '../../../rpc-schema/rpc/client.js'
import { connectRpc } from '../../../rpc-schema/rpc/connection.js'
import { eventually } from '../../harness/eventually.js'
import { onEachDatabase } from '../../harness/on-each-database.js'
import { TestDaemon } from '../../harness/test-yard.js'
import { c1out } from './proxy-under-test.js'

const BIN = (name: string): string => new URL(`../../../bin/${name}.js`, import.meta.url).pathname
const LIMIT_MS = 60_000

/** A statement of a size whose verifying key tests do not have: any proof is as good as its worker's word. */
const document = (sector: number): Buffer =>
  Buffer.from(
    JSON.stringify({
      c1out: { ...c1out(), registered_proof: 'StackedDrg32GiBV1_1', vanilla_proofs: { StackedDrg32GiBV1: [[{}]] } },
      prover_id: Array(32).fill(0),
      sector_id: sector,
      miner_id: 1000,
    }),
  )

/** A c2 processor that gives what it sees in its environment, and a proof of 192 bytes. */
const PROVER = `
  process.stdout.write('c2 processor ready\\n')
  require('fs').writeFileSync(process.argv[1], JSON.stringify(process.env))
  require('readline').createInterface({ input: process.stdin }).on('line', line => {
    const { id, task } = JSON.parse(line)
    if (task.sector_id === 13) console.log(JSON.stringify({ id, err_msg: 'Panic: recv prover: RecvError' }))
    else console.log(JSON.stringify({ id, output: { proof: Array(192).fill(task.sector_id) } }))
  })`

onEachDatabase('gpuproxy: the programs', database => {
  let dir: string
  let dsn: string
  let proxy: TestDaemon
  let args: string[]
  const started: TestDaemon[] = []

  const cli = async (...more: string[]) => {
    const all = [BIN('gpuproxy'), '--url', proxy.listen, ...more]
    return (await promisify(execFile)(process.execPath, all, { timeout: LIMIT_MS })).stdout
  }
  const api = () => rpcClient(proofService, connectRpc(proxy.origin, { path: '/', timeoutMs: 5_000 }))
  const queue = () => rpcClient(gpuProxyService, connectRpc(proxy.origin, { path: '/' }))
  const add = (sector: number) => api().AddTask('t01000', `SectorId(${sector}) MinerId(1000)`, 0, document(sector))
  const environment = (name: string) => join(dir, `${name}.json`)
  const prover = (name: string) => ['--c2-bin', process.execPath, '--c2-args', '-e', PROVER, environment(name)]

  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'gpuproxy-programs-'))
    const fresh = await database.fresh()
    dsn = fresh === ':memory:' ? `sqlite://${join(dir, 'gpuproxy.db')}` : fresh
    args = ['--disable-worker', '--resource-type=fs', `--fs-resource-path=${join(dir, 'resources')}`, '--allow-type=0']
    proxy = new TestDaemon('gpuproxy', join(dir, 'gpuproxy.log'), () => ({
      bin: 'gpuproxy',
      args: ['--url', proxy.listen, '--log-level', 'info', 'run', `--db-dsn=${dsn}`, ...args],
    }))
    started.push(proxy)
  })
  afterEach(async () => {
    for (const daemon of started.splice(0).reverse()) await daemon.kill('SIGTERM')
    rmSync(dir, { recursive: true, force: true })
  })

  it('S000-3…8 S000-10…14 S000-22…31: as the document starts them, a task comes in, is proven and listed', async function () {
    this.timeout(LIMIT_MS * 2)
    await proxy.start()
    writeFileSync(join(dir, 'gpuproxy-worker.db'), '')
    const env = {
      FORCE_SECTOR_SIZE: '34359738368',
      RUST_BACKTRACE: 'full',
      RUST_LOG: 'info',
      BELLMAN_LOAD_SHM: '1',
      BELLMAN_USE_MAP_BUFFER: '1',
      BELLMAN_CIRCUIT_N: '1',
      BELLMAN_PROOF_N: '1',
      CUDA_VISIBLE_DEVICES: '1',
    }
    const worker = new TestDaemon('worker', join(dir, 'worker.log'), () => ({
      bin: 'gpuproxy_worker',
      env,
      args: [
        ...['run', '--gpuproxy-url', proxy.origin, '--max-tasks=1', '--allow-type=0', '--resource-type=fs'],
        ...[`--fs-resource-path=${join(dir, 'resources')}`, '--db-dsn', `sqlite://${join(dir, 'gpuproxy-worker.db')}`],
        ...prover('environment'),
      ],
    }))
    started.push(worker)
    await worker.start()
    const id = await add(7)
    const state = (wanted: number) =>
      eventually(`state ${wanted}`, LIMIT_MS, async () => (await api().GetTask(id)).state === wanted || undefined)
    await state(4)
    const seen = JSON.parse(readFileSync(environment('environment'), 'utf8'))
    expect(seen).to.deep.include(env)
    expect(await cli('tasks', 'list')).to.match(new RegExp(`\\| ${id} \\| 01000 \\| C2 +\\| Completed \\|`))
    expect(await cli('task', 'get', '--', id)).to.include(id)
    const [row] = JSON.parse(await cli('worker', 'list', '--json'))
    expect(row.supportTypes).to.equal('C2')
    expect(await cli('worker', 'statistics')).to.include(row.workerId)
    expect(readdirSync(join(dir, 'resources'))).to.deep.equal([])

    const db = dsn.startsWith('sqlite')
      ? knex({ client: 'better-sqlite3', connection: { filename: dsn.slice(9) }, useNullAsDefault: true })
      : knex({ client: 'mysql2', connection: dsn })
    for (const table of ['resource_infos', 'seaql_migrations', 'tasks', 'worker_infos'])
      expect(await db.schema.hasTable(table), table).to.equal(true)
    await db.destroy()
  })

  it('S000-7 S000-9 S000-11 S000-39 S000-40: without --disable-worker the server proves itself; errors are kept, cut to what fits', async function () {
    this.timeout(LIMIT_MS * 2)
    args = ['--resource-type=db', '--max-tasks', '2', '--max-attempts', '1', '--no-gpu', ...prover('own')]
    await proxy.start()
    const [good, bad] = [await add(7), await add(13)]
    for (const [id, state] of [
      [good, 4],
      [bad, 3],
    ] as const)
      await eventually(id, LIMIT_MS, async () => (await api().GetTask(id)).state === state || undefined)
    expect((await api().GetTask(bad)).errorMsg).to.equal('Panic: recv prover: RecvError')
    const other = await add(8)
    await eventually(other, LIMIT_MS, async () => (await api().GetTask(other)).state === 4 || undefined)
    const seen = JSON.parse(readFileSync(environment('own'), 'utf8'))
    expect(seen).to.deep.include({ BELLMAN_NO_GPU: '1' })
    const next = await add(9)
    await proxy.kill('SIGTERM')
    args = ['--disable-worker', '--resource-type=db', '--max-attempts', '1']
    await proxy.start()
    expect([1, 4]).to.include((await api().GetTask(next)).state)
    const more = await add(10)
    const claimed = await eventually('a claim', LIMIT_MS, async () => {
      const given = await queue().Claim('w', null, 60_000)
      return given?.task.id === more ? given : undefined
    })
    await queue().Fail('w', { id: more, fence: claimed.fence }, 'é'.repeat(1_000), false)
    expect((await api().GetTask(more)).errorMsg).to.equal(`${'é'.repeat(254)}…`)
  })

  it('the server is killed while tasks and proofs come in; what was answered is there, the rest is done again', async function () {
    this.timeout(LIMIT_MS * 3)
    await proxy.start()
    /** Calls until it is answered, as plugins and workers do. */
    const insist = async <T>(call: () => Promise<T>): Promise<T> =>
      eventually('an answer', LIMIT_MS, async () => (await call()) ?? (null as T))
    const killSoon = async (): Promise<void> => {
      await new Promise(resolve => setTimeout(resolve, 30))
      await proxy.kill()
      await proxy.start()
    }
    const sectors = Array.from({ length: 60 }, (_, at) => at + 20)
    const [ids] = await Promise.all([Promise.all(sectors.map(sector => insist(() => add(sector)))), killSoon()])
    expect(new Set(ids).size).to.equal(60)
    const waiting = await api().ListTask(null, [1])
    expect(waiting.map(({ id }) => id)).to.have.members(ids)
    for (const { resourceId } of waiting)
      expect(await api().GetResourceInfo(resourceId)).to.have.length.greaterThan(500)

    const claims: { id: string; fence: number; sector: number }[] = []
    for (
      let given = await queue().Claim('w', null, 600_000);
      given !== null;
      given = await queue().Claim('w', null, 600_000)
    )
      claims.push({ id: given.task.id, fence: given.fence, sector: Number(/\d+/.exec(given.task.comment)![0]) })
    expect(claims).to.have.length(60)
    const [outcomes] = await Promise.all([
      Promise.all(
        claims.map(({ id, fence, sector }) =>
          insist(() => queue().Complete('w', { id, fence }, new Uint8Array(192).fill(sector))),
        ),
      ),
      killSoon(),
    ])
    // Recorded before the answer was lost: known.
    expect(outcomes.every(outcome => outcome === 'recorded' || outcome === 'known')).to.equal(true)
    const done = await api().ListTask(null, [4])
    expect(done).to.have.length(60)
    for (const { proof, comment } of done) expect(proof[0]).to.equal(Number(/\d+/.exec(comment)![0]))
  })

  it('S000-48: documents of no task are removed by age, and what a killed process left half written', async function () {
    this.timeout(LIMIT_MS)
    const resources = join(dir, 'resources')
    mkdirSync(resources)
    const old = '5f94e86a-a83d-51cf-a613-711a0324a593'
    for (const name of [old, `${old}.x.partial`, 'notes.txt', '171fb8c7-a826-5398-b15d-7b84d868613c']) {
      writeFileSync(join(resources, name), 'x')
      if (!name.startsWith('171')) utimesSync(join(resources, name), 1_690_000_000, 1_690_000_000)
    }
    await proxy.start()
    await eventually('two files to go', LIMIT_MS, () => readdirSync(resources).length === 2 || undefined)
    expect(readdirSync(resources).sort()).to.deep.equal(['171fb8c7-a826-5398-b15d-7b84d868613c', 'notes.txt'])
  })

  it('--require-token: calls need a token that `auth create-token` made, plugins and workers take one', async function () {
    this.timeout(LIMIT_MS * 2)
    const secret = join(dir, 'secret')
    args = [...args, '--require-token', '--token-secret', secret]
    await proxy.start()
    const token = (await cli('auth', 'create-token', '--perm', 'write', '--token-secret', secret)).trim()
    const refused = await add(7).catch((error: Error) => error.message)
    expect(refused).to.match(/401/)
    expect(await cli('tasks', 'list').catch((error: Error) => error.message)).to.match(/401/)
    const allowed = rpcClient(proofService, connectRpc(proxy.origin, { path: '/', token }))
    const id = await allowed.AddTask('t01000', '', 0, document(7))
    const worker = new TestDaemon('worker', join(dir, 'worker.log'), () => ({
      bin: 'gpuproxy_worker',
      env: { C2PROXY_TOKEN: token },
      args: ['run', '--gpuproxy-url', proxy.origin, '--db-dsn', join(dir, 'worker.db'), ...prover('token')],
    }))
    started.push(worker)
    await worker.start()
    await eventually(id, LIMIT_MS, async () => (await allowed.GetTask(id)).state === 4 || undefined)
    expect(await cli('--token', token, 'tasks', 'list')).to.include('Completed')
  })
})
