import { SEALING_WAY } from './way.js'

/**
 * What a stage worker can be told to do, in the words of the field.
 *
 * | kind     | does                                                   | needs of the sector's files      |
 * |----------|--------------------------------------------------------|----------------------------------|
 * | AP       | adds pieces, builds the tree of the data               | `new`: room for the whole sector |
 * | PC1      | draws the ticket, computes the layers                  | `all`                            |
 * | PC2      | builds the trees, encodes the replica                  | `all`                            |
 * | WAIT     | hands in to the manager, waits for the chain           | `none`                           |
 * | C1       | answers the challenges                                 | `all`                            |
 * | C2       | computes the proof                                     | `outputs`: what C1 has answered  |
 * | FINALIZE | brings what the network's proofs need to a store       | `sealed`: the replica, its trees |
 */
export const STAGE_KINDS = ['AP', 'PC1', 'PC2', 'WAIT', 'C1', 'C2', 'FINALIZE'] as const
export type StageKind = (typeof STAGE_KINDS)[number]

export type FilesNeeded = 'none' | 'new' | 'all' | 'outputs' | 'sealed'

export const FILES_NEEDED: Readonly<Record<StageKind, FilesNeeded>> = {
  AP: 'new',
  PC1: 'all',
  PC2: 'all',
  WAIT: 'none',
  C1: 'all',
  C2: 'outputs',
  FINALIZE: 'sealed',
}

/** The task that carries a sector on in a state; undefined for a state that no stage worker knows. */
export const kindOfState = (state: string): StageKind | undefined =>
  Object.hasOwn(SEALING_WAY, state) ? SEALING_WAY[state as keyof typeof SEALING_WAY] : undefined
