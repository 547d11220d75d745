import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { ProverMethod, ProverRequest, ProverResult } from '../../../../plugins/prover/calls.js'
import { encodeRequest } from '../../../../plugins/prover/codec.js'
import { decodeResult } from '../../../../plugins/prover/prover.js'
import type { Clock } from '../../../kit/clock.js'
import { programModule } from '../../../kit/program-module.js'
import { ReaderReply, type ReaderRequest } from './reader-protocol.js'

/** Looked for at every start: the programs may have been built anew meanwhile. */
const program = (): string => fileURLToPath(programModule('daemon/worker/wdpost/reading/reader-main.js'))

/** Enough for what one sector has to show, and for the numbers of a partition. */
const HEAP_MIB = 256

/** There was no answer: this tells nothing of the sector. */
export class NoAnswer extends Error {
  constructor(what: string) {
    super(what)
    this.name = 'NoAnswer'
  }
}

interface Waiting {
  readonly id: number
  settle(outcome: ReaderReply | NoAnswer): void
}

/** The native prover in a process that is killed when it does not answer in time: a read of a mount that hangs cannot be ended in any other way. */
export class ReaderProcess {
  readonly #child: ChildProcess
  readonly #clock: Clock
  #waiting: Waiting | undefined
  #lastId = 0
  #gone: string | undefined
  #hasExited = false

  constructor(clock: Clock) {
    this.#clock = clock
    this.#child = fork(program(), [], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      execArgv: [`--max-old-space-size=${HEAP_MIB}`],
    })
    this.#child.on('message', message => {
      const reply = ReaderReply.safeParse(message)
      if (reply.success && reply.data.id === this.#waiting?.id) this.#waiting.settle(reply.data)
    })
    this.#child.on('error', error => this.#end(error.message))
    this.#child.once('exit', (code, signal) => {
      this.#hasExited = true
      this.#end(signal === null ? `it ended with exit code ${code}` : `it was killed by ${signal}`)
    })
    this.#child.unref()
    this.#child.channel?.unref()
  }

  /** It takes no calls any more. */
  get isGone(): boolean {
    return this.#gone !== undefined
  }

  /** It was killed, and the system cannot end it: it waits in the kernel. */
  get isStuck(): boolean {
    return this.isGone && !this.#hasExited
  }

  /** One call at a time. Throws what the prover throws, else NoAnswer; the process is gone then. */
  async call<M extends ProverMethod>(method: M, request: ProverRequest<M>, limitMs: number): Promise<ProverResult<M>> {
    const frame: ReaderRequest = { id: ++this.#lastId, method, request: encodeRequest(request) }
    const outcome = await new Promise<ReaderReply | NoAnswer>(resolve => {
      if (this.#gone !== undefined) return resolve(new NoAnswer(this.#gone))
      const answered = new AbortController()
      this.#clock.sleep(limitMs, answered.signal).then(
        () => this.kill(`${method}: not done within ${Math.round(limitMs)} ms`),
        () => {},
      )
      this.#waiting = {
        id: frame.id,
        settle: found => {
          answered.abort()
          this.#waiting = undefined
          resolve(found)
        },
      }
      this.#child.send(frame, error => {
        if (error) this.kill(`it cannot be asked: ${error.message}`)
      })
    })
    if (outcome instanceof NoAnswer) throw outcome
    if ('error' in outcome) throw new Error(outcome.error)
    return decodeResult(method, outcome.answer)
  }

  kill(why: string): void {
    this.#end(why)
    this.#child.kill('SIGKILL')
  }

  #end(why: string): void {
    this.#gone ??= why
    this.#waiting?.settle(new NoAnswer(why))
  }
}
