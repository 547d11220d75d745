import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import { ON_CHAIN_STATE } from '../../../rpc-schema/manager/commitment.js'
import { ManagerBench } from './manager-bench.js'

const BIN = new URL('../../../bin/damocles-manager.js', import.meta.url).pathname

interface Outcome {
  code: number
  stdout: string
  stderr: string
}

const run = (...args: string[]): Promise<Outcome> =>
  new Promise(resolve => {
    execFile(process.execPath, [BIN, ...args], { timeout: 20_000 }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr }),
    )
  })

describe('manager: commands', function () {
  this.timeout(60_000)
  let bench: ManagerBench
  let dir: string

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'manager-cli-'))
    bench = await new ManagerBench().start()
  })
  after(async () => {
    rmSync(dir, { recursive: true, force: true })
    await bench?.stop()
  })

  const util = (...args: string[]): Promise<Outcome> => run('util', '--listen', bench.manager.address, ...args)

  it('daemon init writes a configuration once', async () => {
    const home = join(dir, 'home')
    expect((await run('--home', home, 'daemon', 'init')).code).to.equal(0)
    const file = join(home, 'sector-manager.cfg')
    const text = readFileSync(file, 'utf8')
    expect(text).to.match(/^# Default config:\n/)
    const again = await run('--home', home, 'daemon', 'init')
    expect(again.code).to.equal(1)
    expect(again.stderr).to.include(`${file} already exists`)
    expect(readFileSync(file, 'utf8')).to.equal(text)
  })

  it('daemon run says what is wrong with its configuration, and leaves nothing', async () => {
    const home = join(dir, 'broken')
    const missing = await run('--home', home, 'daemon', 'run', '--listen', '127.0.0.1:0')
    expect(missing.code).to.equal(1)
    expect(missing.stderr).to.include('there is no such file')
    mkdirSync(home)
    writeFileSync(join(home, 'sector-manager.cfg'), '[[Miners]]\nActor = "x"\n')
    const wrong = await run('--home', home, 'daemon', 'run', '--listen', '127.0.0.1:0')
    expect(wrong.stderr).to.include(`sector-manager.cfg:2: Miners[0].Actor: expected`)
    writeFileSync(join(home, 'sector-manager.cfg'), '[Common]\n')
    const empty = await run('--home', home, 'daemon', 'run', '--listen', '127.0.0.1:0')
    expect(empty.stderr).to.include('Common.API.Chain: expected the address of the chain node, found nothing')
    expect(existsSync(join(home, 'manager.db'))).to.equal(false)
    const external = await run('--home', home, 'daemon', 'run', '--poster', '--ext-prover')
    expect(external.stderr).to.match(/ext-prover\.cfg: --ext-prover needs this file: .daemon init. writes an example/)
    writeFileSync(join(home, 'ext-prover.cfg'), '# nothing\n')
    const nobody = await run('--home', home, 'daemon', 'run', '--poster', '--ext-prover')
    expect(nobody.stderr).to.include('expected [[WdPost]] or [[WinPost]], found neither')
  })

  it('S001-24: --miner, --poster and --worker-prover combine; --warmup looks at parameters first, and =false leaves that out', async () => {
    const home = join(dir, 'all-roles')
    mkdirSync(home)
    writeFileSync(
      join(home, 'sector-manager.cfg'),
      `[Common.API]\nChain = "${bench.devnet.address.replace('http', 'ws')}/rpc/v1"\n[[Miners]]\nActor = 1000\n[Miners.Proof]\nEnabled = true\n`,
    )
    const flags = ['--home', home, 'daemon', 'run', '--listen', '127.0.0.1:0', '--miner', '--poster', '--worker-prover']
    // In processes of their own: the prover of a process keeps the parameters that it has begun with.
    const env = { ...process.env, FIL_PROOFS_PARAMETER_CACHE: join(dir, 'no-parameters') }
    const cold = spawn(process.execPath, [BIN, ...flags], { env, stdio: ['ignore', 'ignore', 'pipe'] })
    const [told, [code]] = await Promise.all([text(cold.stderr), once(cold, 'exit')])
    expect(code).to.equal(1)
    expect(told).to.match(/warmup proof: parameters of 2KiB sectors: winning: \S+\.params is missing/)
    const child = spawn(process.execPath, [BIN, ...flags, '--warmup=false'], {
      env,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const ended = new Promise(resolve => child.once('exit', resolve))
    const [first] = (await once(child.stdout, 'data')) as [Buffer]
    child.kill('SIGTERM')
    expect(JSON.parse(first.toString())).to.include({ ready: true })
    expect(await ended).to.equal(0)
    expect((await run(...flags, '--warmup=maybe')).stderr).to.include('expected true or false')
  })

  it('an address that is none is refused with its flag, as a command line that is not understood', async () => {
    for (const command of [
      ['daemon', 'run', '--listen', 'nowhere'],
      ['util', '--listen', 'nowhere', 'storage', 'list'],
    ]) {
      const { code, stderr } = await run(...command)
      expect(code).to.equal(2)
      expect(stderr).to.include("option '--listen <address>' argument 'nowhere' is invalid. expected HOST:PORT.")
    }
  })

  it('a second manager on the same home is refused', async () => {
    const second = await run('--home', join(bench.dir, 'manager'), 'daemon', 'run', '--listen', '127.0.0.1:0')
    expect(second.code).to.equal(1)
    expect(second.stderr).to.include(`another manager runs on ${join(bench.dir, 'manager')}`)
  })

  it('a manager that is not there is named', async () => {
    const { code, stderr } = await run('util', '--listen', '127.0.0.1:1', 'sealer', 'sectors', 'list')
    expect(code).to.equal(1)
    expect(stderr).to.match(/^damocles-manager: cannot talk to the manager: .*ws:\/\/127\.0\.0\.1:1.*is it running\?/)
  })

  it('sectors list and state print what the original prints', async () => {
    const { sector, sid, pre } = await bench.sealed()
    const empty = await util('sealer', 'sectors', 'list', '--offline')
    expect(empty.stdout).to.equal('Sectors:\nCount: 0\n')
    await bench.api.ReportState(sid, {
      Worker: { Instance: 'worker-1', Location: '/mnt/seal' },
      StateChange: { Prev: 'PC2Done', Next: 'PCSubmitted', Event: 'None' },
      Failure: null,
    })
    const list = await util('sealer', 'sectors', 'list')
    expect(list.stdout).to.equal(
      [
        'Sectors:',
        's-t01000-1:',
        '\tWorker: worker-1 @ /mnt/seal',
        '\tState: PC2Done => PCSubmitted @None',
        '\tFinalized: false, Removed: false',
        '',
        'Count: 1',
        '',
      ].join('\n'),
    )
    expect((await util('sealer', 'sectors', 'list', '--miner', 't0999')).stdout).to.equal('Sectors:\nCount: 0\n')
    expect(JSON.parse((await util('sealer', 'sectors', 'list', '--json')).stdout)[0].ID).to.deep.equal(sid)

    await bench.api.SubmitPreCommit(sector, pre, false)
    await bench.preCommitState(sid, ON_CHAIN_STATE.landed)
    const { stdout } = await util('sealer', 'sectors', 'state', 't01000', '1')
    const expected = [
      /^Sector s-t01000-1: \n\nCommon:\n\tFinalized: false\n\tRemoved: false\n\tAborting: \n\t\tNULL\n\n/,
      /LatestState:\n\tState Change: PC2Done => PCSubmitted, by None\n\tWorker: worker-1\(\/mnt\/seal\)\n\tFailure: NULL\n/,
      /Deals:\n\tNULL\n/,
      /Sealing:\n\tTicket: \(\d+\) [0-9a-f]{64}\n\tPreCommit Info:\n\t\tCommD: baga6ea4sea\w+\n\t\tCommR: bagboea4b5\w+\n/,
      /\tPreCommit Message: bafy2bz\w+\n\tSeed: NULL\n/,
      /\tProveCommit Message: NULL\n\tMessage NeedSend: false\n/,
      /SnapUp:\n\tUpgraded: false\n\nTermination:\n\tTerminate Message: NULL\n\nRebuild: false\n/,
    ]
    for (const pattern of expected) expect(stdout).to.match(pattern)
    const json = JSON.parse((await util('sealer', 'sectors', 'state', 'export-json', '1000', '1')).stdout)
    expect(json).to.deep.include({ ID: sid, SectorType: 5, Finalized: false })
    const unknown = await util('sealer', 'sectors', 'state', '1000', '77')
    expect([unknown.code, unknown.stderr]).to.deep.equal([1, 'damocles-manager: key not found\n'])
    const wrong = await util('sealer', 'sectors', 'state', 'x', '77')
    expect(wrong.stderr).to.include('expected a miner, as in 1000, t01000 or f01000')
  })

  it('storage and worker list', async () => {
    await bench.api.WorkerPing({
      Name: 'w1',
      Dest: '127.0.0.1:17890',
      Version: '0.1',
      Summary: { Threads: 3, Empty: 1, Paused: 0, Running: 2, Waiting: 0, Errors: 0 },
    })
    const workers = (await util('worker', 'list')).stdout.split('\n')
    expect(workers[0]).to.match(
      /^Name +Dest +Version +Threads +Empty +Paused +Running +Waiting +Errors +LastPing\(with ! if expired\)$/,
    )
    expect(workers[1]).to.match(/^w1 +127\.0\.0\.1:17890 +0\.1 +3 +1 +0 +2 +0 +0 +[\d.]+m?s$/)
    expect((await util('worker', 'remove', 'w1')).stdout).to.equal("'w1' removed\n")
    const { sid } = await bench.sealed()
    await bench.api.StoreReserveSpace(sid, 4096, [])
    const storage = (await util('storage', 'list')).stdout
    expect(storage).to.match(/^persist:\n\tPath: .*\n\tType: .*\n\tReadOnly: false\n\tWeight: 0\n\tTotal: /)
    expect(storage).to.match(/\tReserved: 4KiB\n\tReserved Items:\n\t\t#0: s-t01000-\d+, 4KiB, [\d.]+m?s ago\n/)
    const released = await util('storage', 'release-reserved', '1000', String(sid.Number))
    expect(released.stdout).to.equal('released: true\n')
  })
})
