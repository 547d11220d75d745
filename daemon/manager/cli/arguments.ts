import { InvalidArgumentError } from 'commander'
import { CID } from 'multiformats/cid'
import { Address } from '../../../rpc-schema/wire/address.js'
import { parseFil } from '../../../rpc-schema/wire/token-amount.js'
import type { ListenAddress } from '../../kit/http/http-server.js'

export const DEFAULT_LISTEN = '127.0.0.1:1789'

/** `1000`, `t01000` or `f01000`. */
export function minerArgument(text: string): number {
  if (/^\d+$/.test(text)) return Number(text)
  try {
    return Address.parse(text).id
  } catch {
    throw new InvalidArgumentError('expected a miner, as in 1000, t01000 or f01000.')
  }
}

export function numberArgument(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('expected a whole number.')
  return Number(text)
}

/** Go's way to say a boolean: `--flag`, `--flag=false`. */
export function goBoolean(text: string): boolean {
  if (text === 'true' || text === 'false') return text === 'true'
  throw new InvalidArgumentError('expected true or false.')
}

/** `HOST:PORT`, `[IPV6]:PORT` or `:PORT`, which is every interface. */
export function listenArgument(text: string): ListenAddress {
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(text)
  if (!match) throw new InvalidArgumentError('expected HOST:PORT.')
  return { host: match[1] ?? (match[2] || '0.0.0.0'), port: Number(match[3]) }
}

/** The text of an address to listen on, looked at while the command line is read. */
export function listenText(text: string): string {
  listenArgument(text)
  return text
}

/** Where the commands reach a manager that listens there. */
export function reachableAddress({ host, port }: ListenAddress): string {
  const everywhere = host === '0.0.0.0' || host === '::'
  const name = everywhere ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host
  return `ws://${name}:${port}`
}

/** Collects numbers of a repeatable option, each also as a list with commas. */
export const numbersArgument = (text: string, before: number[] = []): number[] => [
  ...before,
  ...text.split(',').map(numberArgument),
]

export function cidArgument(text: string): CID {
  try {
    return CID.parse(text)
  } catch {
    throw new InvalidArgumentError('expected a CID.')
  }
}

/** Any address, or the number of an actor. */
export function addressArgument(text: string): Address {
  if (/^\d+$/.test(text)) return Address.fromId(Number(text))
  try {
    return Address.parse(text)
  } catch (error) {
    throw new InvalidArgumentError(`expected an address: ${(error as Error).message}.`)
  }
}

/** `1.5`, `1.5 FIL`, `10 nanoFIL`; attoFIL. */
export function filArgument(text: string): bigint {
  try {
    const amount = parseFil(text)
    if (amount >= 0n) return amount
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message)
  }
  throw new InvalidArgumentError('expected an amount that is not negative.')
}
