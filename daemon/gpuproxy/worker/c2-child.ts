import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { z } from 'zod'
import { LineSplitter } from '../../../plugins/sdk/line-splitter.js'
import { readyLine } from '../../../rpc-schema/processor/frames.js'
import type { Logger } from '../../kit/log.js'
import { type C2Maker, parseDocument } from './c2-maker.js'

export interface C2ChildOptions {
  bin: string
  args: readonly string[]
  log: Logger
  /** How long until it says that it is ready, ms. */
  readyMs?: number
}

const READY_MS = 60_000
const STOP_MS = 5_000

const Reply = z.object({
  id: z.int(),
  err_msg: z.string().nullish(),
  output: z.object({ proof: z.array(z.number()) }).nullish(),
})

interface Waiting {
  resolve(proof: Uint8Array): void
  reject(error: Error): void
}

/** Any program that speaks the processor protocol for the stage `c2`: started when it is needed, again after it died. */
export function c2Child(options: C2ChildOptions): C2Maker {
  let running: Promise<Running> | undefined
  const child = (): Promise<Running> => {
    running ??= Running.start(options, () => {
      running = undefined
    }).catch((error: unknown) => {
      running = undefined
      throw error
    })
    return running
  }
  return {
    prove: async document => {
      const { prover_id, sector_id, miner_id = 0, c1out } = parseDocument(document)
      return (await child()).ask({ c1out, prover_id, sector_id, miner_id })
    },
    close: async () => (await running?.catch(() => undefined))?.stop(),
  }
}

/** One life of the child. */
class Running {
  readonly #child: ChildProcessWithoutNullStreams
  readonly #waiting = new Map<number, Waiting>()
  readonly #ended: Promise<string>
  #lastId = 0
  #lastWords = ''

  private constructor({ bin, args, log }: C2ChildOptions, onEnd: () => void) {
    this.#child = spawn(bin, [...args], { stdio: ['pipe', 'pipe', 'pipe'] })
    this.#ended = new Promise(resolve => {
      this.#child.once('error', error => resolve(error.message))
      this.#child.once('exit', (code, signal) => resolve(signal === null ? `exit code ${code}` : `signal ${signal}`))
    })
    this.#child.stdin.on('error', () => {})
    this.#child.stderr.on('data', (chunk: Buffer) => {
      this.#lastWords = `${this.#lastWords}${chunk}`.slice(-2_000)
      log.debug({ bin }, String(chunk).trimEnd())
    })
    void this.#ended.then(how => {
      onEnd()
      const lines = this.#lastWords.trim().split('\n').slice(-3).join('\n')
      for (const { reject } of this.#waiting.values())
        reject(new Error(`${bin} ended with ${how}${lines ? `: ${lines}` : ''}`))
      this.#waiting.clear()
    })
  }

  static async start(options: C2ChildOptions, onEnd: () => void): Promise<Running> {
    const running = new Running(options, onEnd)
    try {
      await running.#ready(options)
      return running
    } catch (error) {
      await running.stop()
      throw error
    }
  }

  ask(task: object): Promise<Uint8Array> {
    const id = ++this.#lastId
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#child.stdin.write(`${JSON.stringify({ id, task })}\n`)
    })
  }

  async stop(): Promise<void> {
    const kill = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS)
    this.#child.stdin.end()
    this.#child.kill('SIGTERM')
    await this.#ended
    clearTimeout(kill)
  }

  #ready({ bin, readyMs = READY_MS }: C2ChildOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`${bin} was not ready within ${readyMs} ms`)), readyMs)
      void this.#ended.then(how => reject(new Error(`${bin} did not start: ${how}`)))
      let isReady = false
      const onLine = (line: string): void => {
        if (isReady) {
          this.#reply(line)
          return
        }
        clearTimeout(late)
        isReady = line.trim() === readyLine('c2')
        if (isReady) resolve()
        else reject(new Error(`${bin} is no c2 processor: it said ${JSON.stringify(line.slice(0, 100))}`))
      }
      const splitter = new LineSplitter({ onLine })
      this.#child.stdout.on('data', (chunk: Buffer) => splitter.push(chunk))
    })
  }

  #reply(line: string): void {
    let reply: z.infer<typeof Reply>
    try {
      reply = Reply.parse(JSON.parse(line))
    } catch {
      return
    }
    const waiting = this.#waiting.get(reply.id)
    this.#waiting.delete(reply.id)
    if (reply.output) waiting?.resolve(Uint8Array.from(reply.output.proof))
    else waiting?.reject(new Error(reply.err_msg || 'output field lost'))
  }
}
