import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { runConformance } from '../../../plugins/conformance/suite.js'

const CHECKOUT = fileURLToPath(new URL('../../../../', import.meta.url))
const TSC = path.join(CHECKOUT, 'node_modules', 'typescript', 'bin', 'tsc')

const PLUGIN = `import { defineProcessor } from 'sealyard/plugin'

await defineProcessor('c2', async (task, { log, progress, signal }) => {
  signal.throwIfAborted()
  progress({ done: 0.5, step: 'half' })
  log.info({ sector: task.sector_id }, 'no proof')
  throw new Error('this processor makes no proofs')
}).serve()
`

function run(program: string, args: readonly string[], cwd: string): Promise<{ code: number; output: string }> {
  return new Promise(resolve => {
    execFile(program, args, { cwd, timeout: 100_000 }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), output: stdout + stderr }),
    )
  })
}

describe('the package, installed elsewhere', function () {
  this.timeout(120_000)
  let directory: string

  before(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'sealyard-package-'))
    await mkdir(path.join(directory, 'node_modules'))
    await symlink(CHECKOUT, path.join(directory, 'node_modules', 'sealyard'))
    await writeFile(path.join(directory, 'package.json'), '{ "type": "module" }')
  })

  after(() => rm(directory, { recursive: true, force: true }))

  const types = async (source: string): Promise<{ code: number; output: string }> => {
    await writeFile(path.join(directory, 'plugin.ts'), source)
    const flags = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2023', '--skipLibCheck', 'plugin.ts']
    return await run(process.execPath, [TSC, ...flags], directory)
  }

  it('a processor written against sealyard/plugin conforms', async () => {
    const program = path.join(directory, 'plugin.js')
    await writeFile(program, PLUGIN)
    const report = await runConformance({
      bin: process.execPath,
      args: [program],
      env: process.env,
      stage: 'c2',
      limits: { readySoonMs: 60_000, answerMs: 60_000, exitMs: 30_000 },
      bigFrameBytes: 1 << 20,
    })
    const ofNote = report.results.filter(({ result }) => result !== 'pass').map(({ check, result }) => [check, result])
    expect(ofNote).to.deep.equal([['valid-output', 'skip']])
  })

  it('is typed: tasks and outputs are those of the stage', async () => {
    expect(await types(PLUGIN)).to.deep.equal({ code: 0, output: '' })
    const wrong = await types(
      PLUGIN.replace("throw new Error('this processor makes no proofs')", 'return { proof: 5 }'),
    )
    expect(wrong.code).not.to.equal(0)
    expect(wrong.output).to.contain("Type 'number' is not assignable to type 'Uint8Array")
    expect((await types(PLUGIN.replace('task.sector_id', 'task.sector'))).output).to.contain("'sector' does not exist")
  })

  it('offers the built-in stages and the prover, and nothing that is not named in exports', async () => {
    const source = `
      const { createBuiltInStages } = await import('sealyard/stages')
      const { prover } = await import('sealyard/prover')
      const error = await import('sealyard/dist/bin/sealyard.js').catch(failure => failure.code)
      console.log(typeof createBuiltInStages, typeof prover.verifySeal, error)`
    const { output } = await run(process.execPath, ['--input-type=module', '-e', source], directory)
    expect(output.trim()).to.equal('function function ERR_PACKAGE_PATH_NOT_EXPORTED')
  })

  it('its executables run as they are linked by npm', async () => {
    await mkdir(path.join(directory, 'node_modules', '.bin'))
    const bin = path.join(directory, 'node_modules', '.bin', 'sealyard')
    await symlink('../sealyard/dist/bin/sealyard.js', bin)
    const { code, output } = await run(process.execPath, [bin, 'plugin', 'schema', 'tree_d'], directory)
    expect(output).to.contain('### tree_d')
    expect(code).to.equal(0)
  })
})
