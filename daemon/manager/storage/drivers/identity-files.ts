import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { z } from 'zod'
import type { StoreDriver } from './store-driver.js'

/** The file of damocles that describes a store that is found by scanning. */
export const SECTORSTORE_FILE = 'sectorstore.json'
/** Our own, written into a store that has none of the two when it is first used. */
export const IDENTITY_FILE = '.sealyard-store.json'
/** While this file is there, nothing new is put into the store. */
export const READ_ONLY_MARKER = 'readonly.lock'

const Identity = z.object({ ID: z.string().min(1) })

const LONGEST_BYTES = 64 * 1024

/** The id of the store as its own files tell it; undefined when it has none. */
export async function readIdentity(driver: StoreDriver): Promise<string | undefined> {
  for (const file of [SECTORSTORE_FILE, IDENTITY_FILE]) {
    const found = await driver.stat(file, true)
    if (found === undefined) continue
    const content = await text(await driver.read(file, { offset: 0, length: LONGEST_BYTES }))
    try {
      return Identity.parse(JSON.parse(content)).ID
    } catch (error) {
      throw new Error(`${file} of the store cannot be read: expected an object with an ID`, { cause: error })
    }
  }
  return undefined
}

export const writeIdentity = (driver: StoreDriver, id: string): Promise<void> => {
  const content = Buffer.from(`${JSON.stringify({ ID: id })}\n`)
  return driver.write(IDENTITY_FILE, Readable.from([content]), content.length)
}
