import { connect, type Socket } from 'node:net'

/** Who asks and waits for the answer. */
export interface Caller {
  call(method: string, params: readonly unknown[]): Promise<unknown>
  close(): unknown
}

const HEAD_END = '\r\n\r\n'

/**
 * JSON-RPC over one kept-alive connection of HTTP, with as little work as possible: `node:http` and `fetch` cost the client more than the call costs the
 * server, and on a machine of few cores a bench would then measure itself. One call at a time; an answer has a `content-length`.
 */
export class RawHttp implements Caller {
  readonly #socket: Socket
  readonly #head: string
  #received = ''
  #waiting: { resolve(body: string): void; reject(error: Error): void } | undefined

  constructor(url: string) {
    const { hostname, port, pathname, host } = new URL(url)
    this.#head = `POST ${pathname} HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\ncontent-length: `
    this.#socket = connect(Number(port), hostname).setNoDelay().setEncoding('latin1')
    this.#socket.on('data', text => this.#read(String(text)))
    this.#socket.on('error', error => this.#waiting?.reject(error))
    this.#socket.on('close', () => this.#waiting?.reject(new Error('the connection was closed')))
  }

  async call(method: string, params: readonly unknown[]): Promise<unknown> {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })
    const answer = await new Promise<string>((resolve, reject) => {
      this.#waiting = { resolve, reject }
      this.#socket.write(`${this.#head}${Buffer.byteLength(body)}${HEAD_END}${body}`)
    })
    const { error, result } = JSON.parse(answer)
    if (error !== undefined) throw new Error(`${method}: ${error.message}`)
    return result
  }

  close(): void {
    this.#waiting = undefined
    this.#socket.destroy()
  }

  #read(text: string): void {
    this.#received += text
    const end = this.#received.indexOf(HEAD_END)
    if (end < 0) return
    const length = Number(/content-length: (\d+)/i.exec(this.#received)?.[1])
    const body = end + HEAD_END.length
    if (this.#received.length < body + length) return
    const answer = this.#received.slice(body, body + length)
    this.#received = ''
    this.#waiting?.resolve(answer)
  }
}
