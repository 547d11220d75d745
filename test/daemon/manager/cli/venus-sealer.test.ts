import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { type RunningDevnet, startDevnet } from '../../../../daemon/devnet/devnet.js'
import { sealerProgram } from '../../../../daemon/manager/cli/venus-sealer/program.js'
import { managerService } from '../../../../rpc-schema/manager/index.js'
import { rpcClient } from '../../../../rpc-schema/rpc/client.js'
import { connectRpc } from '../../../../rpc-schema/rpc/connection.js'
import { eventually } from '../../../harness/eventually.js'
import { type Outcome, runHere } from './run-cli.js'

const BIN = new URL('../../../../bin/venus-sealer.js', import.meta.url).pathname

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise(resolve => server.close(resolve))
  return port
}

describe('venus-sealer on this manager', function () {
  this.timeout(60_000)
  let dir: string
  let home: string
  let devnet: RunningDevnet
  let node: string
  let child: ChildProcess | undefined

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'venus-sealer-'))
    home = join(dir, 'home')
    devnet = await startDevnet({ home: join(dir, 'devnet'), epochMs: 50, miners: [{ id: 1000, sectorSize: 2048 }] })
    node = `/ip4/127.0.0.1/tcp/${new URL(devnet.address).port}`
  })
  after(async () => {
    child?.kill('SIGKILL')
    await devnet?.stop()
    rmSync(dir, { recursive: true, force: true })
  })

  const run = async (...args: string[]): Promise<Outcome> => {
    process.env.VENUS_SEALER_PATH = home
    try {
      return await runHere(sealerProgram('v0-test'), args)
    } finally {
      delete process.env.VENUS_SEALER_PATH
    }
  }
  const init = (...more: string[]): Promise<Outcome> =>
    run('--network=2k', 'init', '--actor=t01000', `--node-url=${node}`, '--no-local-storage', ...more)

  it('init asks the node first: another network, or a miner that is not there, leaves nothing', async () => {
    const other = await run('--network=mainnet', 'init', '--actor=f01000', `--node-url=${node}`)
    expect(other.code).to.equal(1)
    expect(other.stderr).to.match(/the node is on the network \S+, not on mainnet; nothing has been written/)
    const nobody = await run('init', '--actor=f0999', `--node-url=${node}`)
    expect(nobody.stderr).to.include('the node cannot be asked for the miner f0999')
    const wrong = await init('--gateway-url=/what/is/this')
    expect(wrong.code).to.equal(1)
    expect(wrong.stderr).to.include('--gateway-url')
    expect((await run('init', `--node-url=${node}`)).stderr).to.include("required option '--actor <miner>'")
    expect(existsSync(home)).to.equal(false)
  })

  it('S002-6…11: init writes the home with what it was told, and never a second time', async () => {
    const services = ['--messager-url=/ip4/10.0.0.1/tcp/39812', '--gateway-url=/ip4/10.0.0.1/tcp/45132']
    const { code, stdout, stderr } = await init(...services, '--auth-token', 'eyJh.eyJi.c2ln', '--nosync')
    expect(stderr).to.equal('')
    expect(code).to.equal(0)
    const file = join(home, 'config.toml')
    expect(stdout.split('\n')[0]).to.equal(file)
    expect(statSync(file).mode & 0o777).to.equal(0o600)
    const text = readFileSync(file, 'utf8')
    for (const told of [
      'Actor = "f01000"',
      node,
      '/ip4/10.0.0.1/tcp/39812',
      '/ip4/10.0.0.1/tcp/45132',
      'eyJh.eyJi.c2ln',
    ])
      expect(text).to.include(told)
    expect(existsSync(join(home, 'storage.json'))).to.equal(false)
    const again = await init()
    expect(again.code).to.equal(1)
    expect(again.stderr).to.include(`${file} already exists`)
    expect(readFileSync(file, 'utf8')).to.equal(text)
    const checked = await run('config', 'check')
    expect(checked.stdout).to.include('good, 1 warning, miner 1000')
    expect(checked.stdout).to.not.include('c2ln')
    rmSync(home, { recursive: true })
  })

  it('S002-16: storage attach --init; a path for sealing only is no place for sealed sectors', async () => {
    await init()
    const [store, seal] = [join(dir, 'store'), join(dir, 'seal')]
    expect((await run('storage', 'attach', '--init', store)).stderr).to.include('pass --store, --seal or both')
    expect((await run('storage', 'attach', store)).stderr).to.include('does not exist')
    const attached = await run('storage', 'attach', '--init', '--store', store)
    expect(attached.stderr).to.equal('')
    expect(attached.stdout).to.include(`${store} is attached`)
    expect((await run('storage', 'attach', '--init', '--store', store)).stderr).to.include('attach it without --init')
    expect((await run('storage', 'attach', store)).stdout).to.include('is attached already')
    expect((await run('storage', 'attach', '--init', '--seal', seal)).stdout).to.include('it is for sealing only')
    const { StoragePaths } = JSON.parse(readFileSync(join(home, 'storage.json'), 'utf8'))
    expect(StoragePaths).to.deep.equal([{ Path: store }, { Path: seal }])
    const plain = join(dir, 'plain')
    mkdirSync(plain)
    expect((await run('storage', 'attach', plain)).stderr).to.include('has no sectorstore.json: pass --init')
  })

  it('S002-14, S002-41, S002-42: run, pledge, list, status, info and tokens', async () => {
    const port = await freePort()
    const file = join(home, 'config.toml')
    const text = readFileSync(file, 'utf8')
      .replaceAll('2345', String(port))
      .replace('Sectors = 0', 'Sectors = 1')
      // What is pledged is for the one who asks below.
      .replace('AllowAddPiece = true', 'AllowAddPiece = false')
    writeFileSync(file, text)
    const away = await run('sectors', 'list')
    expect(away.code).to.equal(1)
    expect(away.stderr).to.match(/^venus-sealer: cannot talk to the manager: .*venus-sealer run/)
    const env = {
      ...process.env,
      VENUS_SEALER_PATH: home,
      BELLMAN_CPU_UTILIZATION: '0.2',
      FIL_PROOFS_USE_MULTICORE_SDR: '1',
      FIL_PROOFS_MAXIMIZE_CACHING: '1',
      TRUST_PARAMS: '1',
    }
    child = spawn(process.execPath, [BIN, 'run'], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    let out = ''
    child.stdout!.on('data', data => {
      out += data
    })
    child.stderr!.on('data', data => {
      out += data
    })
    await eventually('the manager', 45_000, async () => (out.includes('"ready":true') ? true : undefined))
    expect(out).to.include(`127.0.0.1:${port}`)

    const pledged = await run('sectors', 'pledge', '--count', '2')
    expect(pledged.stderr).to.equal('')
    expect(pledged.stdout).to.include('asked for 2 sectors of f01000')
    const connection = connectRpc(`http://127.0.0.1:${port}`, { path: '/rpc/v0' })
    const api = rpcClient(managerService, connection)
    const allocate = () => api.AllocateSector({ AllowedMiners: [], AllowedProofTypes: [] })
    try {
      const first = await allocate()
      expect(first?.ID.Miner).to.equal(1000)
      // MaxSealingSectors = 1: the second pledge waits.
      expect(await allocate()).to.equal(null)
      const number = String(first!.ID.Number)
      expect((await run('sectors', 'list')).stdout).to.include(`s-t01000-${number}`)
      expect((await run('sectors', 'status', number)).stdout).to.include('Ticket')
      expect((await run('sectors', 'status', '99')).code).to.equal(1)
      const stores = await api.StoreList()
      expect(stores?.map(({ Path }) => Path)).to.deep.equal([join(dir, 'store')])
    } finally {
      await connection.close()
    }
    expect((await run('storage', 'list')).stdout).to.include(`Path: ${join(dir, 'store')}`)
    const info = await run('info')
    expect(info.code, info.stdout).to.equal(0)
    expect(info.stdout).to.match(/Being sealed: 1 of 1\nPledges waiting: 1/)
    const token = await run('auth', 'create-token', '--perm', 'admin')
    expect(token.stdout).to.match(/^eyJ[\w-]+\.[\w-]+\.[\w-]+\n$/)

    const ended = new Promise<number | null>(resolve => child!.once('exit', resolve))
    child.kill('SIGTERM')
    expect(await ended).to.equal(0)
  })

  it('config convert: the same settings as a sector-manager.cfg', async () => {
    const { stdout } = await run('config', 'convert')
    const file = join(dir, 'sector-manager.cfg')
    writeFileSync(file, stdout)
    expect(stdout).to.include('[[Miners]]').and.to.include('MaxSealingSectors = 1')
    const checked = await run('config', 'check', '-c', file)
    expect(checked.code, checked.stdout).to.equal(0)
  })
})
