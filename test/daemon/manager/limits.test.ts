import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import pino from 'pino'
import { WebSocket } from 'ws'
import { eventually } from '../../harness/eventually.js'
import { SilentProxy } from '../../harness/silent-proxy.js'
import { failure } from '../devnet/devnet-under-test.js'
import { ManagerBench } from './manager-bench.js'

const LIMIT_BYTES = 100 * 1024 * 1024

describe('manager: limits', function () {
  this.timeout(120_000)
  let bench: ManagerBench
  const lines: { level: number; msg: string }[] = []
  const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(JSON.parse(line)) })
  const warned = (): string[] => lines.filter(({ level }) => level >= 40).map(({ msg }) => msg)

  afterEach(async () => {
    await bench?.stop()
    lines.length = 0
  })

  it('an API that others can reach, without tokens, is warned about; one for this machine is not', async () => {
    bench = await new ManagerBench({ log, listenHost: '0.0.0.0' }).start()
    expect(warned().filter(text => text.includes('the API is open to everyone'))).to.have.length(1)
    await bench.stop()
    lines.length = 0
    bench = await new ManagerBench({
      log,
      listenHost: '0.0.0.0',
      commonConfig: '[Common.Access]\nRequireToken = true',
    }).start()
    await bench.stop()
    bench = await new ManagerBench({ log }).start()
    expect(warned().filter(text => text.includes('the API is open to everyone'))).to.deep.equal([])
  })

  it('a request beyond 100 MiB is refused over HTTP and over WebSocket, and the manager goes on', async () => {
    bench = await new ManagerBench().start()
    const url = `http://${bench.manager.address}/rpc/v0`
    const request = (bytes: number): Buffer => {
      const text = '{"jsonrpc":"2.0","id":1,"method":"Venus.ListSectors","params":["'
      return Buffer.concat([Buffer.from(text), Buffer.alloc(bytes - text.length - 3, 'x'), Buffer.from('"]}')])
    }
    const tooLarge = await fetch(url, { method: 'POST', body: request(LIMIT_BYTES + 1) })
    expect(tooLarge.status).to.equal(413)
    expect(await tooLarge.text()).to.include(`larger than ${LIMIT_BYTES} bytes`)
    const socket = new WebSocket(url.replace('http', 'ws'))
    const closed = new Promise<number>((resolve, reject) => {
      socket.on('close', resolve)
      socket.on('error', reject)
    })
    await new Promise(resolve => socket.once('open', resolve))
    socket.send(request(LIMIT_BYTES + 1))
    expect(await closed).to.equal(1009)
    expect((await fetch(url, { method: 'POST', body: request(1_000) })).status).to.not.equal(413)
    expect(await bench.api.ListSectors('online', 0)).to.deep.equal([])
  })

  it('the stop is bounded while the chain does not answer', async () => {
    let proxy: SilentProxy | undefined
    bench = new ManagerBench({
      chainFor: origin => {
        proxy ??= new SilentProxy(origin)
        return 'set below'
      },
    })
    const address = async (): Promise<string> => `ws://${await proxy!.listen()}/rpc/v1`
    const config = bench.config.bind(bench)
    // The proxy has its address only when it listens.
    const startManager = bench.startManager.bind(bench)
    bench.startManager = async () => {
      config()
      const chain = await address()
      bench.config = () => config().replace('set below', chain)
      await startManager()
    }
    try {
      await bench.start()
      proxy!.silence()
      const asked = failure(bench.api.AllocateSector({ AllowedMiners: [], AllowedProofTypes: [] }))
      const before = performance.now()
      await bench.manager.stop()
      expect(performance.now() - before).to.be.below(12_000)
      await asked
    } finally {
      await proxy?.close()
    }
  })

  it('the stop is bounded while a store hangs', async () => {
    bench = new ManagerBench()
    const plugin = join(bench.dir, 'hanging.mjs')
    const config = bench.config.bind(bench)
    bench.config = () => `${config()}
[[Common.PersistStores]]
Name = "hanging"
PluginName = "${plugin}"
`
    writeFileSync(plugin, 'export const openStore = () => new Promise(() => setInterval(() => {}, 1000))\n')
    await bench.start()
    const asked = bench.api.StoreList().catch(() => null)
    const before = performance.now()
    await bench.manager.stop()
    expect(performance.now() - before).to.be.below(12_000)
    await asked
  })

  it('a manager on a full disk: reads go on, writes are refused with the reason, nothing is half done, and it heals by itself', async function () {
    bench = new ManagerBench()
    const home = join(bench.dir, 'manager')
    mkdirSync(home, { recursive: true })
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=12m', 'tmpfs', home], { stdio: 'ignore' })
    } catch {
      this.test!.title += ' (skipped: no right to mount a small disk)'
      return this.skip()
    }
    const ballast = join(home, 'ballast')
    const fill = (): void => {
      const { bavail, bsize } = statfsSync(home)
      writeFileSync(ballast, Buffer.alloc(bavail * bsize))
    }
    try {
      await bench.start()
      const { sid } = await bench.sealed()
      const health = async () => (await fetch(`http://${bench.manager.address}/healthcheck?full=1`)).status
      expect(await health()).to.equal(200)
      fill()
      const allocate = () => bench.api.AllocateSector({ AllowedMiners: [], AllowedProofTypes: [] })
      // What the files of the database have already takes a few more.
      const given = new Set<number>([sid.Number])
      const refused = await eventually('a refused write', 60_000, async () => {
        try {
          const number = (await allocate())!.ID.Number
          expect(given.has(number), `${number} a second time`).to.equal(false)
          given.add(number)
          return undefined
        } catch (error) {
          return error as Error
        }
      })
      expect(refused.message).to.include('nothing was changed: the disk of the database is full')
      expect(await health()).to.equal(503)
      const listed = await bench.api.ListSectors('online', 0)
      expect(listed?.map(({ ID }) => ID.Number)).to.have.members([...given])
      rmSync(ballast)
      const next = await eventually('a write again', 20_000, () => allocate().catch(() => undefined))
      expect(given.has(next!.ID.Number)).to.equal(false)
      expect(await health()).to.equal(200)
    } finally {
      await bench.stop().catch(() => {})
      execFileSync('umount', ['-l', home])
      rmSync(bench.dir, { recursive: true, force: true })
    }
  })
})
