import { z } from 'zod'
import { Address } from '../../../rpc-schema/wire/address.js'
import { parseFil } from '../../../rpc-schema/wire/token-amount.js'

const NANO = 10n ** 9n
const FIL = 10n ** 18n

/** `5 nanoFIL`, `2 FIL`, `7 attoFIL`; nothing for an amount that is not set. */
export function formatFilSetting(amount: bigint | null): string {
  if (amount === null) return ''
  if (amount === 0n) return '0'
  if (amount % FIL === 0n) return `${amount / FIL} FIL`
  return amount % NANO === 0n ? `${amount / NANO} nanoFIL` : `${amount} attoFIL`
}

/** An amount with a unit; empty text is "not set". A bare number is whole FIL. */
export const FilSetting = z.codec(z.union([z.string(), z.number()]), z.bigint().nullable(), {
  decode: (value, context) => {
    if (value === '') return null
    try {
      const amount = parseFil(String(value))
      if (amount >= 0n) return amount
      context.issues.push({ code: 'custom', input: value, message: 'expected an amount that is not negative' })
    } catch (error) {
      context.issues.push({ code: 'custom', input: value, message: (error as Error).message })
    }
    return z.NEVER
  },
  encode: formatFilSetting,
})

function parseAddress(text: string, context: z.core.ParsePayload): Address {
  try {
    return Address.parse(text)
  } catch (error) {
    context.issues.push({ code: 'custom', input: text, message: (error as Error).message })
    return z.NEVER
  }
}

/** An address, its checksum verified; missing and empty text are "not set". */
export const AddressSetting = z.codec(z.string().optional(), z.custom<Address | null>(), {
  decode: (text, context) => (text === undefined || text === '' ? null : parseAddress(text, context)),
  encode: address => address?.toJSON(),
})

/** Addresses of which empty ones are left out; null when the key is missing. */
export const AddressListSetting = z.codec(z.array(z.string()).optional(), z.custom<Address[] | null>(), {
  decode: (texts, context) => texts?.filter(text => text !== '').map(text => parseAddress(text, context)) ?? null,
  encode: addresses => addresses?.map(address => address.toJSON()),
})
