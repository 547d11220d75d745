import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect } from 'chai'
import knex, { type Knex } from 'knex'
import { ExtProverSettings } from '../../../daemon/manager/config/ext-prover-settings.js'
import { METHODS } from '../../../rpc-schema/actors/actor-methods.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { eventually } from '../../harness/eventually.js'
import { freePort } from '../../harness/free-port.js'
import { freshMariaDb, noMariaDb } from '../../harness/mariadb.js'
import { finishedSector } from '../manager/finished-sector.js'
import { ManagerBench, MINER } from '../manager/manager-bench.js'
import { believingVerifier } from '../manager/post/pretended-window-prover.js'
import { QUICK_MINER } from '../manager/post/quick-miner.js'

const BIN = (name: string): string => fileURLToPath(new URL(`../../../bin/${name}.js`, import.meta.url))
const CHILD = fileURLToPath(new URL('../../../../test/fixtures/processors/window-child.mjs', import.meta.url))
const LIMIT_MS = 60_000
/** Time runs faster as long as nothing is being proven. */
const EPOCH_MS = { idle: 15, proving: 250 }
const miner = Address.fromId(MINER)

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}

const programs = noMariaDb === undefined ? describe : describe.skip
programs(`wdpost: the programs${noMariaDb === undefined ? '' : ` (skipped: ${noMariaDb})`}`, function () {
  this.timeout(2 * LIMIT_MS)
  const dir = mkdtempSync(join(tmpdir(), 'wdpost-programs-'))
  const go = join(dir, 'go')
  const slaves = new Map<string, ChildProcess>()
  let db: Knex
  let bench: ManagerBench
  let masterFile: string
  let stopped = false
  let ticking: Promise<void> | undefined

  before(async () => {
    const dsn = await freshMariaDb()
    db = knex({ client: 'mysql2', connection: dsn, pool: { min: 0, max: 2 } })
    const port = await freePort()
    masterFile = join(dir, 'wdpost_master.toml')
    writeFileSync(
      masterFile,
      `[server]\nlisten = '127.0.0.1:${port}'\n[db]\nurl = '${dsn}'\n[task]\nheartbeat_timeout = '2s'\nretry_job_interval = '500ms'\n`,
    )
    for (const name of ['a', 'b'])
      writeFileSync(
        join(dir, `${name}.toml`),
        `[master]
server_addr = '127.0.0.1:${port}'
reconnect_interval = '200ms'
heartbeat_interval = '500ms'
[slave]
name = '${name}'
pull_interval = '200ms'
[processor]
bin = '${process.execPath}'
args = ['${CHILD}', '${name}', 'hold', '${go}']
`,
      )
    bench = await new ManagerBench({
      devnet: { challengeWindow: 60, deadlines: 4, startEpoch: 5_000, manual: true },
      windowProofs: ExtProverSettings.parse({
        WdPost: [
          {
            Bin: process.execPath,
            Args: [BIN('wdpost-master-daemon'), '-c', masterFile],
            Concurrent: 50,
            ReadyTimeoutSecs: 600,
          },
        ],
      }),
      poster: { verifier: believingVerifier },
      minerConfig: QUICK_MINER,
    }).start()
    ticking = tick()
  })
  after(async () => {
    stopped = true
    await ticking
    for (const slave of slaves.values()) slave.kill('SIGKILL')
    await bench?.stop()
    await db?.destroy()
    rmSync(dir, { recursive: true, force: true })
  })

  async function tick(): Promise<void> {
    while (!stopped) {
      const open = await db('tasks').whereNull('out_body').count({ count: '*' })
      await bench.admin.Advance(1)
      const isProving = Number(open[0]!.count) > 0
      await new Promise(resolve => setTimeout(resolve, isProving ? EPOCH_MS.proving : EPOCH_MS.idle))
    }
  }

  /** Processes that this one has started as masters. */
  const masters = (): number[] =>
    readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8')
      .split(' ')
      .filter(pid => pid !== '')
      .filter(pid => commandLine(pid).includes('wdpost-master-daemon'))
      .map(Number)

  const startSlave = (name: string, ...args: string[]): void =>
    void slaves.set(
      name,
      spawn(process.execPath, args, { stdio: 'ignore', env: { ...process.env, FORCE_SECTOR_SIZE: '2048' } }),
    )

  it('S001-1 S003-53 S003-70 S003-71 S003-72: one of two slaves is killed in the middle of its proof, and the deadline is made', async () => {
    startSlave('a', BIN('wdpost-slave-daemon'), `-c=${join(dir, 'a.toml')}`)
    startSlave('b', BIN('wdpost'), 'slave', 'daemon', '-c', join(dir, 'b.toml'))
    await Promise.all([finishedSector(bench), finishedSector(bench)])
    const victim = await eventually(
      'a slave at work',
      LIMIT_MS,
      async () => await db('tasks').whereNotNull('slave').first(),
    )
    const gone = once(slaves.get(victim.slave)!, 'exit')
    slaves.get(victim.slave)!.kill('SIGKILL')
    await gone
    writeFileSync(go, '')
    await eventually('two active sectors', LIMIT_MS, async () =>
      (await bench.chain.StateMinerSectorCount(miner, [])).Active === 2 ? true : undefined,
    )
    const { out_body, retry_count, slave, finished_at } = await db('tasks').where({ id: victim.id }).first()
    expect(JSON.parse(out_body.toString()).proofs).to.have.length(1)
    expect({ retry_count, slave }).to.deep.equal({ retry_count: 1, slave: victim.slave === 'a' ? 'b' : 'a' })
    expect(finished_at).to.be.a('number')
    const messages = await bench.admin.Messages({ Miner: MINER, Method: METHODS.miner.SubmitWindowedPoSt })
    expect(messages.map(({ Receipt }) => Receipt?.ExitCode)).to.satisfy((codes: number[]) =>
      codes.every(code => code === 0),
    )
    // Every sector in its first window: nothing was late.
    expect((await bench.chain.StateMinerSectorCount(miner, [])).Faulty).to.equal(0)
  })

  it('the master is killed: its slave goes on, and the next master has its proof', async () => {
    rmSync(go)
    const running = await eventually('a slave at work', LIMIT_MS, () =>
      db('tasks').whereNotNull('started_at').whereNull('finished_at').first(),
    )
    const before = masters()
    expect(before).to.have.length(1)
    process.kill(before[0]!, 'SIGKILL')
    await eventually('the next master', LIMIT_MS, () => (masters().some(pid => pid !== before[0]) ? true : undefined))
    const posts = () => bench.admin.Messages({ Miner: MINER, Method: METHODS.miner.SubmitWindowedPoSt })
    const sent = (await posts()).length
    writeFileSync(go, '')
    const done = await eventually('its proof', LIMIT_MS, () =>
      db('tasks').where({ id: running.id }).whereNotNull('out_body').first(),
    )
    expect({ retry_count: done.retry_count, slave: done.slave }).to.deep.equal({
      retry_count: 0,
      slave: running.slave,
    })
    await eventually('its message', LIMIT_MS, async () => ((await posts()).length > sent ? true : undefined))
    expect((await bench.chain.StateMinerSectorCount(miner, [])).Faulty).to.equal(0)
  })

  it('S001-5 S003-72: a configuration that is wrong is told with its lines, by the master and by the slave', async () => {
    const bad = join(dir, 'bad.toml')
    writeFileSync(bad, "[server]\nlisten = 'nowhere'\n")
    const run = (...args: string[]) =>
      promisify(execFile)(process.execPath, args, {
        timeout: LIMIT_MS,
        env: { ...process.env, FORCE_SECTOR_SIZE: '32GiB' },
      }).then(
        () => '',
        ({ stderr }: { stderr: string }) => stderr,
      )
    expect(await run(BIN('wdpost'), 'master', 'daemon', '-c', bad)).to.match(
      /bad\.toml:2: server\.listen: expected IP:PORT/,
    )
    expect(await run(BIN('wdpost'), 'slave', '-c', bad)).to.match(/bad\.toml: master: expected object/)
    expect(await run(BIN('wdpost-slave-daemon'), `-c=${join(dir, 'a.toml')}`)).to.match(
      /FORCE_SECTOR_SIZE: expected the bytes of a sector, one of .*34359738368 \(32GiB\).*, found .*32GiB/,
    )
    expect(await run(BIN('wdpost-master-daemon'), '-c', join(dir, 'none.toml'))).to.match(/none\.toml.*no such file/)
  })
})
