import { z } from 'zod'

const KIB = 1024
const MIB = 1024 * KIB
const GIB = 1024 * MIB

/**
 * The sector sizes of the network, in the order of every proof numbering. `windowPoStSectors` is the number of sectors in one
 * partition of a window PoSt; `sealProofBytes` is the length of one interactive seal proof (192 bytes a partition of the PoRep).
 */
const SIZES = [
  { label: '2KiB', bytes: 2 * KIB, windowPoStSectors: 2, sealProofBytes: 192, updateProofBytes: 192 },
  { label: '8MiB', bytes: 8 * MIB, windowPoStSectors: 2, sealProofBytes: 192, updateProofBytes: 192 },
  { label: '512MiB', bytes: 512 * MIB, windowPoStSectors: 2, sealProofBytes: 192, updateProofBytes: 192 },
  { label: '32GiB', bytes: 32 * GIB, windowPoStSectors: 2349, sealProofBytes: 1920, updateProofBytes: 3072 },
  { label: '64GiB', bytes: 64 * GIB, windowPoStSectors: 2300, sealProofBytes: 1920, updateProofBytes: 3072 },
] as const

/** The families of seal proofs: first number, and what follows the size in the name. */
const SEAL_FAMILIES = [
  { base: 0, suffix: 'V1', feature: 'none' },
  { base: 5, suffix: 'V1_1', feature: 'none' },
  { base: 10, suffix: 'V1_1_Feat_SyntheticPoRep', feature: 'synthetic' },
  { base: 15, suffix: 'V1_2_Feat_NonInteractivePoRep', feature: 'nonInteractive' },
] as const

export interface SealProofType {
  /** RegisteredSealProof on the wire and the chain. */
  readonly number: number
  /** Variant name that provers and processors use, `StackedDrg32GiBV1_1`. */
  readonly name: string
  readonly sectorSize: number
  readonly feature: 'none' | 'synthetic' | 'nonInteractive'
  /** RegisteredPoStProof that miners of this proof use. */
  readonly winningPoSt: number
  /** RegisteredPoStProof by the chain's own table. Miners created since network 19 register number + 5 (grindability fix). */
  readonly windowPoSt: number
  readonly update: number
  readonly windowPoStPartitionSectors: number
  /** Bytes of one seal proof. Non-interactive proofs are only known aggregated. */
  readonly sealProofBytes: number
  readonly updateProofBytes: number
}

export const SEAL_PROOFS: readonly SealProofType[] = SEAL_FAMILIES.flatMap(({ base, suffix, feature }) =>
  SIZES.map((size, index) => ({
    number: base + index,
    name: `StackedDrg${size.label}${suffix}`,
    sectorSize: size.bytes,
    feature,
    winningPoSt: index,
    windowPoSt: 5 + index,
    update: index,
    windowPoStPartitionSectors: size.windowPoStSectors,
    sealProofBytes: size.sealProofBytes,
    updateProofBytes: size.updateProofBytes,
  })),
)

/** `wireName` is how the WdPoSt methods and processors spell it, where it differs from the chain's `name`. */
const POST_FAMILIES = [
  { base: 0, kind: 'winning', stem: 'StackedDrgWinning', suffix: 'V1', wireSuffix: 'V1' },
  { base: 5, kind: 'window', stem: 'StackedDrgWindow', suffix: 'V1', wireSuffix: 'V1' },
  { base: 10, kind: 'window', stem: 'StackedDrgWindow', suffix: 'V1P1', wireSuffix: 'V1_2' },
] as const

export interface PoStProofType {
  readonly number: number
  /** The chain's name, `StackedDrgWindow32GiBV1P1`. */
  readonly name: string
  /** The name in `WdPoStInput.ProofType` and in processor tasks, `StackedDrgWindow32GiBV1_2`. */
  readonly wireName: string
  readonly kind: 'winning' | 'window'
  readonly sectorSize: number
  readonly partitionSectors: number
}

export const POST_PROOFS: readonly PoStProofType[] = POST_FAMILIES.flatMap(({ base, kind, stem, suffix, wireSuffix }) =>
  SIZES.map((size, index) => ({
    number: base + index,
    name: `${stem}${size.label}${suffix}`,
    wireName: `${stem}${size.label}${wireSuffix}`,
    kind,
    sectorSize: size.bytes,
    partitionSectors: size.windowPoStSectors,
  })),
)

export interface UpdateProofType {
  readonly number: number
  readonly name: string
  readonly sectorSize: number
}

/** Proofs of a replica update (snap-up). */
export const UPDATE_PROOFS: readonly UpdateProofType[] = SIZES.map((size, index) => ({
  number: index,
  name: `StackedDrg${size.label}V1`,
  sectorSize: size.bytes,
}))

const known = (table: readonly { number: number }[], what: string) =>
  z.int().refine(value => table[value] !== undefined, `expected a ${what} (0–${table.length - 1})`)

