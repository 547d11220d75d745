import { setTimeout } from 'node:timers/promises'
import { z } from 'zod'
import { readyLine } from '../../rpc-schema/processor/frames.js'
import { isStage, STAGES } from '../../rpc-schema/processor/stages.js'
import { schemaIssuesText } from '../../rpc-schema/schema-issue.js'
import { anyTask, type Check, cut, excerpt, fail, pass, skip } from './check.js'
import type { Answer } from './subject.js'

const PARALLEL = 8
/** Between the parts of a line that comes in parts: long enough to be read one by one. */
const PART_PAUSE_MS = 30
/** How long an answer may take that is only recommended, when the process has answered a later request already. */
const RECOMMENDED_ANSWER_MS = 1_000

/** Nobody has such a member, so a message that names it shows that it was not ignored. */
const UNKNOWN_MEMBER = 'sealyard_conformance_unknown'
const LARGE_IDS = [2 ** 32 + 1, Number.MAX_SAFE_INTEGER]

const GARBAGE = ['this is not JSON', '', '   ', '{"id":', '[1,2]', '"text"', '5', 'null', '{}', '{"task":null}', '}{']
/** Requests that name their id and cannot be worked on. */
const UNWORKABLE = ['"no task of any stage"', '12', '[[]]', '{"sealyard_conformance":true}']

const told = ({ errMsg, output }: Answer): string =>
  errMsg === null ? `output ${cut(JSON.stringify(output) ?? 'nothing')}` : `err_msg ${excerpt(errMsg)}`

/** The task with one more member, when it is an object; else as it is. */
const withMember = (task: unknown, name: string, value: unknown): unknown =>
  typeof task === 'object' && task !== null && !Array.isArray(task) ? { ...task, [name]: value } : task

