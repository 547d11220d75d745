import type { AddressInfo } from 'node:net'
import net from 'node:net'

/** A TCP proxy whose connections can go silent: still open on both sides, but nothing passes any more. */
export class SilentProxy {
  readonly #origin: () => string
  readonly #pairs = new Set<readonly [net.Socket, net.Socket]>()
  readonly #server: net.Server
  /** How many connections have been made. */
  accepted = 0

  /** `origin`: `http://host:port` of the server, or where to look for it when somebody connects. */
  constructor(origin: string | (() => string)) {
    this.#origin = typeof origin === 'string' ? () => origin : origin
    this.#server = net.createServer(socket => this.#accept(socket))
  }

  async listen(): Promise<string> {
    await new Promise<void>(resolve => this.#server.listen(0, '127.0.0.1', resolve))
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** The connections there are now go silent; new ones work. */
  silence(): void {
    for (const [near, far] of this.#pairs) {
      near.unpipe(far)
      far.unpipe(near)
      near.removeAllListeners('data').pause()
      far.removeAllListeners('data').pause()
    }
  }

  async close(): Promise<void> {
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy()
    await new Promise(resolve => this.#server.close(resolve))
  }

  #accept(near: net.Socket): void {
    this.accepted += 1
    const { hostname, port } = new URL(this.#origin())
    const far = net.connect({ host: hostname, port: Number(port) })
    const pair = [near, far] as const
    this.#pairs.add(pair)
    near.pipe(far)
    far.pipe(near)
    for (const socket of pair) {
      socket.on('error', () => {})
      socket.on('close', () => {
        this.#pairs.delete(pair)
        near.destroy()
        far.destroy()
      })
    }
  }
}
