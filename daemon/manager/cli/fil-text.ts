import { formatFil } from '../../../rpc-schema/wire/token-amount.js'

const PREFIXES = ['a', 'f', 'p', 'n', 'μ', 'm', ''] as const

/** In the unit that leaves one to three digits before the point, with at most three behind it: `1.5 FIL`, `20 mFIL`, `0`. */
export function shortFil(amount: bigint): string {
  if (amount === 0n) return '0'
  const magnitude = amount < 0n ? -amount : amount
  let unit = 1n
  let prefix = 0
  while (prefix < PREFIXES.length - 1 && magnitude >= unit * 1000n) {
    unit *= 1000n
    prefix += 1
  }
  const thousandths = (magnitude * 1000n + unit / 2n) / unit
  const fraction = String(thousandths % 1000n)
    .padStart(3, '0')
    .replace(/0+$/, '')
  const text = `${thousandths / 1000n}${fraction === '' ? '' : `.${fraction}`} ${PREFIXES[prefix]}FIL`
  return amount < 0n ? `-${text}` : text
}

/** What a fee comes to, without the digits that nobody reads: rounded up to a microFIL. */
export const feeText = (amount: bigint): string => formatFil(((amount + 10n ** 12n - 1n) / 10n ** 12n) * 10n ** 12n)
