import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { silentLog } from '../../daemon/kit/log.js'
import { MasterConfig } from '../../daemon/wdpost/master/master-config.js'
import { type RunningMaster, startMaster } from '../../daemon/wdpost/master/start-master.js'
import { LIMIT_MS, madeThoughKilled, SEED } from './killed-provers.js'

const SLAVE = fileURLToPath(new URL('../../bin/wdpost-slave-daemon.js', import.meta.url))
const CHILD = fileURLToPath(new URL('../../../test/fixtures/processors/window-child.mjs', import.meta.url))
const KILLS = 10
const never = new AbortController().signal

describe(`fault: slaves that prove windows are killed (SEALYARD_SEED=${SEED})`, function () {
  this.timeout(KILLS * LIMIT_MS)
  const dir = mkdtempSync(join(tmpdir(), 'window-slaves-'))
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
    await master?.stop()
    rmSync(dir, { recursive: true, force: true })
  })

  it('fault 16: ten times, at any moment: every proof that is wanted is made', async () => {
    const { asked, made } = await madeThoughKilled({
      prove: number => {
        const seed = new Uint8Array(32)
        new DataView(seed.buffer).setUint32(0, number)
        const replicas = [{ sector_id: number, comm_r: seed, cache_dir: '/c', sealed_file: '/s' }]
        return master.prove({ miner_id: 1_000, proof_type: 10, replicas, seed }, { signal: never })
      },
      args: [SLAVE, '-c', config],
      kills: KILLS,
      taken: /got task:/,
    })
    expect(made).to.equal(asked)
    expect(made).to.be.greaterThan(KILLS)
  })
})
