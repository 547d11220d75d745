import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { silentLog } from '../../daemon/kit/log.js'
import { MasterConfig } from '../../daemon/wdpost/master/master-config.js'
import { type RunningMaster, startMaster } from '../../daemon/wdpost/master/start-master.js'
import { eventually } from '../harness/eventually.js'
import { seeded } from '../harness/seeded.js'

const SLAVE = fileURLToPath(new URL('../../bin/wdpost-slave-daemon.js', import.meta.url))
const CHILD = fileURLToPath(new URL('../../../test/fixtures/processors/window-child.mjs', import.meta.url))
const SEED = Number(process.env.SEALYARD_SEED ?? Date.now() % 1_000_000)
const KILLS = 10
/** Proofs that are wanted at any time: a slave is never without work. */
const WANTED = 4
const LIMIT_MS = 120_000
const never = new AbortController().signal

describe(`fault: slaves that prove windows are killed (SEALYARD_SEED=${SEED})`, function () {
  this.timeout(KILLS * LIMIT_MS)
  const dir = mkdtempSync(join(tmpdir(), 'window-slaves-'))
  const slaves: ChildProcess[] = []
  let master: RunningMaster
  let config: string

  before(async () => {
    master = await startMaster({
      config: MasterConfig.parse({
        server: { listen: '127.0.0.1:0' },
        db: { url: 'sqlite::memory:' },
        task: { max_retry: 1_000, heartbeat_timeout: '2s', retry_job_interval: '200ms' },
      }),
      version: 'v0-test',
      log: silentLog,
    })
    config = join(dir, 'slave.toml')
    writeFileSync(
      config,
      `[master]\nserver_addr = '${master.address}'\nreconnect_interval = '100ms'\nheartbeat_interval = '300ms'
[slave]\nconcurrent = 2\npull_interval = '50ms'
[processor]\nbin = '${process.execPath}'\nargs = ['${CHILD}', 'child', 'pretend']\n`,
    )
  })
  after(async () => {
    for (const slave of slaves) slave.kill('SIGKILL')
    await master?.stop()
    rmSync(dir, { recursive: true, force: true })
  })

  /** Resolves when it has taken its first task. */
  async function startSlave(): Promise<ChildProcess> {
    const slave = spawn(process.execPath, [SLAVE, '-c', config], { stdio: ['ignore', 'ignore', 'pipe'] })
    slaves.push(slave)
    let hasTask = false
    const lines = createInterface({ input: slave.stderr! })
    lines.on('line', line => {
      hasTask ||= line.includes('got task:')
    })
    await eventually('a slave with a task', LIMIT_MS, () => hasTask || undefined)
    return slave
  }

  it('fault 16: ten times, at any moment: every proof that is wanted is made', async () => {
    const random = seeded(SEED)
    let asked = 0
    let made = 0
    let isOver = false
    const wanting = Array.from({ length: WANTED }, async () => {
      while (!isOver) {
        asked += 1
        const seed = new Uint8Array(32)
        new DataView(seed.buffer).setUint32(0, asked)
        const replicas = [{ sector_id: asked, comm_r: seed, cache_dir: '/c', sealed_file: '/s' }]
        const { proofs } = await master.prove({ miner_id: 1_000, proof_type: 10, replicas, seed }, { signal: never })
        made += proofs.length
      }
    })
    for (let kills = 0; kills < KILLS; kills++) {
      const slave = await startSlave()
      await new Promise(resolve => setTimeout(resolve, random() * 500))
      const gone = once(slave, 'exit')
      slave.kill('SIGKILL')
      await gone
    }
    await startSlave()
    isOver = true
    await Promise.all(wanting)
    expect(made).to.equal(asked)
    expect(made).to.be.greaterThan(KILLS)
  })
})
