import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { z } from 'zod'
import { CHECKS, type CheckResult, runConformance, type SuiteOptions } from '../../../plugins/conformance/suite.js'
import { failingTasks } from '../../../plugins/conformance/trial-tasks.js'
import { STAGE_NAMES, STAGES } from '../../../rpc-schema/processor/stages.js'

const CHILD = fileURLToPath(new URL('./faulty-child.js', import.meta.url))
/** Enough for an honest child on a busy machine; a faulty one is waited for in vain. */
const PATIENT = { readyMs: 30_000, readySoonMs: 30_000, answerMs: 30_000, exitMs: 15_000 }
const VAIN_MS = 700

const run = (fault: string | undefined, options: Partial<SuiteOptions> = {}) =>
  runConformance({
    bin: process.execPath,
    args: fault === undefined ? [CHILD] : [CHILD, fault],
    env: process.env,
    limits: PATIENT,
    bigFrameBytes: 2 << 20,
    ...options,
  })

const resultOf = (results: readonly CheckResult[], check: string): CheckResult =>
  results.find(result => result.check === check)!

/**
 * For each check a child that breaks its rule, and what is seen then. `vain`: the limit that the check runs into, made short.
 */
const BROKEN: Readonly<
  Record<string, { fault?: string; seen: RegExp; vain?: 'answerMs' | 'exitMs' | 'readySoonMs' }[]>
