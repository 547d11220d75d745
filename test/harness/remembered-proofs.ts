import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cacheDirectory } from '../../native/addon-location.js'
import type { StageTask } from '../../rpc-schema/processor/stages.js'
import { toHex } from '../../rpc-schema/wire/bytes.js'

/** Set to make new proofs part of the repository, instead of keeping them in the user's cache. */
const RECORD = 'SEALYARD_RECORD_PROOFS'

const COMMITTED = fileURLToPath(new URL('../../../test/vectors/proofs/', import.meta.url))
const cached = (): string => join(cacheDirectory(), 'test-proofs')

/** The stages whose proofs take minutes of all cores. */
export type SlowStage = 'c2' | 'snap_prove'

/** Everything that a proof proves; what is proven does not depend on who proves it, or when. */
const STATEMENT: { readonly [S in SlowStage]: (task: StageTask<S>) => readonly unknown[] } = {
  c2: ({ c1out, prover_id, sector_id }) => {
    const { registered_proof, comm_r, comm_d, ticket, seed } = c1out
    return [registered_proof, toHex(prover_id), sector_id, comm_r, comm_d, ticket, seed]
  },
  snap_prove: task => [task.registered_proof, toHex(task.comm_r_old), toHex(task.comm_r_new), toHex(task.comm_d_new)],
}

/**
 * The proof of a statement that was proven before, or a new one that is remembered. The chain of a test with a fixed seed asks for the same
 * statements each time, and verifies what it gets as it verifies every proof.
 */
export async function rememberedProof<S extends SlowStage>(
  stage: S,
  task: StageTask<S>,
  prove: () => Promise<Uint8Array>,
): Promise<Uint8Array> {
  const digest = createHash('sha256').update(JSON.stringify(STATEMENT[stage](task)))
  const file = `${stage}-${digest.digest('hex').slice(0, 32)}`
  for (const directory of [COMMITTED, cached()]) {
    const known = await readFile(join(directory, file), 'utf8').catch(() => undefined)
    if (known !== undefined) return Buffer.from(known, 'base64')
  }
  const proof = await prove()
  const path = join(process.env[RECORD] ? COMMITTED : cached(), file)
  await mkdir(dirname(path), { recursive: true })
  await writeFile(`${path}.${process.pid}`, `${Buffer.from(proof).toString('base64')}\n`)
  await rename(`${path}.${process.pid}`, path)
  return proof
}
