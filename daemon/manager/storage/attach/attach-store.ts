import type { IndexPart, IndexRepository } from '../index-repository.js'
import type { IndexKind } from '../sector-index.js'
import { type FoundSector, scanTree, type TreeScanOptions } from './tree-scan.js'

/** Sectors that are written at a time. */
const BATCH = 2_000

export type AttachOptions = Omit<TreeScanOptions, 'onFound'> & {
  /** The store's name, by which the index knows it. */
  name: string
  index: IndexRepository
  onFound?(found: FoundSector): void
}

/** Writes into the index where the sectors of a tree are; what it said of them before is replaced. Answers what was found. */
export async function attachStore(options: AttachOptions): Promise<{ total: number; found: number }> {
  const { name, index, onFound, ...scan } = options
  const waiting: Record<IndexKind, IndexPart[]> = { normal: [], upgrade: [] }
  let writing: Promise<void> = Promise.resolve()
  const write = (kind: IndexKind): Promise<void> => {
    const parts = waiting[kind]
    waiting[kind] = []
    writing = writing.then(() => index.putParts(kind, parts))
    return writing
  }
  const result = await scanTree({
    ...scan,
    onFound: async found => {
      onFound?.(found)
      const { sid, kind, sealed, cache } = found
      waiting[kind].push({ sid, ...(sealed && { sealed: name }), ...(cache && { cache: name }) })
      if (waiting[kind].length >= BATCH) await write(kind)
    },
  })
  await write('normal')
  await write('upgrade')
  return result
}
