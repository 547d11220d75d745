import { createSocket } from 'node:dgram'
import { lookup } from 'node:dns/promises'

/**
 * The address of the local interface through which a host is reached. Connecting a datagram socket sends nothing, so the other side
 * need not be up. Null when there is no route.
 */
export async function localAddressTowards(host: string, port: number): Promise<string | null> {
  const found = await lookup(host).catch(() => null)
  if (found === null) return null
  return new Promise(resolve => {
    const socket = createSocket(found.family === 6 ? 'udp6' : 'udp4')
    const answer = (address: string | null): void => {
      socket.close()
      resolve(address)
    }
    socket.on('error', () => answer(null))
    socket.connect(port, found.address, () => answer(socket.address().address))
  })
}
