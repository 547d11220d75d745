import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AddedPiece, PhaseOutput, Piece } from '../../../plugins/prover/calls.js'
import { prover } from '../../../plugins/prover/prover.js'

export const SEAL_PROOF = 'StackedDrg2KiBV1_1'
export const WINDOW_PROOF = 'StackedDrgWindow2KiBV1_2'
export const WINNING_PROOF = 'StackedDrgWinning2KiBV1'
export const UPDATE_PROOF = 'StackedDrg2KiBV1'

/** commP of 2032 zero bytes, which is commD of a 2 KiB sector without data. */
export const ZERO_COMM_D = 'fc7e928296e516faade986b28f92d44a4f24b935485223376a799027bc18f833'

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** 32 equal bytes, but a field element: the last one is zero. */
export const filled = (byte: number): Uint8Array => new Uint8Array(32).fill(byte, 0, 31)

/** Prover id of actor t01000: LEB128 of 1000. */
export const PROVER_ID = Uint8Array.from({ length: 32 }, (_, i) => [0xe8, 0x07][i] ?? 0)

/** A 2 KiB sector on its way through the stages, in a directory of its own. */
export class SectorOnDisk {
  readonly directory = mkdtempSync(join(tmpdir(), 'sealyard-sector-'))
  readonly stagedPath = join(this.directory, 'staged')
  readonly sealedPath = join(this.directory, 'sealed')
  readonly cacheDir = join(this.directory, 'cache')
  readonly sealProof: string
  readonly sectorId: number
  readonly proverId = PROVER_ID
  readonly ticket = filled(1)
  readonly seed = filled(2)
  pieces: Piece[] = []
  commR = new Uint8Array(32)
  commD = new Uint8Array(32)

  constructor(sectorId: number, sealProof = SEAL_PROOF) {
    this.sectorId = sectorId
    this.sealProof = sealProof
  }

  path(name: string): string {
    return join(this.directory, name)
  }

  /** Appends a piece with these bytes, or one of zeros. */
  addPiece(size: number, payload?: Uint8Array): AddedPiece {
    const request = {
      sealProof: this.sealProof,
      size,
      stagedPath: this.stagedPath,
      existingPieceSizes: this.pieces.map(piece => piece.size),
    }
    if (payload === undefined) return this.#added(prover.addPiece(request))
    const dataPath = this.path(`piece-${this.pieces.length}`)
    writeFileSync(dataPath, payload)
    return this.#added(prover.addPiece({ ...request, dataPath }))
  }

  #added(added: AddedPiece): AddedPiece {
    this.pieces.push(added.piece)
    return added
  }

  get identity() {
    const { sealProof, proverId, sectorId, ticket } = this
    return { sealProof, proverId, sectorId, ticket }
  }

  get files() {
    const { cacheDir, sealedPath } = this
    return { cacheDir, sealedPath }
  }

  get replica() {
    return { sectorId: this.sectorId, commR: this.commR, ...this.files }
  }

  get statement() {
    const { seed, commR, commD } = this
    return { ...this.identity, seed, commR, commD }
  }

  get sealed() {
    const { commR, commD, pieces } = this
    return { ...this.identity, ...this.files, commR, commD, pieces }
  }

  pc1(): PhaseOutput {
    const { stagedPath, pieces } = this
    return prover.pc1({ ...this.identity, ...this.files, stagedPath, pieces })
  }

  /** Through PC2; a piece of zeros when there is none yet. */
  preCommit(): this {
    if (this.pieces.length === 0) this.addPiece(2032)
    const output = prover.pc2({ ...this.files, phase1Output: this.pc1() })
    this.commR = Uint8Array.from(output.commR)
    this.commD = Uint8Array.from(output.commD)
    return this
  }

  c1(): PhaseOutput {
    return prover.c1({ ...this.sealed, seed: this.seed })
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true })
  }
}
