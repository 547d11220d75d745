import { z } from 'zod'
import { resourceIdOf } from '../../../rpc-schema/gpuproxy/task-ids.js'
import { SEAL_PROOFS } from '../../../rpc-schema/wire/proof-types.js'
import { JsonOutline } from './json-outline.js'

/** What a seal proof proves; with the proof itself it is all that a verifier needs. */
export interface SealStatement {
  /** Name of the library, as `StackedDrg32GiBV1_1`. */
  readonly sealProof: string
  readonly proverId: Uint8Array
  readonly sectorId: number
  readonly ticket: Uint8Array
  readonly seed: Uint8Array
  readonly commR: Uint8Array
  readonly commD: Uint8Array
}

/** Looked through in one pass: a schema for each of some hundred numbers would take as long as everything else. */
const Commitment = z
  .custom<number[]>(
    value => Array.isArray(value) && value.length === 32 && Buffer.from(value).every((byte, at) => byte === value[at]),
    'expected 32 bytes, as numbers',
  )
  .transform(numbers => Uint8Array.from(numbers))

/** The document that C2 is made from, as far as it is looked at: the vanilla proofs are the prover's. */
const C1Out = z.object({
  registered_proof: z.enum(SEAL_PROOFS.map(({ name }) => name) as [string, ...string[]]),
  vanilla_proofs: z.record(z.string(), z.array(z.array(z.unknown()).min(1)).min(1)),
  comm_r: Commitment,
  comm_d: Commitment,
  replica_id: Commitment,
  seed: Commitment,
  ticket: Commitment,
})
const C2Resource = z.object({ prover_id: Commitment, sector_id: z.int().nonnegative(), c1out: C1Out })

/** What is known of a document that has been read. */
export interface ReadDocument {
  readonly resourceId: string
  readonly statement: SealStatement
  /** Absent when they are in the store already. */
  readonly bytes?: Uint8Array
}

/** What a task is added with. */
export interface C2Input extends Pick<ReadDocument, 'resourceId' | 'statement'> {
  /** Puts the document under its id, whole, and on the disk. */
  store(): Promise<void>
}

/** What a submitted document is not. */
export class BadResourceError extends Error {
  override readonly name = 'BadResourceError'
}

/** Containers above a vanilla proof: the document, `c1out`, `vanilla_proofs`, its partitions, a partition. */
const LEVELS = 5
/** Without the vanilla proofs it is small; a proof leaves two brackets. */
const MOST_OUTLINE_BYTES = 1024 * 1024

/** Reads `{prover_id, sector_id, c1out}` as it comes; the vanilla proofs are only known to be JSON. Both methods throw a BadResourceError. */
export class C2Outline {
  readonly #outline = new JsonOutline({ depth: LEVELS, mostBytes: MOST_OUTLINE_BYTES })

  write(bytes: Buffer): void {
    refusing(() => this.#outline.write(bytes))
  }

  end(): SealStatement {
    return statementOf(object(refusing(() => JSON.parse(this.#outline.end()))))
  }
}

/** The bytes stay as they came, since the task's id is made from them. Throws a BadResourceError. */
export function readC2Resource(bytes: Buffer): ReadDocument {
  const outline = new C2Outline()
  outline.write(bytes)
  return { bytes, statement: outline.end(), resourceId: resourceIdOf(bytes) }
}

/** Order in which the library writes the members: the id of a task depends on it. */
const C1_ORDER = ['registered_proof', 'vanilla_proofs', 'comm_r', 'comm_d', 'replica_id', 'seed', 'ticket'] as const

/** The document of an output of C1 that came alone. Throws a BadResourceError. */
export function c2ResourceOf(phase1Output: Buffer, proverId: Uint8Array, sectorId: number): ReadDocument {
  const given = object(refusing(() => JSON.parse(phase1Output.toString('utf8'))))
  const c1out = Object.fromEntries(C1_ORDER.flatMap(name => (name in given ? [[name, given[name]]] : [])))
  const resource = { prover_id: [...proverId], sector_id: sectorId, c1out }
  const statement = statementOf(resource)
  const bytes = Buffer.from(JSON.stringify(resource))
  return { bytes, statement, resourceId: resourceIdOf(bytes) }
}

function refusing<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw new BadResourceError(`not JSON: ${(error as Error).message}`)
  }
}

function object(value: unknown): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new BadResourceError('expected an object with the output of C1')
}

function statementOf(resource: unknown): SealStatement {
  const { data, error } = z.safeDecode(C2Resource, resource as never)
  if (error) {
    const [{ path, message }] = error.issues as [(typeof error.issues)[number]]
    throw new BadResourceError(
      isMissing(resource, path) ? `missing field \`${String(path.at(-1))}\`` : `${path.join('.')}: ${message}`,
    )
  }
  const { prover_id, sector_id, c1out } = data
  const { registered_proof, seed, ticket, comm_r, comm_d } = c1out
  return {
    sealProof: registered_proof,
    proverId: prover_id,
    sectorId: sector_id,
    ticket,
    seed,
    commR: comm_r,
    commD: comm_d,
  }
}

const isMissing = (value: unknown, path: readonly PropertyKey[]): boolean =>
  path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key], value) === undefined
