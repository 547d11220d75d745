import http from 'node:http'
import type { AddressInfo } from 'node:net'

/** A call that is being held: `before` the server has seen it, or `after` it has acted and before the caller hears of it. */
export interface HeldCall {
  readonly method: string
  readonly when: 'before' | 'after'
  /** Lets the call go on. */
  release(): void
  /** Breaks the caller's connection: a call held `before` never reaches the server, the answer of one held `after` is lost. */
  cut(): void
}

interface Trap {
  method: string
  when: 'before' | 'after'
  caught(call: HeldCall): void
}

/** A JSON-RPC proxy over HTTP that can hold one call at either side of its effect, and keep calls back until they are wanted. */
export class GateProxy {
  readonly #target: () => string
  readonly #traps: Trap[] = []
  readonly #server: http.Server
  /** How often each method has passed, e.g. `Venus.SubmitPreCommit`. */
  readonly calls = new Map<string, number>()
  address = ''
  readonly #shut = new Set<string>()
  #shutAll = false
  #reopened: (() => void)[] = []

  /** `target`: origin of the server, asked anew for each call since it may move when it restarts. */
  constructor(target: () => string) {
    this.#target = target
    this.#server = http.createServer((request, response) => void this.#forward(request, response))
  }

  async listen(): Promise<string> {
    await new Promise<void>(resolve => this.#server.listen(0, '127.0.0.1', resolve))
    this.address = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
    return this.address
  }

  /** Resolves when the next call of the method is held. */
  hold(method: string, when: 'before' | 'after'): Promise<HeldCall> {
    return new Promise(caught => this.#traps.push({ method, when, caught }))
  }

  /** From now on calls of this method (all methods when none is given) wait at the gate. */
  shut(method?: string): void {
    if (method === undefined) this.#shutAll = true
    else this.#shut.add(method)
  }

  /** Lets waiting calls of this method (of all that are not shut by name) come in. */
  open(method?: string): void {
    if (method === undefined) this.#shutAll = false
    else this.#shut.delete(method)
    for (const resume of this.#reopened.splice(0)) resume()
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise(resolve => this.#server.close(resolve))
  }

  async #forward(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
    const body = Buffer.concat(chunks)
    const method = methodOf(body)
    this.calls.set(method, (this.calls.get(method) ?? 0) + 1)
    while (this.#shutAll || this.#shut.has(method)) {
      await new Promise<void>(resume => this.#reopened.push(resume))
      if (response.destroyed) return
    }
    if (!(await this.#gate(method, 'before', response))) return
    const answer = await this.#pass(request, body).catch(() => undefined)
    if (answer === undefined) return void response.destroy()
    if (!(await this.#gate(method, 'after', response))) return
    response.writeHead(answer.status, answer.headers).end(answer.body)
  }

  /** False when the call was cut. */
  #gate(method: string, when: 'before' | 'after', response: http.ServerResponse): Promise<boolean> {
    const index = this.#traps.findIndex(trap => trap.method === method && trap.when === when)
    if (index < 0) return Promise.resolve(true)
    const [trap] = this.#traps.splice(index, 1)
    return new Promise(resolve => {
      const cut = (): void => {
        response.destroy()
        resolve(false)
      }
      response.once('close', () => resolve(false))
      trap!.caught({ method, when, release: () => resolve(true), cut })
    })
  }

  #pass(
    request: http.IncomingMessage,
    body: Buffer,
  ): Promise<{ status: number; headers: http.IncomingHttpHeaders; body: Buffer }> {
    return new Promise((resolve, reject) => {
      const onward = http.request(
        new URL(request.url ?? '/', this.#target()),
        { method: request.method, headers: { ...request.headers, connection: 'close' } },
        answer => {
          const chunks: Buffer[] = []
          answer.on('data', chunk => chunks.push(chunk))
          answer.on('error', reject)
          answer.on('end', () =>
            resolve({ status: answer.statusCode!, headers: answer.headers, body: Buffer.concat(chunks) }),
          )
        },
      )
      onward.on('error', reject)
      onward.end(body)
    })
  }
}

function methodOf(body: Buffer): string {
  try {
    return (JSON.parse(body.toString('utf8')) as { method: string }).method
  } catch {
    return ''
  }
}
