const { readFileSync, renameSync, writeFileSync, existsSync } = require('node:fs')
const { join, relative } = require('node:path')
const Mocha = require('mocha')
const { endInTime } = require('./open-at-the-end.cjs')

const ROOT = join(__dirname, '..')
const REPORT = join(ROOT, 'dist', 'test-report.json')
const { EVENT_TEST_PASS, EVENT_TEST_FAIL, EVENT_TEST_PENDING, EVENT_TEST_RETRY, EVENT_RUN_END } = Mocha.Runner.constants

/**
 * mocha's own output, and as the very last line the counts in a form that any tool can read. Every test's result is also put down in
 * `dist/test-report.json` (what `npm run acceptance` reads): the files of this run replace what earlier runs said of them.
 * Tests with real processes share two cores with all others, so each has a second try; the first is never hidden: it is told before the counts.
 */
module.exports = class SummaryReporter extends Mocha.reporters.Spec {
  constructor(runner, options) {
    super(runner, options)
    const at = new Date().toISOString()
    const tests = []
    // A hook that failed comes here too, under the titles around it.
    const note = state => test =>
      tests.push({ title: test.fullTitle(), state, file: relative(ROOT, test.file ?? ''), took: test.duration, at })
    runner.on(EVENT_TEST_PASS, note('passed'))
    runner.on(EVENT_TEST_FAIL, note('failed'))
    runner.on(EVENT_TEST_PENDING, note('skipped'))
    const retried = []
    runner.on(EVENT_TEST_RETRY, (test, error) => retried.push({ title: test.fullTitle(), error }))
    runner.once(EVENT_RUN_END, () => {
      // With --grep, most tests of a file are left out.
      if (!options?.grep && !options?.fgrep) writeReport(tests)
      const helped = retried.filter(({ title }) => !tests.some(test => test.title === title && test.state === 'failed'))
      if (helped.length > 0)
        process.stdout.write(`\npassed at the second try only:\n\n${helped.map(told).join('\n\n')}\n\n`)
      const { passes, failures, pending } = this.stats
      const summary = `${passes} passed, ${failures} failed, ${pending} skipped\n`
      process.stdout.write(summary)
      endInTime(summary)
    })
  }
}

const told = ({ title, error }) => `  ${title}\n${(error?.stack ?? String(error)).replace(/^/gm, '    ')}`

function writeReport(tests) {
  try {
    const run = new Set(tests.map(test => test.file))
    const kept = earlierTests().filter(test => !run.has(test.file) && existsSync(join(ROOT, test.file)))
    const next = `${REPORT}.${process.pid}`
    writeFileSync(next, JSON.stringify({ tests: [...kept, ...tests] }))
    renameSync(next, REPORT)
  } catch (error) {
    process.stderr.write(`the test report was not written: ${error.message}\n`)
  }
}

function earlierTests() {
  try {
    return JSON.parse(readFileSync(REPORT, 'utf8')).tests
  } catch {
    return []
  }
}
