import type http from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { WebSocket } from 'ws'
import { frameText, hasPrepared } from './prepared-json.js'

/** Sends a frame over HTTP. One whose result comes in pieces is written as fast as the caller reads; when that fails on the way the connection is cut. */
export async function sendOverHttp(response: http.ServerResponse, status: number, frame: unknown): Promise<void> {
  if (!hasPrepared(frame)) {
    const body = JSON.stringify(frame)
    response
      .writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
      .end(body)
    return
  }
  response.writeHead(status, { 'content-type': 'application/json' })
  await pipeline(Readable.from(frameText(frame)), response)
}

/** Sockets on which a frame is being sent in pieces, with the end of what waits behind it. */
const busy = new WeakMap<WebSocket, Promise<void>>()
/** How much may wait in a socket before the next piece is made. */
const BUFFERED_BYTES = 4 * 1024 * 1024

/** Sends a frame over a WebSocket; one that comes in pieces is one message in fragments, and what is sent meanwhile waits behind it. */
export function sendOverSocket(socket: WebSocket, frame: unknown): void {
  const before = busy.get(socket)
  if (before === undefined && !hasPrepared(frame)) {
    if (socket.readyState === socket.OPEN) socket.send(JSON.stringify(frame))
    return
  }
  const sending = (before ?? Promise.resolve()).then(() => fragments(socket, frame)).catch(() => socket.terminate())
  busy.set(socket, sending)
  void sending.then(() => {
    if (busy.get(socket) === sending) busy.delete(socket)
  })
}

/** The same; resolves when the next frame may be made: a slow reader of a stream makes its source wait instead of our memory grow. */
export function sentOverSocket(socket: WebSocket, frame: unknown): Promise<void> {
  if (busy.has(socket) || hasPrepared(frame)) {
    sendOverSocket(socket, frame)
    return busy.get(socket) ?? Promise.resolve()
  }
  if (socket.readyState !== socket.OPEN) return Promise.resolve()
  return sent(socket, JSON.stringify(frame), true).catch(() => socket.terminate())
}

async function fragments(socket: WebSocket, frame: unknown): Promise<void> {
  for await (const text of frameText(frame)) {
    if (socket.readyState !== socket.OPEN) return
    await sent(socket, text, false)
  }
  if (socket.readyState === socket.OPEN) await sent(socket, '', true)
}

function sent(socket: WebSocket, text: string, fin: boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    // A reader that is slow holds the sender up; one that is not costs no waiting.
    const full = socket.bufferedAmount > BUFFERED_BYTES
    socket.send(text, { fin }, error => (error ? reject(error) : full && resolve()))
    if (!full) resolve()
  })
}
