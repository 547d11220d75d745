import { rmSync } from 'node:fs'
import { sectorSizeLabel } from '../../rpc-schema/wire/proof-types.js'
import { parameterDirectory } from './addon.js'
import { PARAMETER_SETS, type ParameterSet, type ParameterSetReport } from './calls.js'
import { ProofsError } from './errors.js'
import { createProverPool, type ProverPool } from './pool.js'
import { prover } from './prover.js'

/** The four sets of a sector size, and the SRS of aggregation, which all sizes share. */
export const PARAMETER_KINDS = [...PARAMETER_SETS, 'srs'] as const
export type ParameterKind = (typeof PARAMETER_KINDS)[number]

/** Bigger sectors only ever use the parameters of the network's trusted set-up. */
export const LARGEST_GENERATED_BYTES = 8 * 1024 * 1024

/** Seconds that two idle cores need for a set of 2 KiB: only the ratio matters, for the progress of several sets. */
const WEIGHTS: Readonly<Record<ParameterKind, number>> = { porep: 42, update: 30, winning: 3, window: 1, srs: 1 }
const POLL_MS = 250

export interface ParameterProgress {
  readonly set: ParameterKind
  /** `waiting` (another process makes it), `counting`, `tables`, `points`, `syncing`. */
  readonly phase: string
  /** Of everything that was missing, 0 to 1. */
  readonly share: number
  readonly elapsedMs: number
  /** Expected from the pace so far. */
  readonly leftMs: number
}

export interface EnsureParametersOptions {
  /** Bytes. */
  readonly sectorSize: number
  /** Default: all. */
  readonly sets?: readonly ParameterKind[]
  /** Default: the directory that the proofs of this process use. */
  readonly directory?: string
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: ParameterProgress) => void
}

export interface EnsuredParameters {
  readonly directory: string
  /** Made just now; the others were there. */
  readonly generated: readonly ParameterKind[]
}

/** What of these sets is there, and in which state. */
export function reportParameters(request: {
  readonly sectorSize: number
  readonly sets?: readonly ParameterSet[]
  readonly directory?: string
}): readonly ParameterSetReport[] {
  const { sectorSize, sets = PARAMETER_SETS, directory = parameterDirectory() } = request
  return prover.parametersReport({ sectorSize, sets, directory })
}

/** The same with the digests of the big files compared, in a thread. */
export async function checkParameters(request: {
  readonly sectorSize: number
  readonly sets?: readonly ParameterSet[]
  readonly directory?: string
}): Promise<readonly ParameterSetReport[]> {
  const { sectorSize, sets = PARAMETER_SETS, directory = parameterDirectory() } = request
  return withThread(pool => pool.call('parametersReport', { sectorSize, sets, directory, digest: true }))
}

async function withThread<T>(work: (pool: ProverPool) => Promise<T>): Promise<T> {
  const pool = createProverPool({ threads: 1 })
  try {
    return await work(pool)
  } finally {
    await pool.close()
  }
}

function missing(sectorSize: number, sets: readonly ParameterKind[], directory: string): ParameterKind[] {
  const plain = sets.filter((set): set is ParameterSet => set !== 'srs')
  const absent: ParameterKind[] = prover
    .parametersReport({ sectorSize, sets: plain, directory })
    .filter(report => report.params.state !== 'ok' || report.vk.state !== 'ok')
    .map(report => report.set)
  if (sets.includes('srs') && prover.srsReport({ directory }).state !== 'ok') absent.push('srs')
  return absent
}

/**
 * Makes sure that the parameters are there. Those of 2 KiB and 8 MiB sectors are made when they are missing (development parameters, INSECURE:
 * the seed is published); two processes that miss them make them once. For bigger sectors a missing file is an error that says where to get it.
 */
export async function ensureParameters(options: EnsureParametersOptions): Promise<EnsuredParameters> {
  const { sectorSize, sets = PARAMETER_KINDS, directory = parameterDirectory(), signal, onProgress } = options
  const wanted = missing(sectorSize, sets, directory)
  if (wanted.length === 0) return { directory, generated: [] }
  if (sectorSize > LARGEST_GENERATED_BYTES)
    throw new ProofsError({
      code: 'PARAMETERS_MISSING',
      message: `${directory} lacks the ${wanted.join(', ')} parameters of ${sectorSizeLabel(sectorSize)} sectors: fetch them with \`lotus fetch-params ${sectorSizeLabel(sectorSize)}\``,
      causes: [],
    })
  signal?.throwIfAborted()
  const generated = await withThread(async pool => {
    const onAbort = () => prover.parametersCancel({})
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      return await generateAll(pool, { sectorSize, wanted, directory, signal, onProgress })
    } finally {
      signal?.removeEventListener('abort', onAbort)
    }
  })
  return { directory, generated }
}

interface Generation {
  readonly sectorSize: number
  readonly wanted: readonly ParameterKind[]
  readonly directory: string
  readonly signal: AbortSignal | undefined
  readonly onProgress: EnsureParametersOptions['onProgress']
}

async function generateAll(pool: ProverPool, generation: Generation): Promise<ParameterKind[]> {
  const { sectorSize, wanted, directory, signal, onProgress } = generation
  const startedAt = performance.now()
  const total = wanted.reduce((sum, set) => sum + WEIGHTS[set], 0)
  const generated: ParameterKind[] = []
  let before = 0
  // Between the end of a set and the word of it nothing runs; what was told is never taken back.
  let share = 0
  for (const set of wanted) {
    signal?.throwIfAborted()
    const tell = () => {
      const [running] = prover.parametersRunning({})
      share = Math.max(share, (before + (running?.fraction ?? 0) * WEIGHTS[set]) / total)
      const elapsedMs = performance.now() - startedAt
      const leftMs = share > 0 ? (elapsedMs / share) * (1 - share) : Number.POSITIVE_INFINITY
      onProgress?.({ set, phase: running?.phase ?? 'waiting', share, elapsedMs, leftMs })
    }
    const timer = setInterval(tell, POLL_MS)
    try {
      if (await generateOne(pool, set, sectorSize, directory)) generated.push(set)
    } catch (error) {
      if (signal?.aborted) throw signal.reason
      throw error
    } finally {
      clearInterval(timer)
    }
    before += WEIGHTS[set]
  }
  return generated
}

async function generateOne(
  pool: ProverPool,
  set: ParameterKind,
  sectorSize: number,
  directory: string,
): Promise<boolean> {
  if (set !== 'srs') {
    dropUnfitKey(sectorSize, set, directory)
    return (await pool.call('parametersGenerate', { sectorSize, set, directory })).generated
  }
  await pool.call('srsGenerate', { directory })
  return true
}

/** The parameters have their own key in them, from which the generator writes a missing one; a damaged one must go first. */
function dropUnfitKey(sectorSize: number, set: ParameterSet, directory: string): void {
  const [report] = reportParameters({ sectorSize, sets: [set], directory })
  if (report?.params.state !== 'ok' || report.vk.state !== 'damaged') return
  // A whole key of known origin: then it is the parameters that are another's.
  if (report.vk.origin !== 'unknown')
    throw new ProofsError({
      code: 'INVALID_PARAMETERS',
      message: `${report.vk.path} is the ${report.vk.origin} key, which does not belong to ${report.params.path}: remove the one that is not wanted`,
      causes: [],
    })
  rmSync(report.vk.path, { force: true })
}
