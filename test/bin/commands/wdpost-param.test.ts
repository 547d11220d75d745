import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'

const BIN = new URL('../../../bin/gen_cache_and_param.js', import.meta.url).pathname

describe('gen_cache_and_param wdpost-param', function () {
  this.timeout(120_000)
  let dir: string
  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'wdpost-param-'))
  })
  after(() => rmSync(dir, { recursive: true, force: true }))

  const run = (...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> =>
    new Promise(resolve => {
      const child = execFile(process.execPath, [BIN, 'wdpost-param', ...args], (_, stdout, stderr) =>
        resolve({ code: child.exitCode ?? -1, stdout, stderr }),
      )
    })

  it('S003-69: of 32 GiB sectors it says which files are missing and where they come from, and fails', async () => {
    const { code, stdout } = await run('--size', '32GiB', '--dir', dir)
    expect(code).to.equal(1)
    expect(stdout).to.match(/window +missing/)
    expect(stdout).not.to.match(/^(porep|winning|update) /m)
    expect(stdout).to.include('lotus fetch-params 32GiB')
  })

  it('of a development size it makes them, once', async () => {
    const made = await run('--size', '2KiB', '--dir', dir)
    expect([made.code, made.stderr]).to.satisfy(
      ([code, text]: [number, string]) => code === 0 && /made window/.test(text),
    )
    expect(readdirSync(dir).filter(name => name.endsWith('.params'))).to.have.length(1)
    expect((await run('--size', '2kib', '--dir', dir)).stderr).to.include('nothing to do')
  })

  it('needs a size that there is', async () => {
    expect((await run()).stderr).to.include("required option '--size <size>'")
    expect((await run('--size', '3GiB')).stderr).to.include('expected 2KiB, 8MiB, 512MiB, 32GiB, 64GiB, found 3GiB')
  })
})