> = {
  'ready-line': [{ seen: /"hello" instead of/ }],
  'ready-soon': [{ fault: 'none', seen: /ms$/, vain: 'readySoonMs' }],
  answers: [{ seen: /no answer to request 1 within/, vain: 'answerMs' }],
  'large-ids': [{ seen: /no answer to request 4294967297/, vain: 'answerMs' }],
  'error-answer': [{ seen: /^output true$/ }],
  'valid-output': [{ seen: /expected boolean, found "yes"/ }],
  parallel: [{ seen: /of 8 not answered/, vain: 'answerMs' }],
  garbage: [{ seen: /it ended: exit code 1/ }],
  'not-utf-8': [{ seen: /it ended: exit code 9/ }],
  'bad-task': [{ seen: /it ended: exit code 1/ }],
  'bad-task-told': [{ seen: /no answer to a task of a wrong shape/ }],
  'split-line': [{ seen: /no answer/, vain: 'answerMs' }],
  crlf: [{ seen: /no answer/, vain: 'answerMs' }],
  'unknown-members': [{ seen: /with more members err_msg "unknown field/ }],
  'big-frame': [{ seen: /it ended: exit code 9/ }],
  progress: [{ seen: /progress for 1, which is not open/ }],
  'stdin-closed': [{ seen: /still running/, vain: 'exitMs' }],
  'stdin-closed-busy': [{ seen: /still running/, vain: 'exitMs' }],
  sigterm: [{ seen: /still running/, vain: 'exitMs' }],
  'stdout-clean': [{ seen: /other lines, as "working"/ }],
  'answered-once': [{ seen: /request .* was answered again/ }, { fault: 'unknown-answer', seen: /never sent/ }],
  'error-or-output': [{ seen: /has both/ }, { fault: 'neither', seen: /has neither/ }],
  'no-progress-unasked': [{ seen: /progress frames/ }],
  'whole-lines': [{ seen: /^"\{\\"id\\":1,"$/ }],
}

describe('conformance suite', () => {
  it('passes a processor that conforms', async function () {
    this.timeout(120_000)
    const seen: string[] = []
    const report = await run(undefined, { onResult: ({ check }) => seen.push(check) })
    expect(report.results.filter(({ result }) => result !== 'pass')).to.deep.equal([])
    expect(report).to.include({ conforms: true, stage: 'tree_d' })
    expect(seen).to.deep.equal(CHECKS.map(({ name }) => name))
  })

  it('has a broken processor for every check', () => {
    expect(Object.keys(BROKEN)).to.deep.equal(CHECKS.map(({ name }) => name))
  })

  for (const { name, level } of CHECKS) {
    for (const { fault = name, seen, vain } of BROKEN[name] ?? []) {
      it(`${name} fails with a processor that breaks it (${fault})`, async function () {
        this.timeout(60_000)
        const limits = vain === undefined ? PATIENT : { ...PATIENT, [vain]: vain === 'readySoonMs' ? 0 : VAIN_MS }
        const report = await run(fault, { checks: [name], limits })
        const { result, seen: found } = resultOf(report.results, name)
        expect(found).to.match(seen)
        expect(result).to.equal(level === 'required' ? 'fail' : 'warn')
        if (level === 'required') expect(report.conforms).to.equal(false)
      })
    }
  }

  it('a check that was not asked for is not run, an unknown one is refused', async () => {
    const { results } = await run(undefined, { checks: ['sigterm'] })
    expect(results.map(({ check }) => check)).to.deep.equal(['ready-line', 'sigterm'])
    const error = await run(undefined, { checks: ['sigter'] }).catch(failure => failure)
    expect(error.message).to.contain('no check sigter').and.contain('sigterm')
  })

  it('the ready line must name the stage that was asked for', async () => {
    const report = await run(undefined, { stage: 'c2', checks: [] })
    expect(resultOf(report.results, 'ready-line').seen).to.equal(
      '"tree_d processor ready" instead of "c2 processor ready"',
    )
  })

  it('a program that never gets ready, ends, or cannot be started fails, and nothing else is tried', async () => {
    const cases = [
      [await run('ready-line-missing', { limits: { ...PATIENT, readyMs: VAIN_MS } }), /no line on stdout within/],
      [await run(undefined, { args: ['-e', 'process.exit(5)'] }), /it ended, exit code 5/],
      [await run(undefined, { bin: '/nonexistent/program' }), /cannot be started: .*ENOENT/],
    ] as const
    for (const [report, seen] of cases) {
      const [ready, ...others] = report.results
      expect(ready!.seen).to.match(seen)
      expect(report.conforms).to.equal(false)
      expect(others.every(({ result, seen: why }) => result === 'skip' && why === 'it was never ready')).to.equal(true)
    }
  })

  it('checks that need an answer are left out when there is none', async () => {
    const report = await run('answers', { limits: { ...PATIENT, answerMs: VAIN_MS } })
    expect(resultOf(report.results, 'answers').result).to.equal('fail')
    expect(resultOf(report.results, 'parallel')).to.include({ result: 'skip', seen: 'it answers nothing' })
    expect(resultOf(report.results, 'sigterm').result).to.equal('pass')
  })

  it('given tasks take the place of the built-in ones, and a stage of one’s own needs them', async () => {
    const failing = await run(undefined, { validTask: { staged_file: '/nonexistent' }, checks: ['valid-output'] })
    expect(resultOf(failing.results, 'valid-output')).to.include({ result: 'fail', seen: 'err_msg "no such file"' })
    const own = await run(undefined, { args: ['-e', OWN_STAGE], checks: ['answers', 'error-answer', 'sigterm'] })
    expect(resultOf(own.results, 'answers').seen).to.contain('no task is built in for sum').and.contain('--task')
    expect(own.conforms).to.equal(true)
    const given = await run(undefined, { args: ['-e', OWN_STAGE], validTask: [1, 2], checks: ['valid-output'] })
    expect(resultOf(given.results, 'valid-output').seen).to.equal('output 3; no schema is known for sum')
  })

  it('a failed check shows the end of the log', async () => {
    const report = await run('garbage', { checks: ['garbage'] })
    expect(resultOf(report.results, 'garbage').stderr?.join('\n')).to.contain('SyntaxError')
  })

  it('ends its processes when it is interrupted', async () => {
    const interrupted = new AbortController()
    const started = run('sigterm', {
      signal: interrupted.signal,
      limits: { ...PATIENT, exitMs: 600_000 },
      checks: ['answers', 'sigterm'],
      onResult: ({ check }) => {
        if (check === 'answers') setImmediate(() => interrupted.abort(new Error('interrupted')))
      },
    })
    expect((await started.catch(error => error)).message).to.equal('interrupted')
  })

  for (const stage of STAGE_NAMES) {
    it(`the built-in task of ${stage} is a task`, () => {
      const task = z.safeDecode(STAGES[stage].task as z.ZodType, failingTasks('/blocker')[stage])
      expect(task.error?.message).to.equal(undefined)
    })
  }
})

const OWN_STAGE = `
  console.log('sum processor ready')
  require('node:readline').createInterface({ input: process.stdin })
    .on('line', line => {
      const { id, task } = JSON.parse(line)
      console.log(JSON.stringify({ id, output: task.reduce((a, b) => a + b) }))
    })
    .on('close', () => process.exit(1))`
