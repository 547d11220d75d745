import { readFileSync } from 'node:fs'

interface Line {
  readonly stage: string
  readonly dir: 'in' | 'out' | 'exit'
  readonly line: string
}

/** The shape differs from stage to stage: each test names the fields it reads. */
export interface Frame {
  readonly task: unknown
  readonly output: unknown
}

const file = new URL('../../../../test/vectors/rpc/processor.jsonl', import.meta.url)

/** The successful requests of a stage, with the answers that a damocles worker gave. */
export function recordedFrames(stage: string): Frame[] {
  const lines = readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map(text => JSON.parse(text) as Line)
    .filter(line => line.stage === stage && line.line.startsWith('{'))
    .map(line => ({ dir: line.dir, frame: JSON.parse(line.line) }))
  return lines.flatMap(({ dir, frame }, at) => {
    const answer =
      dir === 'in' ? lines.slice(at).find(other => other.dir === 'out' && other.frame.id === frame.id) : undefined
    return answer === undefined || answer.frame.output === null
      ? []
      : [{ task: frame.task, output: answer.frame.output }]
  })
}

/** The keys of a JSON value at every depth; of an array, those of its first item. */
export function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? [] : [shapeOf(value[0])]
  if (value === null || typeof value !== 'object') return value === null ? 'null' : typeof value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, shapeOf(item)]))
}
