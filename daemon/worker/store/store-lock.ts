import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { SealError } from '../../../rpc-schema/seal-error.js'
import { readIfThere, writeDurably } from './durable-file.js'
import { isAlive, type ProcessIdentity, parseIdentity, thisProcess } from './process-identity.js'

/** The marker of a sealing store; while a process has the store open, it holds that process's identity. */
export const HOLDER_FILE = '.holder'
/** Held for the moment in which the holder is looked at and replaced. */
const GUARD_FILE = '.holder.lock'

/** Stores this process has open: a process's own identity in the file says nothing about its other threads. */
const openHere = new Set<string>()

function refusal(root: string, holder: ProcessIdentity): SealError {
  return new SealError(
    'critical',
    `sealing store ${root} is in use by process ${holder.pid}: two workers must not share a store (stop that process, or give this thread another location)`,
  )
}

/** Takes the store for this process. Throws a SealError that names the living holder; a dead one is replaced. */
export async function lockStore(root: string): Promise<() => Promise<void>> {
  if (openHere.has(root)) throw new SealError('critical', `sealing store ${root} is already open in this process`)
  openHere.add(root)
  try {
    await takeOver(root)
  } catch (error) {
    openHere.delete(root)
    throw error
  }
  return async () => {
    if (!openHere.delete(root)) return
    const holder = join(root, HOLDER_FILE)
    // Someone may have laid the store out anew, or given it to another worker, by hand.
    if (isDeepStrictEqual(parseIdentity((await readIfThere(holder)) ?? ''), thisProcess())) await writeFile(holder, '')
  }
}

async function takeOver(root: string): Promise<void> {
  const me = thisProcess()
  const guard = join(root, GUARD_FILE)
  await takeGuard(root, guard, me)
  try {
    const holder = parseIdentity((await readIfThere(join(root, HOLDER_FILE))) ?? '')
    if (holder !== undefined && holder.pid !== me.pid && isAlive(holder)) throw refusal(root, holder)
    await writeDurably(join(root, HOLDER_FILE), `${JSON.stringify(me)}\n`)
  } finally {
    await rm(guard, { force: true })
  }
}

async function takeGuard(root: string, guard: string, me: ProcessIdentity): Promise<void> {
  for (const attempt of ['first', 'last'] as const) {
    try {
      await writeFile(guard, JSON.stringify(me), { flag: 'wx' })
      return
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const holder = parseIdentity((await readIfThere(guard)) ?? '')
    if (attempt === 'last' || (holder !== undefined && isAlive(holder))) {
      throw new SealError('critical', `sealing store ${root} is just being opened by another process`)
    }
    await rm(guard, { force: true })
  }
}
