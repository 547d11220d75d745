import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { parseToml } from '../../../../daemon/kit/config/toml-file.js'
import { silentLog } from '../../../../daemon/kit/log.js'
import { LiveSettings } from '../../../../daemon/manager/config/live-settings.js'
import { loadSettings } from '../../../../daemon/manager/config/load-settings.js'
import { managerService } from '../../../../rpc-schema/manager/index.js'
import { sealyardService } from '../../../../rpc-schema/manager/sealyard.js'
import { rpcClient } from '../../../../rpc-schema/rpc/client.js'
import { connectRpc } from '../../../../rpc-schema/rpc/connection.js'
import { eventually } from '../../../harness/eventually.js'
import { ManagerBench } from '../manager-bench.js'

const read = (text: string) => loadSettings(parseToml(text, 'sector-manager.cfg'))

/** Settings whose file is the text that was set last. */
function live(text: string) {
  let now = text
  const settings = new LiveSettings(read(text).config, {
    file: 'sector-manager.cfg',
    read: () => read(now),
    log: silentLog,
  })
  return { settings, write: (next: string) => (now = next), reload: () => settings.reload() }
}

const BASE = `[Common.API]
Chain = "/ip4/127.0.0.1/tcp/1"
Token = "old-secret"
[[Common.PersistStores]]
Name = "a"
Path = "/a"
[[Common.PersistStores]]
Path = "/b"
[[Miners]]
Actor = 1000
[Miners.Sector]
MinNumber = 10
`

