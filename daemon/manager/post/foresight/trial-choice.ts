/** Chooses among sectors by the stores that they are in: as many stores as possible, and of each as many as of the others. `most` 0: all. */
export function trialSectors<S>(
  sectors: readonly S[],
  storeOf: (sector: S) => string,
  most: number,
  random: () => number,
): S[] {
  if (most === 0 || sectors.length <= most) return [...sectors]
  const stores = new Map<string, S[]>()
  for (const sector of shuffled(sectors, random)) {
    const store = storeOf(sector)
    stores.set(store, [...(stores.get(store) ?? []), sector])
  }
  // With more stores than sectors to be read, other stores have their turn another time.
  const queues = shuffled([...stores.values()], random)
  const chosen: S[] = []
  for (let round = 0; chosen.length < most; round++)
    for (const queue of queues) {
      const sector = queue[round]
      if (sector !== undefined && chosen.length < most) chosen.push(sector)
    }
  return chosen
}

/** At most so many, any of them. */
export const someOf = <S>(values: readonly S[], most: number, random: () => number): S[] =>
  values.length <= most ? [...values] : shuffled(values, random).slice(0, most)

function shuffled<S>(values: readonly S[], random: () => number): S[] {
  const mixed = [...values]
  for (let at = mixed.length - 1; at > 0; at--) {
    const other = Math.floor(random() * (at + 1))
    ;[mixed[at], mixed[other]] = [mixed[other]!, mixed[at]!]
  }
  return mixed
}
