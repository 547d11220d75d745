import type { Duplex } from 'node:stream'

const GRACE_MS = 2_000

/** Answers a request for another protocol with no, and lets go of the socket, which Node leaves half open and unread. */
export function turnAway(socket: Duplex, status: '401 Unauthorized' | '404 Not Found'): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
  socket.resume()
  const cut = setTimeout(() => socket.destroy(), GRACE_MS)
  cut.unref()
  socket.once('close', () => clearTimeout(cut))
}
