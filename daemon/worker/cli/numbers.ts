import { InvalidArgumentError } from 'commander'
import { parseByteSize } from '../../kit/config/byte-size.js'

/** `0`, `17` */
export function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('expected a whole number.')
  return Number(text)
}

/** Seconds, also parts of one, as ms. */
export function seconds(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !(value >= 0.1 && value <= 86_400)) {
    throw new InvalidArgumentError('expected a number of seconds, 0.1 or more.')
  }
  return value * 1_000
}

/** `32GiB` as bytes. */
export function byteSize(text: string): number {
  try {
    return parseByteSize(text)
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message)
  }
}
