/** A piece: its commitment and unpadded bytes. */
export interface Piece {
  readonly commitment: Uint8Array
  readonly size: number
}

/** Which sector with which proof. Proof types go by the proofs library's names. */
export interface SectorIdentity {
  readonly sealProof: string
  readonly proverId: Uint8Array
  readonly sectorId: number
  readonly ticket: Uint8Array
}

export interface SealedFiles {
  readonly cacheDir: string
  readonly sealedPath: string
}

export interface SealedSector extends SectorIdentity, SealedFiles {
  readonly commR: Uint8Array
  readonly commD: Uint8Array
  readonly pieces: readonly Piece[]
}

export interface PoStReplicas {
  readonly proofType: string
  readonly proverId: Uint8Array
  readonly randomness: Uint8Array
  readonly replicas: readonly (SealedFiles & { readonly sectorId: number; readonly commR: Uint8Array })[]
}

export interface UpdateFiles {
  readonly updateProof: string
  readonly replicaPath: string
  readonly replicaCacheDir: string
  readonly keyPath: string
  readonly keyCacheDir: string
}

export interface UpdateCommitments {
  readonly commROld: Uint8Array
  readonly commRNew: Uint8Array
  readonly commDNew: Uint8Array
}

/** An output of the proofs library that is carried from one call to the next unread. */
export interface PhaseOutput {
  registered_proof: string
  [key: string]: unknown
}

/** What the stages need of the proofs library: every call runs off the event loop and cannot be stopped. */
export interface StageProver {
  /**
   * Appends one piece to the staged file, padded and aligned behind those that are in it; data that is shorter than the piece is filled
   * up with zeros, no data is all zeros. `size` and `existingPieceSizes` are unpadded bytes.
   */
  addPiece(request: {
    readonly sealProof: string
    readonly dataPath: string | undefined
    readonly size: number
    readonly stagedPath: string
    readonly existingPieceSizes: readonly number[]
  }): Promise<Piece>
  treeD(request: { readonly sealProof: string; readonly stagedPath: string; readonly cacheDir: string }): Promise<void>
  pc1(
    request: SectorIdentity & SealedFiles & { readonly stagedPath: string; readonly pieces: readonly Piece[] },
  ): Promise<PhaseOutput>
  pc2(request: SealedFiles & { readonly pc1: PhaseOutput }): Promise<{ commR: Uint8Array; commD: Uint8Array }>
  synth(request: SealedSector): Promise<void>
  c1(request: SealedSector & { readonly seed: Uint8Array }): Promise<PhaseOutput>
  c2(request: {
    readonly c1: PhaseOutput
    readonly proverId: Uint8Array
    readonly sectorId: number
  }): Promise<Uint8Array>
  clearCache(request: {
    readonly sealProof: string
    readonly cacheDir: string
    readonly synthetic: boolean
  }): Promise<void>
  unseal(
    request: SectorIdentity &
      SealedFiles & {
        readonly outputPath: string
        readonly commD: Uint8Array
        readonly offset: number
        readonly size: number
      },
  ): Promise<number>
  windowPoSt(request: PoStReplicas): Promise<readonly Uint8Array[]>
  winningPoSt(request: PoStReplicas): Promise<readonly Uint8Array[]>
  updateEncode(
    request: UpdateFiles & { readonly stagedPath: string; readonly pieces: readonly Piece[] },
  ): Promise<{ commRNew: Uint8Array; commRLastNew: Uint8Array; commDNew: Uint8Array }>
  updateVanilla(request: UpdateFiles & UpdateCommitments): Promise<readonly Uint8Array[]>
  updateProve(
    request: UpdateCommitments & { readonly updateProof: string; readonly vanillaProofs: readonly Uint8Array[] },
  ): Promise<Uint8Array>
}