/** Number of a seal proof, 0–19. */
export const RegisteredSealProof = known(SEAL_PROOFS, 'registered seal proof')
export type RegisteredSealProof = z.infer<typeof RegisteredSealProof>

/** Number of a winning or window PoSt proof, 0–14. */
export const RegisteredPoStProof = known(POST_PROOFS, 'registered PoSt proof')
export type RegisteredPoStProof = z.infer<typeof RegisteredPoStProof>

/** Number of a replica update proof, 0–4. */
export const RegisteredUpdateProof = known(UPDATE_PROOFS, 'registered update proof')
export type RegisteredUpdateProof = z.infer<typeof RegisteredUpdateProof>

/** SnarkPack versions: 0 is SnarkPackV1, 1 is SnarkPackV2. */
export const RegisteredAggregationProof = z.int().min(0).max(1)
export type RegisteredAggregationProof = z.infer<typeof RegisteredAggregationProof>

function entry<T>(table: readonly T[], number: number, what: string): T {
  const found = table[number]
  if (found === undefined) throw new RangeError(`unknown ${what} ${number}, expected 0–${table.length - 1}`)
  return found
}

function named<T extends { number: number }>(
  table: readonly T[],
  keys: (row: T) => string[],
  name: string,
  what: string,
): T {
  const found = table.find(row => keys(row).includes(name))
  if (found === undefined) throw new RangeError(`unknown ${what} ${JSON.stringify(name)}`)
  return found
}

/** Everything about a seal proof number. Throws a RangeError for an unknown one. */
export const sealProof = (number: number): SealProofType => entry(SEAL_PROOFS, number, 'registered seal proof')
export const postProof = (number: number): PoStProofType => entry(POST_PROOFS, number, 'registered PoSt proof')
export const updateProof = (number: number): UpdateProofType => entry(UPDATE_PROOFS, number, 'registered update proof')

/** Seal proof of a variant name. Throws a RangeError for an unknown one. */
export const sealProofByName = (name: string): SealProofType =>
  named(SEAL_PROOFS, row => [row.name], name, 'seal proof name')
/** PoSt proof of the chain's name or of the wire's. */
export const postProofByName = (name: string): PoStProofType =>
  named(POST_PROOFS, row => [row.name, row.wireName], name, 'PoSt proof name')
export const updateProofByName = (name: string): UpdateProofType =>
  named(UPDATE_PROOFS, row => [row.name], name, 'update proof name')

const NumberValue = z.custom<number>(value => typeof value === 'number', 'expected the number of a proof type')

const nameCodec = (what: string, toNumber: (name: string) => number, toName: (number: number) => string) =>
  z.codec(z.string(), NumberValue, {
    decode: (name, ctx) => {
      try {
        return toNumber(name)
      } catch (error) {
        ctx.issues.push({ code: 'custom', input: name, message: (error as Error).message })
        return z.NEVER
      }
    },
    encode: (number, ctx) => {
      try {
        return toName(number)
      } catch (error) {
        ctx.issues.push({ code: 'custom', input: String(number), message: `${what}: ${(error as Error).message}` })
        return z.NEVER
      }
    },
  })

/** Processor frames name the seal proof: `"StackedDrg2KiBV1_1"` <-> 5. */
export const SealProofName = nameCodec(
  'seal proof',
  name => sealProofByName(name).number,
  number => sealProof(number).name,
)
export type SealProofName = z.output<typeof SealProofName>

/** WdPoSt methods and processor frames name the PoSt proof: `"StackedDrgWindow2KiBV1_2"` <-> 10. */
export const PoStProofName = nameCodec(
  'PoSt proof',
  name => postProofByName(name).number,
  number => postProof(number).wireName,
)
export type PoStProofName = z.output<typeof PoStProofName>

/** Processor frames name the update proof: `"StackedDrg2KiBV1"` <-> 0. */
export const UpdateProofName = nameCodec(
  'update proof',
  name => updateProofByName(name).number,
  number => updateProof(number).name,
)
export type UpdateProofName = z.output<typeof UpdateProofName>

/** The seal proof of a sector size within a family: `sealProofFor(2048, 'V1_1')` is 5. Throws a RangeError for an unknown size. */
export function sealProofFor(sectorSize: number, suffix: (typeof SEAL_FAMILIES)[number]['suffix']): SealProofType {
  const found = SEAL_PROOFS.find(row => row.sectorSize === sectorSize && row.name.endsWith(`iB${suffix}`))
  if (found === undefined) throw new RangeError(`no seal proof ${suffix} for sectors of ${sectorSize} bytes`)
  return found
}

/** Sizes of sectors that the network knows, in bytes. */
export const SECTOR_SIZES: readonly number[] = SIZES.map(size => size.bytes)

/** `32GiB` of 34359738368. Throws a RangeError for an unknown size. */
export function sectorSizeLabel(sectorSize: number): string {
  const found = SIZES.find(size => size.bytes === sectorSize)
  if (found === undefined) throw new RangeError(`no sector has ${sectorSize} bytes`)
  return found.label
}
