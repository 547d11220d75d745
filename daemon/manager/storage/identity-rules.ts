/** What is known of a store when it is decided whether it is the one it is taken for. */
export interface IdentityFacts {
  /** From the database: what it was when it was used last. */
  readonly remembered: string | undefined
  /** By its own files. */
  readonly found: string | undefined
  /** Another store of the configuration that has this identity. */
  readonly sameAs: string | undefined
  /** The index says that files of sectors are in it. */
  readonly holdsSectors: boolean
  /** There is nothing in the directory. */
  readonly empty: boolean
  /** A mount point of /etc/fstab, at or above it, where nothing is mounted. */
  readonly unmounted: string | undefined
}

export type IdentityVerdict =
  /** It is the one. */
  | { readonly kind: 'known' }
  /** Its id is to be remembered from now on. */
  | { readonly kind: 'remember'; readonly why?: string }
  /** It gets an id. */
  | { readonly kind: 'create' }
  /** It is not used, neither read nor written nor deleted in. */
  | { readonly kind: 'refuse'; readonly why: string }

type Rule = (facts: IdentityFacts) => IdentityVerdict | undefined

const refuse = (why: string): IdentityVerdict => ({ kind: 'refuse', why })

const ACCEPT = 'if that is right, run `damocles-manager util storage accept NAME`'

/** The first rule that answers decides. */
const RULES: readonly Rule[] = [
  ({ found, sameAs }) =>
    found !== undefined && sameAs !== undefined
      ? refuse(`it has the same id as the store ${sameAs}: one of them was copied, or both are one directory`)
      : undefined,
  ({ found, remembered }) => (found !== undefined && found === remembered ? { kind: 'known' } : undefined),
  ({ found, unmounted }) =>
    found === undefined && unmounted !== undefined
      ? refuse(`/etc/fstab mounts something at ${unmounted}, and nothing is mounted there`)
      : undefined,
  ({ found, remembered, empty }) =>
    found === undefined && remembered !== undefined
      ? refuse(
          `it does not hold the identity file it had before${empty ? ' and is empty' : ''}: is it mounted? Otherwise, ${ACCEPT}`,
        )
      : undefined,
  ({ found, remembered, holdsSectors }) =>
    found !== undefined && remembered !== undefined && holdsSectors
      ? refuse(`another store is there than before: its id is ${found}, not ${remembered}; ${ACCEPT}`)
      : undefined,
  ({ found, remembered }) =>
    found !== undefined
      ? {
          kind: 'remember',
          ...(remembered !== undefined && { why: 'another store than before, but no sector was in that one' }),
        }
      : undefined,
  ({ holdsSectors, empty }) =>
    holdsSectors && empty
      ? refuse(`the index says that sectors are in it, and it is empty: is it mounted? Otherwise, ${ACCEPT}`)
      : undefined,
]

/** Whether a store is the one that its name stands for. An empty mount point must never pass for a store that has lost its files. */
export function judgeIdentity(facts: IdentityFacts): IdentityVerdict {
  for (const rule of RULES) {
    const verdict = rule(facts)
    if (verdict !== undefined) return verdict
  }
  return { kind: 'create' }
}
