/**
 * The calls of the proofs library, each with its request and its result.
 *
 * Proofs go by the library's names: seal proofs `StackedDrg2KiBV1_1`, PoSt proofs `StackedDrgWindow2KiBV1_2`, update proofs
 * `StackedDrg2KiBV1` (see rpc-schema/wire/proof-types.ts). Commitments, tickets, seeds, randomness and prover ids have 32 bytes; a prover id
 * is the LEB128 of the actor id, filled up with zeros. Sizes and offsets are unpadded bytes (127 of 128) where nothing else is said.
 * Paths are absolute.
 */

/** A piece: its commitment and unpadded size, 127 * 2^n. */
export interface Piece {
  readonly commitment: Uint8Array
  readonly size: number
}

/** Which sector, sealed how. */
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

/** Output of a phase, carried to the next one unread. It is the JSON that damocles processors exchange. */
export interface PhaseOutput {
  registered_proof: string
  [key: string]: unknown
}

export interface AddPieceRequest {
  readonly sealProof: string
  /** File or pipe with the payload; zeros fill the rest of the piece. Absent: a piece of zeros. */
  readonly dataPath?: string
  /** Bytes of the payload, when the file has more. */
  readonly dataBytes?: number
  readonly size: number
  /** Is appended to, made when absent. Zeros behind a payload become a hole. */
  readonly stagedPath: string
  /** Sizes of the pieces that are in the staged file. */
  readonly existingPieceSizes: readonly number[]
  readonly generator?: Generator
}

/** `stock` is the library's own single-threaded function, for comparison; `fast` (the default) takes all cores. */
export type Generator = 'fast' | 'stock'

export interface AddedPiece {
  readonly piece: Piece
  /** With the alignment before and after. */
  readonly bytesWritten: number
}

export interface Pc1Request extends SectorIdentity, SealedFiles {
  readonly stagedPath: string
  readonly pieces: readonly Piece[]
}

export interface Pc2Request extends SealedFiles {
  readonly phase1Output: PhaseOutput
}

export interface SealedSector extends SectorIdentity, SealedFiles {
  readonly commR: Uint8Array
  readonly commD: Uint8Array
  readonly pieces: readonly Piece[]
}

export interface SealStatement extends SectorIdentity {
  readonly seed: Uint8Array
  readonly commR: Uint8Array
  readonly commD: Uint8Array
}

/** SnarkPackV2 since network 16. */
export type Aggregation = 'SnarkPackV1' | 'SnarkPackV2'

export interface UnsealRequest extends SectorIdentity, SealedFiles {
  /** Is overwritten. */
  readonly outputPath: string
  readonly commD: Uint8Array
  readonly offset: number
  readonly size: number
  /** For an upgraded sector: `sealedPath` is its new replica; ticket and commD are of the sector from before. */
  readonly upgrade?: { readonly commROld: Uint8Array; readonly commDNew: Uint8Array }
}

export interface UpdateFiles {
  readonly updateProof: string
  readonly replicaPath: string
  readonly replicaCacheDir: string
  /** The sealed file that the data goes into. */
  readonly keyPath: string
  readonly keyCacheDir: string
}

export interface UpdateCommitments {
  readonly commROld: Uint8Array
  readonly commRNew: Uint8Array
  readonly commDNew: Uint8Array
}

export interface UpdateStatement extends UpdateCommitments {
  readonly updateProof: string
}

export interface PoStStatement {
  readonly proofType: string
  /** All 256 bits as the chain gives them: the two top bits of the last byte are cleared here. */
  readonly randomness: Uint8Array
  readonly proverId: Uint8Array
}

export interface Replica extends SealedFiles {
  readonly sectorId: number
  readonly commR: Uint8Array
}

export interface PoStProof {
  readonly proofType: string
  /** 192 bytes a partition. */
  readonly proof: Uint8Array
}

export interface PublicReplica {
  readonly sectorId: number
  readonly commR: Uint8Array
}

export interface SectorChallenges {
  readonly sectorId: number
  readonly challenges: readonly number[]
}

export interface SectorVanillaProof {
  readonly sectorId: number
  readonly vanillaProof: Uint8Array
}

export interface VanillaProofs {
  readonly proofs: readonly SectorVanillaProof[]
  /** Sectors whose files are missing or wrong, and why. */
  readonly faults: readonly { readonly sectorId: number; readonly message: string }[]
}

/** The proofs of a sector size that have parameters of their own. */
export const PARAMETER_SETS = ['porep', 'window', 'winning', 'update'] as const
export type ParameterSet = (typeof PARAMETER_SETS)[number]

export type FileState = 'ok' | 'missing' | 'damaged'
/** `official`: of the network's trusted set-up. `development`: from the published, insecure seed. */
export type ParameterOrigin = 'official' | 'development' | 'unknown'

