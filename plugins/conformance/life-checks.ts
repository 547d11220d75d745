import { PROGRESS_ENV } from '../../rpc-schema/processor/frames.js'
import { anyTask, type Check, excerpt, fail, pass } from './check.js'
import { exitText, type SubjectRecord } from './subject.js'

const ids = (numbers: readonly number[]): string => [...new Set(numbers)].slice(0, 5).join(', ')

/** The beginning and the end of a process, each on one of its own. */
export const LIFE_CHECKS: readonly Check[] = [
  {
    name: 'progress',
    level: 'required',
    expected: `with ${PROGRESS_ENV}=1, progress (if any) is for open requests`,
    needs: 'task',
    run: async trial => {
      const subject = await trial.fresh({ progress: true })
      await subject.ask(trial.tasks.valid ?? anyTask(trial))
      await subject.end()
      const { progress, asked } = subject.record
      const wrong = progress.filter(({ id, afterAnswer }) => afterAnswer || !asked.has(id))
      if (wrong.length > 0) return fail(`progress for ${ids(wrong.map(({ id }) => id))}, which is not open`)
      return pass(progress.length === 0 ? 'none' : `${progress.length} times`)
    },
  },
  {
    name: 'stdin-closed',
    level: 'required',
    expected: 'it ends when its stdin is closed',
    run: async trial => {
      const subject = await trial.fresh()
      subject.closeStdin()
      return pass(exitText(await subject.exitInTime()))
    },
  },
  {
    name: 'stdin-closed-busy',
    level: 'required',
    expected: 'it ends when its stdin is closed, though a task runs',
    needs: 'task',
    run: async trial => {
      const subject = await trial.fresh()
      subject.send(subject.line(subject.nextId(), trial.tasks.valid ?? anyTask(trial)))
      subject.closeStdin()
      return pass(exitText(await subject.exitInTime()))
    },
  },
  {
    name: 'sigterm',
    level: 'required',
    expected: 'SIGTERM ends it',
    run: async trial => {
      const subject = await trial.fresh()
      subject.signal('SIGTERM')
      return pass(exitText(await subject.exitInTime()))
    },
  },
]

/** A rule about everything that came out of all lives; the first record that breaks it is told. */
const always =
  (breach: (record: SubjectRecord) => string | undefined, fine: (records: readonly SubjectRecord[]) => string) =>
  ({ records }: { readonly records: readonly SubjectRecord[] }) => {
    for (const record of records) {
      const seen = breach(record)
      if (seen !== undefined) return fail(seen)
    }
    return pass(fine(records))
  }

const count = (records: readonly SubjectRecord[], of: (record: SubjectRecord) => number): number =>
  records.reduce((sum, record) => sum + of(record), 0)

/** Looked at last, when all processes have ended. */
export const RECORD_CHECKS: readonly Check[] = [
  {
    name: 'stdout-clean',
    level: 'required',
    expected: 'stdout carries the protocol only; logs go to stderr',
    run: always(
      ({ stray }) => (stray.length === 0 ? undefined : `${stray.length} other lines, as ${excerpt(stray[0]!)}`),
      records => `${count(records, ({ answers, progress }) => answers.length + progress.length)} lines, all frames`,
    ),
  },
  {
    name: 'answered-once',
    level: 'required',
    expected: 'every answer is to a request that was sent, and there is only one',
    run: always(
      ({ answers, asked }) => {
        const unknown = answers.filter(({ id }) => !asked.has(id))
        if (unknown.length > 0) return `answers to ${ids(unknown.map(({ id }) => id))}, which was never sent`
        const seen = new Set<number>()
        const twice = answers.filter(({ id }) => seen.has(id) || !seen.add(id))
        return twice.length === 0 ? undefined : `request ${ids(twice.map(({ id }) => id))} was answered again`
      },
      records => `${count(records, ({ answers }) => answers.length)} answers`,
    ),
  },
  {
    name: 'error-or-output',
    level: 'required',
    expected: 'an answer has either err_msg (a text) or output, the other one is null or missing',
    run: always(
      ({ answers }) => {
        const both = answers.find(({ errMsg, output }) => errMsg !== null && output !== null && output !== undefined)
        if (both !== undefined) return `answer ${both.id} has both`
        const neither = answers.find(
          ({ errMsg, output }) => errMsg === null && (output === null || output === undefined),
        )
        return neither === undefined ? undefined : `answer ${neither.id} has neither`
      },
      records => `${count(records, ({ answers }) => answers.length)} answers`,
    ),
  },
  {
    name: 'no-progress-unasked',
    level: 'required',
    expected: `without ${PROGRESS_ENV}=1 no progress is sent: other parents take it for an answer`,
    run: always(
      ({ progressAsked, progress }) =>
        progressAsked || progress.length === 0 ? undefined : `${progress.length} progress frames`,
      () => 'none',
    ),
  },
  {
    name: 'whole-lines',
    level: 'required',
    expected: 'nothing is left on stdout after the last line end',
    run: always(
      ({ halfLine }) => (halfLine === undefined ? undefined : excerpt(halfLine)),
      () => 'nothing',
    ),
  },
]
