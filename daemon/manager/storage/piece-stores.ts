import { createReadStream, createWriteStream } from 'node:fs'
import { open, rename, rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { PieceStoreSettings } from '../config/manager-settings.js'
import { StoreGuard } from './store-guard.js'

export interface OpenPiece {
  readonly sizeBytes: number
  stream(): Readable
}

/** No store takes new pieces: all are read-only or full. */
export class NoPieceStoreError extends Error {
  constructor() {
    super('no piece store has room')
    this.name = 'NoPieceStoreError'
  }
}

/** Directories of pieces, each a file named by its CID. */
export class PieceStores {
  readonly #stores: readonly (PieceStoreSettings & { readonly guard: StoreGuard })[]

  constructor(stores: readonly PieceStoreSettings[]) {
    this.#stores = stores.map(store => ({ ...store, guard: new StoreGuard(store.Name) }))
  }

  /** The piece in the first store that has it, as `<cid>` or `<cid>.car`. */
  async open(cid: string): Promise<OpenPiece | undefined> {
    for (const { Path, guard } of this.#stores) {
      for (const name of [cid, `${cid}.car`]) {
        const found = await guard.touch(`piece ${cid}`, () => openFile(join(Path, name)))
        if (found) return found
      }
    }
    return undefined
  }

  /** Writes a piece into the first store with room; it appears there only when it is complete. */
  async put(name: string, content: Readable, sizeBytes: number): Promise<void> {
    // A store that cannot be looked at does not keep a piece from the next one.
    let problem: unknown = new NoPieceStoreError()
    for (const store of this.#stores) {
      if (store.ReadOnly) continue
      let space: Awaited<ReturnType<typeof statfs>>
      try {
        space = await store.guard.touch('statfs', () => statfs(store.Path))
      } catch (error) {
        problem = error
        continue
      }
      const { bavail, bsize } = space
      if (bavail * bsize <= sizeBytes) continue
      const path = join(store.Path, name)
      const partial = `${path}.${process.pid}.${Date.now()}.partial`
      try {
        await pipeline(content, createWriteStream(partial, { flush: true }))
        return await rename(partial, path)
      } catch (error) {
        await rm(partial, { force: true })
        throw error
      }
    }
    throw problem
  }
}

async function openFile(path: string): Promise<OpenPiece | undefined> {
  const handle = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (handle === undefined) return undefined
  const { size } = await handle.stat()
  await handle.close()
  return { sizeBytes: size, stream: () => createReadStream(path) }
}