export interface ParameterFile {
  readonly path: string
  readonly state: FileState
  readonly bytes: number
  /** Why it is damaged. */
  readonly reason?: string
  /** First 16 bytes of BLAKE2b-512, in hex. */
  readonly digest?: string
  readonly origin?: ParameterOrigin
  /** Content id of the official file. */
  readonly officialCid?: string
}

export interface ParameterSetReport {
  readonly set: ParameterSet
  readonly sectorSize: number
  readonly params: ParameterFile
  readonly vk: ParameterFile
}

export interface GeneratedSet extends ParameterSetReport {
  /** False: the files were there, perhaps made by another process meanwhile. */
  readonly generated: boolean
  readonly tookMs: number
}

export interface ProverVersion {
  readonly addon: string
  readonly filecoinProofsApi: string
  /** The number in the names of parameter files. */
  readonly parametersVersion: number
  readonly features: readonly string[]
  readonly parameterCache: string
  /** Threads that compute together: the cores that this process may use (affinity, cgroup), unless RAYON_NUM_THREADS says otherwise. */
  readonly threads: number
  readonly settings: Readonly<Record<string, unknown>>
}

/** How far a call is. */
export interface RunningCall {
  readonly path: string
  readonly doneBytes: number
  readonly totalBytes: number
}

/** Every call by name. Each blocks its thread until it is done and throws a ProofsError. */
export interface ProverCalls {
  version(request: Record<string, never>): ProverVersion
  /** addPiece, treeD and unseal (decoding) calls of this process, whatever the thread, by the file they write. Answers at once. */
  runningCalls(request: Record<string, never>): readonly RunningCall[]
  /** Panics inside the proofs: the self-test that shows that a panic is an error and the process goes on. */
  panicForTest(request: { readonly message: string; readonly inThreadPool: boolean }): null

  addPiece(request: AddPieceRequest): AddedPiece
  /** One piece into a new staged file. */
  writeAndPreprocess(request: Omit<AddPieceRequest, 'existingPieceSizes' | 'dataBytes' | 'generator'>): AddedPiece
  pieceCommitment(request: Omit<AddPieceRequest, 'existingPieceSizes' | 'stagedPath' | 'dataBytes'>): Piece
  unsealedCommitment(request: { readonly sealProof: string; readonly pieces: readonly Piece[] }): {
    readonly commD: Uint8Array
  }
  /** The tree over the staged file, into the cache directory: on disk, and under its name only when it is whole. */
  treeD(request: {
    readonly sealProof: string
    readonly stagedPath: string
    readonly cacheDir: string
    readonly generator?: Generator
  }): { readonly commD: Uint8Array }
  /** Makes the cache directory, the sealed file and tree-d when they are absent. */
  pc1(request: Pc1Request): PhaseOutput
  pc2(request: Pc2Request): { readonly sealProof: string; readonly commR: Uint8Array; readonly commD: Uint8Array }
  /** Proofs of all synthetic challenges, into the cache directory; clearCache may follow. */
  syntheticProofs(request: SealedSector): null
  clearSyntheticProofs(request: { readonly cacheDir: string }): null
  /** Removes layers and trees; what PoSt and unsealing need stays. */
  clearCache(request: { readonly cacheDir: string }): null
  c1(request: SealedSector & { readonly seed: Uint8Array }): PhaseOutput
  c2(request: { readonly phase1Output: PhaseOutput; readonly proverId: Uint8Array; readonly sectorId: number }): {
    readonly proof: Uint8Array
  }
  /** False for a wrong and for a malformed proof; throws when it cannot be known (no verifying key, commitments out of range). */
  verifySeal(request: SealStatement & { readonly proof: Uint8Array }): boolean
  aggregate(request: {
    readonly sealProof: string
    readonly aggregation: Aggregation
    readonly sectors: readonly { readonly commR: Uint8Array; readonly seed: Uint8Array; readonly proof: Uint8Array }[]
  }): { readonly proof: Uint8Array }
  verifyAggregate(request: {
    readonly sealProof: string
    readonly aggregation: Aggregation
    readonly proverId: Uint8Array
    readonly sectors: readonly Omit<SealStatement, 'sealProof' | 'proverId'>[]
    readonly proof: Uint8Array
  }): boolean
  /**
   * The unpadded bytes of a range into a new file. Computes the layers of the whole sector again, in the time and memory of PC1 (two
   * layers), and decodes only the range. The cache directory is for scratch: it takes a layer meanwhile, and two while
   * the next is written. The last one, once whole, is taken over by the next call with this directory when this one fails or is killed.
   */
  unseal(request: UnsealRequest): { readonly bytesWritten: number }

