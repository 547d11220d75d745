import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { CHECKS } from '../../../plugins/conformance/suite.js'

const SEALYARD = fileURLToPath(new URL('../../../bin/sealyard.js', import.meta.url))
const CHILD = fileURLToPath(new URL('./faulty-child.js', import.meta.url))

function sealyard(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise(resolve => {
    execFile(process.execPath, [SEALYARD, 'plugin', ...args], { timeout: 110_000 }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    )
  })
}

describe('sealyard plugin', function () {
  this.timeout(120_000)
  let directory: string

  beforeEach(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'sealyard-plugin-command-'))
  })

  afterEach(() => rm(directory, { recursive: true, force: true }))

  it('test prints a table and ends with 0 when the executable conforms', async () => {
    const { code, stdout } = await sealyard('test', '--big-frame', '1MiB', '--', process.execPath, CHILD)
    const lines = stdout.split('\n')
    expect(lines[0]).to.equal(`${process.execPath} ${CHILD}  (tree_d)`)
    expect(lines[2]).to.match(/^CHECK +RESULT +EXPECTED +SEEN$/)
    for (const { name } of CHECKS) expect(stdout).to.match(new RegExp(`^${name} +ok `, 'm'))
    expect(stdout.trimEnd().split('\n').at(-1)).to.match(/^conforms: \d+ ok, 0 failed/)
    expect(code).to.equal(0)
  })

  it('test ends with 1 and says what was expected and seen when a required check fails', async () => {
    const { code, stdout } = await sealyard('test', '--check', 'garbage', '--', process.execPath, CHILD, 'garbage')
    expect(stdout).to.match(/^garbage +FAIL /m)
    expect(stdout).to.match(/ {2}expected {2}lines that are no requests.*\n {2}seen {6}.*it ended: exit code 1/)
    expect(stdout).to.match(/^ {2}stderr .*SyntaxError|^ {2}stderr .*at /m)
    expect(stdout).to.match(/^does NOT conform: 1 ok, 1 failed/m)
    expect(code).to.equal(1)
  })

  it('test --json prints the report; --stage and --task are taken', async () => {
    const task = path.join(directory, 'task.json')
    await writeFile(task, JSON.stringify({ staged_file: '/nonexistent' }))
    const { code, stdout } = await sealyard(
      ...['test', '--json', '--stage', 'pc2', '--task', task, '--check', 'valid-output', '--'],
      ...[process.execPath, CHILD],
    )
    const report = JSON.parse(stdout)
    expect(report).to.deep.include({ stage: 'pc2', conforms: false, command: [process.execPath, CHILD] })
    expect(report.results.map((each: { result: string }) => each.result)).to.deep.equal(['fail', 'fail'])
    expect(code).to.equal(1)
  })

  it('test refuses options that make no sense', async () => {
    const file = path.join(directory, 'task.json')
    await writeFile(file, '{')
    for (const [args, message] of [
      [['--timeout', 'soon'], /expected a duration/],
      [['--task', file], /task\.json is not JSON/],
      [['--task', path.join(directory, 'none')], /ENOENT/],
    ] as const) {
      const { code, stderr } = await sealyard('test', ...args, '--', process.execPath, CHILD)
      expect(stderr).to.match(message)
      expect(code).to.equal(1)
    }
  })

  it('schema prints a stage for people and for programs', async () => {
    const { stdout } = await sealyard('schema', 'c2')
    expect(stdout).to.contain('### c2').and.contain('prover_id: byte[32]').and.contain('proof: byte[]')
    const { c2 } = JSON.parse((await sealyard('schema', 'c2', '--json')).stdout)
    expect(c2.task.required).to.deep.equal(['c1out', 'prover_id', 'sector_id', 'miner_id'])
    expect((await sealyard('schema', 'c3')).stderr).to.contain('window_post')
  })
})
