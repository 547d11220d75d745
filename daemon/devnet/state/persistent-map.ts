/** Bits of the hash that one level of the trie takes. */
const BITS = 5
const WIDTH = 1 << BITS
const MAX_SHIFT = 30

interface Leaf<V> {
  readonly key: string
  readonly hash: number
  readonly value: V
}

/** Slots are empty, a leaf, a branch, or (below the last level) several leaves of one hash. */
type Slot<V> = undefined | Leaf<V> | Branch<V> | readonly Leaf<V>[]

class Branch<V> {
  readonly slots: readonly Slot<V>[]
  constructor(slots: readonly Slot<V>[]) {
    this.slots = slots
  }
}

/**
 * An immutable map with text keys: a changed copy shares all but a few small arrays with its origin, so that the state of every
 * tipset of a long window can be kept at the price of what changed in it.
 */
export class PersistentMap<V> {
  static readonly EMPTY = new PersistentMap<never>(new Branch<never>(new Array(WIDTH).fill(undefined)))

  readonly #root: Branch<V>

  private constructor(root: Branch<V>) {
    this.#root = root
  }

  static empty<V>(): PersistentMap<V> {
    return PersistentMap.EMPTY as PersistentMap<V>
  }

  get(key: string): V | undefined {
    const hash = hashOf(key)
    let slot: Slot<V> = this.#root
    for (let shift = 0; slot instanceof Branch; shift += BITS) slot = slot.slots[(hash >>> shift) & (WIDTH - 1)]
    if (slot === undefined) return undefined
    if (Array.isArray(slot)) return (slot as readonly Leaf<V>[]).find(leaf => leaf.key === key)?.value
    return (slot as Leaf<V>).key === key ? (slot as Leaf<V>).value : undefined
  }

  set(key: string, value: V): PersistentMap<V> {
    return new PersistentMap(insert(this.#root, { key, hash: hashOf(key), value }, 0))
  }

  delete(key: string): PersistentMap<V> {
    const root = remove(this.#root, key, hashOf(key), 0)
    return root === this.#root ? this : new PersistentMap((root as Branch<V> | undefined) ?? PersistentMap.EMPTY.#root)
  }

  /** In no particular order. */
  *entries(): Generator<readonly [key: string, value: V], void, undefined> {
    yield* entriesOf(this.#root)
  }
}

/** FNV-1a, 32 bit. */
function hashOf(key: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < key.length; at++) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193)
  // The last characters differ most; spread them over the low bits, which the first level takes.
  hash ^= hash >>> 15
  return hash >>> 0
}

function insert<V>(branch: Branch<V>, leaf: Leaf<V>, shift: number): Branch<V> {
  const index = (leaf.hash >>> shift) & (WIDTH - 1)
  const slots = branch.slots.slice()
  slots[index] = insertAt(slots[index], leaf, shift + BITS)
  return new Branch(slots)
}

function insertAt<V>(slot: Slot<V>, leaf: Leaf<V>, shift: number): Slot<V> {
  if (slot === undefined) return leaf
  if (slot instanceof Branch) return insert(slot, leaf, shift)
  if (Array.isArray(slot)) return [...(slot as readonly Leaf<V>[]).filter(other => other.key !== leaf.key), leaf]
  const other = slot as Leaf<V>
  if (other.key === leaf.key) return leaf
  if (shift > MAX_SHIFT) return [other, leaf]
  return insert(insert(new Branch<V>(new Array(WIDTH).fill(undefined)), other, shift), leaf, shift)
}

function remove<V>(slot: Slot<V>, key: string, hash: number, shift: number): Slot<V> {
  if (slot === undefined) return undefined
  if (slot instanceof Branch) {
    const index = (hash >>> shift) & (WIDTH - 1)
    const before = slot.slots[index]
    const after = remove(before, key, hash, shift + BITS)
    if (after === before) return slot
    const slots = slot.slots.slice()
    slots[index] = after
    return slots.every(rest => rest === undefined) && shift > 0 ? undefined : new Branch(slots)
  }
  if (Array.isArray(slot)) {
    const rest = (slot as readonly Leaf<V>[]).filter(leaf => leaf.key !== key)
    return rest.length === slot.length ? slot : rest.length === 0 ? undefined : rest
  }
  return (slot as Leaf<V>).key === key ? undefined : slot
}

function* entriesOf<V>(slot: Slot<V>): Generator<readonly [string, V], void, undefined> {
  if (slot === undefined) return
  if (slot instanceof Branch) for (const inner of slot.slots) yield* entriesOf(inner)
  else if (Array.isArray(slot)) for (const leaf of slot as readonly Leaf<V>[]) yield [leaf.key, leaf.value]
  else yield [(slot as Leaf<V>).key, (slot as Leaf<V>).value]
}
