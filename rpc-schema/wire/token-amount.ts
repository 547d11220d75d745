import { z } from 'zod'

/** attoFIL in one FIL. */
export const FIL = 10n ** 18n

/** attoFIL as decimal text <-> bigint. Go writes a value that was never set as `<nil>`; it decodes to 0. */
export const TokenAmount = z.codec(
  z.string().regex(/^(-?\d+|<nil>)$/, 'expected attoFIL as decimal text'),
  z.bigint(),
  { decode: text => (text === '<nil>' ? 0n : BigInt(text)), encode: amount => amount.toString() },
)
export type TokenAmount = z.output<typeof TokenAmount>

/** Decimal places of each unit, by lower-case name. */
const UNITS: Record<string, number> = {
  fil: 18,
  millifil: 15,
  mfil: 15,
  microfil: 12,
  ufil: 12,
  μfil: 12,
  nanofil: 9,
  nfil: 9,
  picofil: 6,
  pfil: 6,
  femtofil: 3,
  ffil: 3,
  attofil: 0,
  afil: 0,
}

const AMOUNT = /^([+-]?)(\d*)(?:\.(\d*))?\s*(\p{L}*)$/u
/** Longer text is no amount of money. */
const MAX_TEXT = 60

/** attoFIL of `1.5 FIL`, `10 nanoFIL`, `5 attoFIL`, `1.5` (whole FIL). Throws a RangeError that tells what is wrong. */
export function parseFil(text: string): bigint {
  const fail = (reason: string): never => {
    throw new RangeError(`FIL amount ${JSON.stringify(text.slice(0, MAX_TEXT))}: ${reason}`)
  }
  if (text.length > MAX_TEXT) return fail('too long')
  const match = AMOUNT.exec(text.trim())
  if (match === null) return fail('expected a number and an optional unit, as in "1.5 FIL" or "10 nanoFIL"')
  const [, sign, whole = '', fraction = '', unit = ''] = match
  if (whole === '' && fraction === '') return fail('no digits')
  const places = unit === '' ? UNITS.fil! : UNITS[unit.toLowerCase()]
  if (places === undefined)
    return fail(`unknown unit ${unit}, expected FIL, milliFIL, microFIL, nanoFIL, picoFIL, femtoFIL or attoFIL`)
  const digits = fraction.replace(/0+$/, '')
  if (digits.length > places) return fail('finer than one attoFIL')
  const amount = BigInt(whole + digits.padEnd(places, '0'))
  return sign === '-' ? -amount : amount
}

/** `1.5 FIL`, `0 FIL`, `-0.000000000000000001 FIL`: exact, without trailing zeros, as Lotus prints it. */
export function formatFil(amount: bigint): string {
  const magnitude = amount < 0n ? -amount : amount
  const fraction = (magnitude % FIL).toString().padStart(18, '0').replace(/0+$/, '')
  return `${amount < 0n ? '-' : ''}${magnitude / FIL}${fraction === '' ? '' : `.${fraction}`} FIL`
}
