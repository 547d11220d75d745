import type { Readable } from 'node:stream'
import type { z } from 'zod'
import { PROGRESS_ENV, readyLine } from '../../rpc-schema/processor/frames.js'
import { STAGES, type StageName, type StageOutput, type StageTask } from '../../rpc-schema/processor/stages.js'
import { type EndingReason, endProcess, ProcessorEnding, terminationSignal } from './ending.js'
import { LineSplitter } from './line-splitter.js'
import { createProcessorLog, type Logger } from './processor-log.js'
import { type ProtocolOutput, takeStdout } from './protocol-output.js'
import { readRequestLine } from './request-frame.js'
import { type AnyStageHandler, type CustomStage, runStage, type StageHandler, type TaskContext } from './stage-run.js'
import { errorClass, errorMessage } from './task-error.js'

export type { CustomStage, TaskContext } from './stage-run.js'

const PROGRESS_EVERY_MS = 200
const DEFAULT_TIDY_MS = 300

export interface ServeOptions {
  /** Where requests come from. Default: stdin. */
  readonly input?: Readable
  /** Where answers go. Default: stdout, which is then closed to everything else. */
  readonly output?: ProtocolOutput
  readonly log?: Logger
  readonly env?: NodeJS.ProcessEnv
  /** Before the ready line: load what takes time, place the process. An error ends the processor before it is ready. */
  prepare?(): void | Promise<void>
  /** Aborts when the processor has to end. Default: SIGTERM or SIGINT, when it is this process's stdin that is served. */
  readonly stop?: AbortSignal
  /** How long running tasks have to tidy up when the processor ends. Default: 300. A worker kills what needs more than 3,000. */
  readonly tidyMs?: number
  /**
   * What to do at the end (stdin is closed, or `stop`), with the tasks that are still running. Default: give them `tidyMs`, then end
   * this process.
   */
  onEnd?(running: ReadonlySet<Promise<void>>): void | Promise<void>
}

export interface StageProcessor<S extends StageName> extends ServeOptions {
  readonly stage: S
  /**
   * Works on one task; called for many at once. An error becomes the answer: its message, those of its causes, and its class when it
   * is a SealError. Work that computes must leave the event loop free (a thread pool, a child), or no other request is read meanwhile.
   */
  run(task: StageTask<S>, context: TaskContext): StageOutput<S> | Promise<StageOutput<S>>
}

/**
 * Serves one stage on stdin and stdout until stdin ends:
 * ```ts
 * await serveProcessor({ stage: 'tree_d', run: async task => buildTree(task.staged_file, task.cache_dir) })
 * ```
 */
export function serveProcessor<S extends StageName>({ stage, run, ...options }: StageProcessor<S>): Promise<void> {
  return serveCustomProcessor({ name: stage, ...STAGES[stage] } as CustomStage, run as AnyStageHandler, options)
}

/** The same for a stage that only your parent and you know. */
export async function serveCustomProcessor<T extends z.ZodType, O extends z.ZodType>(
  stage: CustomStage<T, O>,
  run: StageHandler<T, O>,
  options: ServeOptions = {},
): Promise<void> {
  const output = options.output ?? takeStdout()
  const input = options.input ?? process.stdin
  const log = options.log ?? createProcessorLog(stage.name)
  const parentKnowsMore = (options.env ?? process.env)[PROGRESS_ENV] === '1'
  const ending = new AbortController()
  const end = (reason: EndingReason): void => {
    if (!ending.signal.aborted) ending.abort(new ProcessorEnding(reason))
  }
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
      const result = await runStage(stage, run, encodedTask, {
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
      output.line(JSON.stringify({ id, err_msg: null, output: result }))
      taskLog.info({ tookMs: Math.round(performance.now() - startedAt) }, 'task done')
    } catch (error) {
      const { reason } = (ending.signal.reason as ProcessorEnding | undefined) ?? {}
      if (reason !== undefined && reason !== 'told to end') return
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
  const stop = options.stop ?? (options.input === undefined ? terminationSignal() : undefined)
  stop?.addEventListener('abort', () => end('told to end'), { once: true })
  if (stop?.aborted) end('told to end')
  output.onBroken(error => {
    log.error({ err: error }, 'stdout cannot be written')
    end('stdout closed')
  })

  output.line(readyLine(stage.name))
  await readUntilEnd(input, chunk => lines.push(chunk), ending.signal, log)
  end('stdin closed')
  const rest = lines.rest()
  if (rest !== undefined) log.error({ start: rest.slice(0, 100) }, 'stdin ended in the middle of a line')
  const { reason } = ending.signal.reason as ProcessorEnding
  if (options.onEnd === undefined) await endProcess(reason, running, options.tidyMs ?? DEFAULT_TIDY_MS)
  else await options.onEnd(running)
}

/** Resolves when nothing more comes from `input`, or when nothing more is wanted. */
async function readUntilEnd(
  input: Readable,
  onChunk: (chunk: Buffer) => void,
  ending: AbortSignal,
  log: Logger,
): Promise<void> {
  await new Promise<void>(resolve => {
    ending.addEventListener('abort', () => resolve(), { once: true })
    if (ending.aborted) return resolve()
    input.once('end', resolve)
    input.once('close', resolve)
    input.once('error', error => {
      log.error({ err: error }, 'stdin cannot be read')
      resolve()
    })
    input.on('data', onChunk)
  })
  input.off('data', onChunk)
  input.pause()
}
