import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { programModule } from '../../../daemon/kit/program-module.js'

const run = promisify(execFile)
const ROOT = fileURLToPath(new URL('../../../../', import.meta.url))

describe('the module of a program', () => {
  let dir: string
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'sealyard-dist-'))
  })
  afterEach(() => rmSync(dir, { recursive: true }))

  const write = (file: string, at: number): void => {
    mkdirSync(join(dir, file, '..'), { recursive: true })
    writeFileSync(join(dir, file), '')
    utimesSync(join(dir, file), at, at)
  }
  const chosen = (): string => programModule('bin/a.js', pathToFileURL(`${dir}/`)).pathname.slice(dir.length + 1)

  it('is that of the bundle, unless the compiler has written something since', () => {
    expect(chosen()).to.equal('bin/a.js')
    write('bundle/bin/a.js', 2_000)
    expect(chosen(), 'shipped without the record of the compiler').to.equal('bundle/bin/a.js')
    write('.tsbuildinfo', 1_000)
    expect(chosen()).to.equal('bundle/bin/a.js')
    write('.tsbuildinfo', 3_000)
    expect(chosen()).to.equal('bin/a.js')
  })
  it('does the same in the bundle', async () => {
    await run(process.execPath, [join(ROOT, 'build/bundle.mjs')])
    for (const program of ['damocles-manager', 'damocles-worker']) {
      const said = await Promise.all(
        [`bundle/bin/programs/${program}.js`, `bin/programs/${program}.js`].map(file =>
          run(process.execPath, [join(ROOT, 'dist', file), '--help']),
        ),
      )
      expect(said[0]!.stdout).to.equal(said[1]!.stdout)
    }
  }).timeout(60_000)
})
