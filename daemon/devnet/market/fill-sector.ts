/** A piece in the order of the sector: one of the deals, or zeros. */
export interface Placed<D> {
  readonly deal: D | null
  readonly size: number
  /** Padded bytes from the start of the sector. */
  readonly offset: number
}

export interface FillLimits {
  /** 0: no limit. */
  readonly maxPieces: number
  readonly minUsedBytes: number
}

/** Lowest set bit: the largest piece that may begin where so much is left. */
const slotAt = (rest: number): number => {
  let slot = 1
  while (rest % (slot * 2) === 0) slot *= 2
  return slot
}

/**
 * Puts deals, in the order they come, into a sector, each aligned to its own size, with pieces of zeros between and behind them.
 * Nothing when they use less than the least.
 */
export function fillSector<D extends { readonly pieceSize: number }>(
  sectorSize: number,
  deals: readonly D[],
  limits: FillLimits,
): Placed<D>[] {
  const placed: Placed<D>[] = []
  let rest = sectorSize
  let used = 0
  let count = 0
  const place = (deal: D | null, size: number): void => {
    placed.push({ deal, size, offset: sectorSize - rest })
    rest -= size
  }
  for (const deal of deals) {
    if ((limits.maxPieces > 0 && count >= limits.maxPieces) || deal.pieceSize > rest) break
    while (slotAt(rest) < deal.pieceSize) place(null, slotAt(rest))
    place(deal, deal.pieceSize)
    used += deal.pieceSize
    count += 1
  }
  if (count === 0 || used < limits.minUsedBytes) return []
  while (rest > 0) place(null, slotAt(rest))
  return placed
}
