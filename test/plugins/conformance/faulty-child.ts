// A tree_d processor in the bare protocol that breaks one rule: the one that its argument names. Without, it conforms.
import { existsSync } from 'node:fs'

const fault = process.argv[2]
const is = (name: string): boolean => fault === name
const say = (text: string): void => void process.stdout.write(`${text}\n`)
const answer = (id: number, errMsg: string | null, output: unknown): void =>
  say(JSON.stringify({ id, err_msg: errMsg, output }))

const TASK_MEMBERS = ['registered_proof', 'staged_file', 'cache_dir']
const progressWanted = process.env.SEALYARD_PROCESSOR_PROGRESS === '1'
let requests = 0

type Verdict = [errMsg: string | null, output: unknown]

/** undefined: no answer. */
function verdictOn(task: unknown): Verdict | undefined {
  if (is('answers')) return undefined
  if (typeof task !== 'object' || task === null || !('staged_file' in task)) {
    if (is('bad-task')) throw new Error('not a task')
    return is('bad-task-told') ? undefined : ['bad task', null]
  }
  const unknown = Object.keys(task).find(name => !TASK_MEMBERS.includes(name))
  if (unknown !== undefined && is('unknown-members')) return [`unknown field ${unknown}`, null]
  if (is('error-or-output')) return ['failed', true]
  if (is('neither')) return [null, null]
  if (!existsSync(String(task.staged_file)) && !is('error-answer')) return ['no such file', null]
  return [null, is('valid-output') ? 'yes' : true]
}

function work(id: number, task: unknown): void {
  requests += 1
  const verdict = verdictOn(task)
  if (verdict === undefined) return
  if (is('stdout-clean')) say('working')
  if (is('no-progress-unasked')) say(JSON.stringify({ id, progress: {} }))
  answer(is('large-ids') ? id | 0 : id, ...verdict)
  if (is('answered-once')) answer(id, ...verdict)
  if (is('unknown-answer')) answer(id + 1_000, ...verdict)
  if (is('progress') && progressWanted) say(JSON.stringify({ id, progress: { done: 1 } }))
}

function readLine(line: string): void {
  if (line.trim() === '') return
  if (line.length > 1 << 20 && is('big-frame')) process.exit(9)
  if (line.includes('\r') && is('crlf')) return
  if (line.includes('\ufffd') && is('not-utf-8')) process.exit(9)
  let request: { id?: unknown; task?: unknown } | null
  try {
    request = JSON.parse(line)
  } catch (error) {
    if (is('garbage')) throw error
    console.error(`not JSON: ${line.slice(0, 80)}`)
    return
  }
  if (typeof request?.id === 'number') work(request.id, request.task)
}

let rest = Buffer.alloc(0)
process.stdin.on('data', (chunk: Buffer) => {
  if (is('split-line')) return chunk.toString().split('\n').forEach(readLine)
  const bytes = Buffer.concat([rest, chunk])
  const end = bytes.lastIndexOf(10) + 1
  rest = bytes.subarray(end)
  const lines = bytes.toString('utf8', 0, end).split('\n')
  if (is('parallel')) lines.length = Math.min(lines.length, 1)
  lines.forEach(readLine)
})
process.stdin.on('end', () => {
  if (is('whole-lines')) process.stdout.write('{"id":1,')
  if (is('stdin-closed') || (is('stdin-closed-busy') && requests > 0)) return void setInterval(() => {}, 1_000)
  process.exit(1)
})
if (is('sigterm')) process.on('SIGTERM', () => {})

if (!is('ready-line-missing')) say(is('ready-line') ? 'hello' : 'tree_d processor ready')