describe('manager: reload of the configuration', () => {
  it('changes at once what can be changed, in the objects that rooms hold', () => {
    const { settings, write, reload } = live(BASE)
    const miner = settings.setup.miners.get(1000)!
    const store = settings.setup.persistStores[0]!
    write(
      `${BASE.replace('MinNumber = 10', 'MinNumber = 20\nMaxNumber = 30').replace('Path = "/a"', 'Path = "/a"\nReadOnly = true\nAllowMiners = [1000]')}[Miners.Commitment.Pre]\nSenders = ["f01001"]\nGasFeeCap = "7 nanoFIL"\nBatch.Threshold = 9\n`,
    )
    const result = reload()
    expect(result.done).to.equal(true)
    expect(result.afterRestart).to.deep.equal([])
    expect(result.applied).to.have.deep.members([
      { key: 'Miners[f01000].Sector.MinNumber', from: '10', to: '20' },
      { key: 'Miners[f01000].Sector.MaxNumber', from: 'not set', to: '30' },
      { key: 'Miners[f01000].Commitment.Pre.Senders', from: 'not set', to: '["f01001"]' },
      { key: 'Miners[f01000].Commitment.Pre.GasFeeCap', from: '"5000000000 attoFIL"', to: '"7000000000 attoFIL"' },
      { key: 'Miners[f01000].Commitment.Pre.Batch.Threshold', from: '2', to: '9' },
      { key: 'Common.PersistStores["a"].ReadOnly', from: 'false', to: 'true' },
      { key: 'Common.PersistStores["a"].AllowMiners', from: '[]', to: '[1000]' },
    ])
    expect([miner.Sector.MinNumber, miner.Commitment.Pre.Batch.Threshold, store.ReadOnly]).to.deep.equal([20, 9, true])
    expect(reload().applied).to.deep.equal([])
  })

  it('names what needs a restart, hides secrets, and leaves that as it is', () => {
    const { settings, write, reload } = live(BASE)
    write(
      `${BASE.replace('old-secret', 'new-secret').replace('tcp/1"', 'tcp/2"').replace('Path = "/b"', 'Path = "/c"')}[[Miners]]\nActor = 1001\n`,
    )
    const result = reload()
    expect(result.applied).to.deep.equal([])
    expect(result.afterRestart).to.have.deep.members([
      { key: 'Common.API.Chain', from: '"/ip4/127.0.0.1/tcp/1"', to: '"/ip4/127.0.0.1/tcp/2"' },
      { key: 'Common.API.Token', from: '***', to: '***' },
      { key: 'Common.PersistStores["/b"]', from: 'there', to: 'not there' },
      { key: 'Common.PersistStores["/c"]', from: 'not there', to: 'there' },
      { key: 'Miners[f01001]', from: 'not there', to: 'there' },
    ])
    expect(settings.setup.common.API.Chain).to.equal('/ip4/127.0.0.1/tcp/1')
    expect([...settings.setup.miners.keys()]).to.deep.equal([1000])
  })

  it('tells apart senders that differ', () => {
    const { write, reload } = live(`${BASE}[Miners.PoSt]\nSender = "f01001"\n`)
    write(`${BASE}[Miners.PoSt]\nSender = "f01002"\n`)
    expect(reload().applied).to.deep.equal([{ key: 'Miners[f01000].PoSt.Sender', from: '"f01001"', to: '"f01002"' }])
  })

  it('a broken file changes nothing, and every problem is told', () => {
    const { settings, write, reload } = live(BASE)
    write(`${BASE}MaxNumber = 5\n[Miners.Commitment]\nConfidence = "x"\n`)
    expect(reload()).to.deep.include({
      done: false,
      applied: [],
      problems: ['sector-manager.cfg:15: Miners[0].Commitment.Confidence: expected number, found "x"'],
    })
    write('[Common')
    expect(reload().problems[0]).to.match(/broken TOML/)
    expect(settings.setup.miners.get(1000)!.Commitment.Confidence).to.equal(10)
  })

  describe('of a running manager', function () {
    this.timeout(60_000)
    let bench: ManagerBench
    let dir: string
    before(async () => {
      dir = mkdtempSync(join(tmpdir(), 'manager-reload-'))
      bench = await new ManagerBench().start()
    })
    after(async () => {
      rmSync(dir, { recursive: true, force: true })
      await bench?.stop()
    })

    it('S003-17, S003-18: allocation follows Enabled, MinNumber and MaxNumber', async () => {
      const allocate = () => bench.api.AllocateSector({ AllowedMiners: [], AllowedProofTypes: [] })
      const file = join(bench.dir, 'manager', 'sector-manager.cfg')
      const connection = connectRpc(`http://${bench.manager.address}`, { path: '/rpc/v0' })
      const operations = rpcClient(sealyardService, connection)
      const write = (sector: string) =>
        writeFileSync(file, bench.config().replace('EnableDeals = false', `EnableDeals = false\n${sector}`))
      try {
        write('Enabled = false')
        expect((await operations.ConfigReload()).applied).to.have.length(1)
        expect(await allocate()).to.equal(null)
        write('MinNumber = 500\nMaxNumber = 501')
        await operations.ConfigReload()
        expect((await allocate())?.ID.Number).to.equal(501)
        expect(await allocate()).to.equal(null)
        expect((await bench.api.GetMinerConfig(1000)).Sector.MaxNumber).to.equal(501)
        write('MaxNumber = "many"')
        const broken = await operations.ConfigReload()
        expect(broken.done).to.equal(false)
        expect(broken.problems[0]).to.match(/sector-manager\.cfg:\d+: Miners\[0\]\.Sector\.MaxNumber: expected/)
        expect((await bench.api.GetMinerConfig(1000)).Sector.MaxNumber).to.equal(501)
      } finally {
        await connection.close()
      }
    })

    it('SIGHUP and SIGUSR1 reload, SIGTERM stops', async () => {
      const home = join(dir, 'home')
      const config = (threshold: number) =>
        `[Common.API]\nChain = "${bench.devnet.address}/rpc/v1"\n[[Miners]]\nActor = 1000\nCommitment.Pre.Batch.Threshold = ${threshold}\n`
      mkdirSync(home)
      const file = join(home, 'sector-manager.cfg')
      writeFileSync(file, config(2))
      const bin = new URL('../../../../bin/damocles-manager.js', import.meta.url).pathname
      const child = spawn(process.execPath, [bin, '--home', home, 'daemon', 'run', '--listen', '127.0.0.1:0'])
      const ended = new Promise<number | null>(resolve => child.once('exit', code => resolve(code)))
      let output = ''
      child.stdout.on('data', data => (output += data))
      child.stderr.resume()
      try {
        const address = await eventually('the manager', 20_000, () => /"address":"([^"]+)"/.exec(output)?.[1])
        const connection = connectRpc(`http://${address}`, { path: '/rpc/v0' })
        try {
          const api = rpcClient(managerService, connection)
          for (const [signal, threshold] of [
            ['SIGHUP', 7],
            ['SIGUSR1', 8],
          ] as const) {
            writeFileSync(file, config(threshold))
            child.kill(signal)
            await eventually(`${signal} to be heeded`, 20_000, async () => {
              const { Commitment } = await api.GetMinerConfig(1000)
              return Commitment.Pre.Batch.Threshold === threshold || undefined
            })
          }
        } finally {
          await connection.close()
        }
      } finally {
        child.kill('SIGTERM')
      }
      expect(await ended).to.equal(0)
    })
  })
})