  /** Makes the replica, its cache directory and tree-d when they are absent. */
  updateEncode(request: UpdateFiles & { readonly stagedPath: string; readonly pieces: readonly Piece[] }): {
    readonly commRNew: Uint8Array
    readonly commRLastNew: Uint8Array
    readonly commDNew: Uint8Array
  }
  /** The padded data of an updated replica, into a file of the sector's size. */
  updateDecode(request: {
    readonly updateProof: string
    readonly outputPath: string
    readonly replicaPath: string
    readonly keyPath: string
    readonly keyCacheDir: string
    readonly commDNew: Uint8Array
  }): null
  /** One vanilla proof a partition. */
  updatePartitionProofs(request: UpdateFiles & UpdateCommitments): { readonly vanillaProofs: readonly Uint8Array[] }
  updateVerifyPartitionProofs(request: UpdateStatement & { readonly vanillaProofs: readonly Uint8Array[] }): boolean
  updateProveWithVanilla(request: UpdateStatement & { readonly vanillaProofs: readonly Uint8Array[] }): {
    readonly proof: Uint8Array
  }
  updateProve(request: UpdateFiles & UpdateCommitments): { readonly proof: Uint8Array }
  updateVerify(request: UpdateStatement & { readonly proof: Uint8Array }): boolean

  /** Leaves that each sector must show; for window and winning PoSt. */
  fallbackChallenges(request: PoStStatement & { readonly sectorIds: readonly number[] }): readonly SectorChallenges[]
  postVanillaProof(request: {
    readonly proofType: string
    readonly replica: Replica
    readonly challenges: readonly number[]
  }): { readonly vanillaProof: Uint8Array }
  /** Challenges and vanilla proofs of many replicas; a bad one does not spoil the others. */
  postVanillaProofs(request: PoStStatement & { readonly replicas: readonly Replica[] }): VanillaProofs
  /** Throws FAULTY_SECTORS with the ids of all sectors that cannot be proven. */
  windowPost(request: PoStStatement & { readonly replicas: readonly Replica[] }): readonly PoStProof[]
  windowPostWithVanilla(
    request: PoStStatement & { readonly vanillaProofs: readonly Uint8Array[] },
  ): readonly PoStProof[]
  /** One partition: the vanilla proofs of its sectors only. */
  windowPostPartition(
    request: PoStStatement & { readonly vanillaProofs: readonly Uint8Array[]; readonly partitionIndex: number },
  ): PoStProof
  /** Partitions that so many sectors take. */
  windowPostPartitions(request: { readonly proofType: string; readonly sectorCount: number }): number
  verifyWindowPost(
    request: PoStStatement & { readonly replicas: readonly PublicReplica[]; readonly proof: Uint8Array },
  ): boolean
  /** Indices into the list of eligible sectors. */
  winningChallenge(request: PoStStatement & { readonly sectorCount: number }): readonly number[]
  winningPost(request: PoStStatement & { readonly replicas: readonly Replica[] }): readonly PoStProof[]
  winningPostWithVanilla(
    request: PoStStatement & { readonly vanillaProofs: readonly Uint8Array[] },
  ): readonly PoStProof[]
  verifyWinningPost(
    request: PoStStatement & { readonly replicas: readonly PublicReplica[]; readonly proof: Uint8Array },
  ): boolean

  parametersReport(request: {
    readonly sectorSize: number
    readonly sets: readonly ParameterSet[]
    readonly directory?: string
    /** Hash the big files as well, about a second a gigabyte. */
    readonly digest?: boolean
  }): readonly ParameterSetReport[]
  /** Development parameters of 2 KiB or 8 MiB sectors. `stock` is the library's own, slow generator. */
  parametersGenerate(request: {
    readonly sectorSize: number
    readonly set: ParameterSet
    readonly directory?: string
    readonly seed?: string
    readonly generator?: 'fast' | 'stock'
  }): GeneratedSet
  /** Generations of this process, whatever the thread. */
  parametersRunning(request: Record<string, never>): readonly {
    readonly what: string
    readonly phase: string
    /** 0 to 1. */
    readonly fraction: number
    readonly elapsedMs: number
  }[]
  /** Ends the generations of this process with an error. */
  parametersCancel(request: Record<string, never>): null
  /** Names and digests of the files that are there, as `parameters.json` lists them. */
  parametersManifest(request: {
    readonly sectorSize: number
    readonly sets: readonly ParameterSet[]
    readonly directory?: string
  }): readonly { readonly name: string; readonly cid: string; readonly digest: string; readonly sector_size: number }[]
  circuitSize(request: { readonly sectorSize: number; readonly set: ParameterSet }): {
    readonly constraints: number
    readonly inputs: number
    readonly aux: number
  }
  srsReport(request: { readonly directory?: string }): Omit<ParameterFile, 'reason'>
  /** A development SRS for aggregates of up to so many proofs (a power of two). */
  srsGenerate(request: {
    readonly directory?: string
    readonly proofs?: number
    readonly seed?: string
  }): Omit<ParameterFile, 'reason'>
}

export type ProverMethod = keyof ProverCalls
export type ProverRequest<M extends ProverMethod> = Parameters<ProverCalls[M]>[0]
export type ProverResult<M extends ProverMethod> = ReturnType<ProverCalls[M]>