/** What is asked and answered, on a process that goes on afterwards. */
export const CONVERSATION_CHECKS: readonly Check[] = [
  {
    name: 'ready-line',
    level: 'required',
    expected: 'the first line on stdout is "<stage> processor ready"',
    run: ({ stage, first }) =>
      first.line === readyLine(stage)
        ? pass(excerpt(first.line))
        : fail(`${excerpt(first.line)} instead of ${JSON.stringify(readyLine(stage))}`),
  },
  {
    name: 'ready-soon',
    level: 'recommended',
    expected: 'ready within 5 s, the default of stable_wait',
    run: ({ first, limits }) => (first.tookMs <= limits.readySoonMs ? pass : fail)(`${first.tookMs} ms`),
  },
  {
    name: 'answers',
    level: 'required',
    expected: 'a request is answered under its id',
    needs: 'task',
    run: async trial => pass(told(await (await trial.shared()).ask(anyTask(trial)))),
  },
  {
    name: 'large-ids',
    level: 'required',
    expected: 'ids beyond 32 bits come back unchanged',
    needs: 'task',
    run: async trial => {
      const subject = await trial.shared()
      const answers = LARGE_IDS.map(id => subject.answerTo(id))
      for (const id of LARGE_IDS) subject.send(subject.line(id, anyTask(trial)))
      await Promise.all(answers)
      return pass(LARGE_IDS.join(', '))
    },
  },
  {
    name: 'error-answer',
    level: 'required',
    expected: 'a task that fails is answered with err_msg, and the next one is worked on',
    needs: 'failing task',
    run: async trial => {
      const subject = await trial.shared()
      const answer = await subject.ask(trial.tasks.failing)
      if (answer.errMsg === null && !trial.tasks.toleratesOutput(answer.output)) return fail(told(answer))
      if (answer.errMsg?.trim() === '') return fail('an empty err_msg')
      await subject.ask(trial.tasks.failing)
      return pass(told(answer))
    },
  },
  {
    name: 'valid-output',
    level: 'required',
    expected: 'a valid task is answered with an output of the stage',
    needs: 'valid task',
    run: async trial => {
      const answer = await (await trial.shared()).ask(trial.tasks.valid)
      if (answer.errMsg !== null)
        return trial.tasks.validIsOurs ? skip(`it refuses the built-in task: ${told(answer)}`) : fail(told(answer))
      if (!isStage(trial.stage)) return pass(`${told(answer)}; no schema is known for ${trial.stage}`)
      const output = z.safeDecode(STAGES[trial.stage].output as z.ZodType, answer.output)
      return output.success ? pass(told(answer)) : fail(schemaIssuesText(output.error, answer.output, 'output'))
    },
  },
  {
    name: 'parallel',
    level: 'required',
    expected: `${PARALLEL} requests that come at once are all answered, in any order`,
    needs: 'task',
    run: async trial => {
      const subject = await trial.shared()
      const ids = Array.from({ length: PARALLEL }, () => subject.nextId())
      const answers = Promise.allSettled(ids.map(id => subject.answerTo(id)))
      subject.send(ids.map(id => subject.line(id, anyTask(trial))).join(''))
      const missing = (await answers).filter(({ status }) => status === 'rejected').length
      return missing === 0 ? pass(`${PARALLEL} answers`) : fail(`${missing} of ${PARALLEL} not answered`)
    },
  },
  {
    name: 'garbage',
    level: 'required',
    expected: 'lines that are no requests harm nothing',
    needs: 'task',
    run: async trial => {
      const subject = await trial.shared()
      for (const line of GARBAGE) subject.send(`${line}\n`)
      return pass(`after ${GARBAGE.length} such lines: ${told(await subject.ask(anyTask(trial)))}`)
    },
  },
  {
    name: 'not-utf-8',
    level: 'recommended',
    expected: 'a line that is no UTF-8 harms nothing',
    needs: 'task',
    run: async trial => {
      const subject = await trial.shared()
      subject.send(Buffer.from([0xff, 0xfe, 0x80, 0x0a]))
      return pass(told(await subject.ask(anyTask(trial))))
    },
  },
  {
    name: 'bad-task',
    level: 'required',
    expected: 'tasks of a wrong shape harm nothing',
    needs: 'task',
    run: async trial => {
      const subject = await trial.shared()
      for (const task of UNWORKABLE) subject.send(subject.line(subject.nextId(), JSON.parse(task)))
      return pass(`after ${UNWORKABLE.length} such tasks: ${told(await subject.ask(anyTask(trial)))}`)
    },
  },
  {
    name: 'bad-task-told',
    level: 'recommended',
    expected: 'a request with an id and a bad task, or none, is answered with err_msg: without, the worker waits',
    needs: 'task',
    run: async trial => {
      const subject = await trial.shared()
      const cases = [
        { what: 'a task of a wrong shape', id: subject.nextId(), task: JSON.parse(UNWORKABLE[0]!) },
        { what: 'no task', id: subject.nextId(), task: undefined },
      ]
      for (const { id, task } of cases) subject.send(subject.line(id, task))
      await subject.ask(anyTask(trial))
      for (const { what, id } of cases) {
        const late = new AbortController()
        const answer = await Promise.race([
          subject.answerTo(id).catch(() => undefined),
          setTimeout(RECOMMENDED_ANSWER_MS, undefined, { signal: late.signal }).catch(() => undefined),
        ])
        late.abort()
        if (answer === undefined) return fail(`no answer to ${what}`)
        if (answer.errMsg === null) return fail(`${what}: ${told(answer)}`)
      }
      return pass('err_msg for both')
    },
  },
  {
    name: 'split-line',
    level: 'required',
    expected: 'a request may come in parts, cut within a character',
    needs: 'task',
    run: async trial => {
      const subject = await trial.shared()
      const id = subject.nextId()
      const answer = subject.answerTo(id)
      answer.catch(() => {})
      const line = Buffer.from(subject.line(id, anyTask(trial), { [UNKNOWN_MEMBER]: 'печать 🦭' }))
      const within = line.indexOf('🦭') + 2
      for (const [from, to] of [
        [0, 5],
        [5, within],
        [within, line.length],
      ]) {
        subject.send(line.subarray(from, to))
        await setTimeout(PART_PAUSE_MS)
      }
      return pass(told(await answer))
    },
  },
  {
    name: 'crlf',
    level: 'recommended',
    expected: 'a line may end with CR LF',
    needs: 'task',
    run: async trial => {
      const subject = await trial.shared()
      const id = subject.nextId()
      const answer = subject.answerTo(id)
      subject.send(subject.line(id, anyTask(trial)).replace(/\n$/, '\r\n'))
      return pass(told(await answer))
    },
  },
  {
    name: 'unknown-members',
    level: 'required',
    expected: 'members of a request or a task that it does not know are ignored',
    needs: 'task',
    run: async trial => {
      const subject = await trial.shared()
      for (const task of [trial.tasks.valid, trial.tasks.failing]) {
        if (task === undefined) continue
        const plain = await subject.ask(task)
        const more = await subject.ask(withMember(task, UNKNOWN_MEMBER, 1), { [UNKNOWN_MEMBER]: 1 })
        if ((plain.errMsg === null) !== (more.errMsg === null) || more.errMsg?.includes(UNKNOWN_MEMBER))
          return fail(`${told(plain)}, with more members ${told(more)}`)
      }
      return pass('the same answers')
    },
  },
  {
    name: 'big-frame',
    level: 'required',
    expected: 'a request of many megabytes is read: C1 outputs are such',
    needs: 'task',
    run: async trial => {
      const subject = await trial.shared()
      const ballast = 'x'.repeat(trial.bigFrameBytes)
      const task = withMember(anyTask(trial), UNKNOWN_MEMBER, ballast)
      const answer = await subject.ask(task, task === anyTask(trial) ? { [UNKNOWN_MEMBER]: ballast } : {})
      return pass(`${trial.bigFrameBytes} bytes: ${told(answer)}`)
    },
  },
]
