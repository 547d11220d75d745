import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { type RunningDevnet, startDevnet } from '../../../daemon/devnet/devnet.js'
import { eventually } from '../../harness/eventually.js'
import { runManagerCli } from '../../harness/run-manager-cli.js'
import { TestDaemon } from '../../harness/test-yard.js'

const CHILD = fileURLToPath(new URL('../../../../test/fixtures/processors/window-child.mjs', import.meta.url))

describe('manager: daemon run --ext-prover', function () {
  this.timeout(60_000)
  const home = mkdtempSync(join(tmpdir(), 'ext-prover-daemon-'))
  const file = join(home, 'ext-prover.cfg')
  const pidFile = join(home, 'pid')
  let devnet: RunningDevnet
  let manager: TestDaemon | undefined

  before(async () => {
    devnet = await startDevnet({ home: join(home, 'devnet'), manual: true, miners: [{ id: 1000, sectorSize: 2048 }] })
  })
  afterEach(() => manager?.kill())
  after(async () => {
    await devnet?.stop()
    rmSync(home, { recursive: true, force: true })
  })

  const isThere = (pid: number): boolean => {
    try {
      return process.kill(pid, 0)
    } catch {
      return false
    }
  }

  function daemon(): TestDaemon {
    const args = ['--home', home, 'daemon', 'run', '--poster', '--ext-prover', '--listen', '127.0.0.1:0']
    manager = new TestDaemon('damocles-manager', join(home, 'log'), () => ({ bin: 'damocles-manager', args }))
    return manager
  }

  it('S001-3 S001-4: `daemon init` writes ext-prover.cfg into the home, as an example that names no process', async () => {
    await runManagerCli('--home', home, 'daemon', 'init')
    expect(readFileSync(file, 'utf8')).to.match(/^# Default config:\n(#.*\n)*#\[\[WdPost\]\]\n(#.*\n)*$/)
  })

  it('S001-1 S001-3 S003-70: starts what the file in its home names, and ends it when it is killed', async () => {
    writeFileSync(
      join(home, 'sector-manager.cfg'),
      `[Common.API]\nChain = "${devnet.address.replace('http', 'ws')}/rpc/v1"\n[[Miners]]\nActor = 1000\n`,
    )
    writeFileSync(
      file,
      `# Default config:
[[WdPost]]
Bin = "/bin/sh"
Args = ["-c", "echo $$ > ${pidFile}; exec ${process.execPath} ${CHILD} one prove"]
Concurrent = 1
#Weight = 1
ReadyTimeoutSecs = 30
[WdPost.Envs]
RUST_LOG = "debug"
`,
    )
    await daemon().start()
    const pid = Number(readFileSync(pidFile, 'utf8'))
    expect(isThere(pid)).to.equal(true)
    await manager!.kill('SIGKILL')
    await eventually('the end of its process', 10_000, () => (isThere(pid) ? undefined : true))
  })

  it('S003-56: does not start with a process that is not ready, and says why', async () => {
    writeFileSync(file, `[[WdPost]]\nBin = "/bin/sh"\nArgs = ["-c", "echo no such GPU >&2; exit 7"]\n`)
    await daemon()
      .start()
      .catch(() => {})
    expect(readFileSync(join(home, 'log'), 'utf8')).to.match(
      /the window_post processor \/bin\/sh \(pid \d+\) ended before it was ready: exit code 7; its last words: no such GPU/,
    )
    expect(existsSync(join(home, 'manager.db'))).to.equal(true)
  })
})
