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

/** What two processes must not have at once. */
export interface Lockable {
  readonly what: string
  readonly holderFile: string
  readonly guardFile: string
  readonly advice: string
}

const SEALING_STORE: Lockable = {
  what: 'sealing store',
  holderFile: HOLDER_FILE,
  guardFile: GUARD_FILE,
  advice: 'two workers must not share a store (stop that process, or give this thread another location)',
}

/** Stores this process has open: a process's own identity in the file says nothing about its other threads. */
const openHere = new Set<string>()

/** Takes the store for this process. Throws a SealError that names the living holder; a dead one is replaced. */
export const lockStore = (root: string): Promise<() => Promise<void>> => lockDirectory(root, SEALING_STORE)

/** As {@link lockStore}, for another kind of directory. */
export async function lockDirectory(root: string, kind: Lockable): Promise<() => Promise<void>> {
  const holder = join(root, kind.holderFile)
  if (openHere.has(holder)) throw new SealError('critical', `${kind.what} ${root} is already open in this process`)
  openHere.add(holder)
  try {
    await takeOver(root, kind)
  } catch (error) {
    openHere.delete(holder)
    throw error
  }
  return async () => {
    if (!openHere.delete(holder)) return
    // Someone may have laid the store out anew, or given it to another worker, by hand.
    if (isDeepStrictEqual(parseIdentity((await readIfThere(holder)) ?? ''), thisProcess())) await writeFile(holder, '')
  }
}

async function takeOver(root: string, kind: Lockable): Promise<void> {
  const me = thisProcess()
  const guard = join(root, kind.guardFile)
  await takeGuard(`${kind.what} ${root}`, guard, me)
  try {
    const holder = parseIdentity((await readIfThere(join(root, kind.holderFile))) ?? '')
    if (holder !== undefined && holder.pid !== me.pid && isAlive(holder))
      throw new SealError('critical', `${kind.what} ${root} is in use by process ${holder.pid}: ${kind.advice}`)
    await writeDurably(join(root, kind.holderFile), `${JSON.stringify(me)}\n`)
  } finally {
    await rm(guard, { force: true })
  }
}

async function takeGuard(what: string, guard: string, me: ProcessIdentity): Promise<void> {
  for (const attempt of ['first', 'last'] as const) {
    try {
      await writeFile(guard, JSON.stringify(me), { flag: 'wx' })
      return
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const holder = parseIdentity((await readIfThere(guard)) ?? '')
    if (attempt === 'last' || (holder !== undefined && isAlive(holder))) {
      throw new SealError('critical', `${what} is just being opened by another process`)
    }
    await rm(guard, { force: true })
  }
}
