import type { Readable } from 'node:stream'
import { setTimeout } from 'node:timers/promises'
import { z } from 'zod'
import { PROGRESS_ENV, type Progress, readyLine } from '../../rpc-schema/processor/frames.js'
import { STAGES, type StageDeclaration, type StageName } from '../../rpc-schema/processor/stages.js'
import { LineSplitter } from './line-splitter.js'
import { createProcessorLog, type Logger } from './processor-log.js'
import { type ProtocolOutput, takeStdout } from './protocol-output.js'
import { readRequestLine } from './request-frame.js'
import { errorClass, errorMessage } from './task-error.js'

const PROGRESS_EVERY_MS = 200

/** What a running task can use. */
export interface TaskContext {
  /** The request's id, unique within this process. */
  readonly id: number
  /** Aborts when the parent closed our stdin: nobody will read the result any more. */
  readonly signal: AbortSignal
  /** Goes to stderr, with the request's id. */
  readonly log: Logger
  /** Tells the parent how far the task is, when it asked for that; a few times a second at most, whatever is called. */
  progress(progress: Progress): void
}

export interface CustomStage<T extends z.ZodType, O extends z.ZodType> extends StageDeclaration<T, O> {
  /** As in `[[processors.<name>]]` and in the ready line. */
  readonly name: string
}

export interface ServeOptions {
  /** Where requests come from. Default: stdin. */
  readonly input?: Readable
  /** Where answers go. Default: stdout, which is then closed to everything else. */
  readonly output?: ProtocolOutput
  readonly log?: Logger
  readonly env?: NodeJS.ProcessEnv
  /** Before the ready line: load what takes time, place the process. An error ends the processor before it is ready. */
  prepare?(): void | Promise<void>
  /**
   * What to do when the parent closed our stdin, with the tasks that are still running. Default: end this process with status 1,
   * whatever is running.
   */
  onEnd?(running: ReadonlySet<Promise<void>>): void | Promise<void>
}

export interface StageProcessor<S extends StageName> extends ServeOptions {
  readonly stage: S
  /**
   * Works on one task; called for many at once. An error becomes the answer: its message, those of its causes, and its class when it
   * is a SealError. Work that computes must leave the event loop free (a thread pool, a child), or no other request is read meanwhile.
   */
  run(task: z.output<(typeof STAGES)[S]['task']>, context: TaskContext): Promise<z.output<(typeof STAGES)[S]['output']>>
}

/**
 * Serves one stage on stdin and stdout until stdin ends:
 * ```ts
 * await serveProcessor({ stage: 'tree_d', run: async task => buildTree(task.staged_file, task.cache_dir) })
 * ```
 */
export function serveProcessor<S extends StageName>({ stage, run, ...options }: StageProcessor<S>): Promise<void> {
  const declaration = { name: stage, ...STAGES[stage] } as CustomStage<z.ZodType, z.ZodType>
  return serveCustomProcessor(declaration, run as (task: unknown, context: TaskContext) => Promise<unknown>, options)
}

/** The same for a stage that only your parent and you know. */
export async function serveCustomProcessor<T extends z.ZodType, O extends z.ZodType>(
  stage: CustomStage<T, O>,
  run: (task: z.output<T>, context: TaskContext) => Promise<z.output<O>>,
  options: ServeOptions = {},
): Promise<void> {
  const output = options.output ?? takeStdout()
  const input = options.input ?? process.stdin
  const log = options.log ?? createProcessorLog(stage.name)
  const parentKnowsMore = (options.env ?? process.env)[PROGRESS_ENV] === '1'
  const ending = new AbortController()
  const running = new Set<Promise<void>>()

  const fail = (id: number, error: unknown): void => {
    const frame = { id, err_msg: errorMessage(error), output: null }
    output.line(JSON.stringify(parentKnowsMore ? { ...frame, err_class: errorClass(error) } : frame))
  }

  const serve = async (id: number, encodedTask: unknown): Promise<void> => {
    const startedAt = performance.now()
    const taskLog = log.child({ request: id })
    let progressAt = Number.NEGATIVE_INFINITY
    try {
      const decoded = z.safeDecode(stage.task, encodedTask as z.input<T>)
      if (!decoded.success) throw new Error(`bad ${stage.name} task: ${z.prettifyError(decoded.error)}`)
      const result = await run(decoded.data, {
        id,
        signal: ending.signal,
        log: taskLog,
        progress: progress => {
          const now = performance.now()
          if (!parentKnowsMore || now - progressAt < PROGRESS_EVERY_MS) return
          progressAt = now
          output.lossyLine(JSON.stringify({ id, progress }))
        },
      })
      output.line(JSON.stringify({ id, err_msg: null, output: z.encode(stage.output, result) }))
      taskLog.info({ tookMs: Math.round(performance.now() - startedAt) }, 'task done')
    } catch (error) {
      if (ending.signal.aborted) return
      taskLog.error({ err: error, tookMs: Math.round(performance.now() - startedAt) }, 'task failed')
      fail(id, error)
    }
  }

  const lines = new LineSplitter({
    onLine: line => {
      if (line.trim() === '') return
      const request = readRequestLine(line)
      if (request.kind === 'request') {
        const task = serve(request.id, request.task).finally(() => running.delete(task))
        running.add(task)
        return
      }
      log.error({ request: request.id, problem: request.problem, start: line.slice(0, 100) }, 'bad request')
      if (request.id !== undefined) fail(request.id, new Error(request.problem))
    },
    onTooLong: (bytes, start) => {
      const { id } = readRequestLine(start)
      log.error({ request: id, bytes, start }, 'a request is too long')
      if (id !== undefined) fail(id, new Error(`the request of ${bytes} bytes is too long`))
    },
  })

  await options.prepare?.()
  output.line(readyLine(stage.name))
  try {
    for await (const chunk of input) lines.push(chunk as Buffer)
  } catch (error) {
    log.error({ err: error }, 'stdin cannot be read')
  }
  const rest = lines.rest()
  if (rest !== undefined) log.error({ start: rest.slice(0, 100) }, 'stdin ended in the middle of a line')
  ending.abort(new Error('the parent closed stdin'))
  await (options.onEnd ?? endProcess)(running)
}

/** How long tasks have to notice that the parent is gone, and to tidy up, before the process ends under them. */
const TIDY_MS = 300

/**
 * The parent is gone: this process has no use any more, and must not go on holding a GPU. `process.exit` waits for threads that are
 * inside a native call, perhaps for an hour, so when work is left over the process kills itself.
 */
async function endProcess(running: ReadonlySet<Promise<void>>): Promise<void> {
  const tidied = Promise.all(running).then(() => true)
  if (running.size === 0 || (await Promise.race([tidied, setTimeout(TIDY_MS, false)]))) process.exit(1)
  process.kill(process.pid, 'SIGKILL')
}
