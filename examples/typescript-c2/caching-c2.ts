// A C2 processor that keeps its proofs. A C2 takes minutes of a GPU; when a worker is restarted between the proof and its submission,
// the same proof is asked for again. What is kept is verified before it is given away, so a damaged file costs a C2, never a message.
//
//   [[processors.c2]]
//   bin = "node"
//   args = ["/path/to/caching-c2.js", "/path/to/proofs"]
import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { defineProcessor, type StageTask, z } from 'sealyard/plugin'
import { prover } from 'sealyard/prover'
import { createBuiltInStages } from 'sealyard/stages'

const directory = process.argv[2]
if (directory === undefined) throw new Error('usage: caching-c2.js DIRECTORY')
await mkdir(directory, { recursive: true })

/** What a C1 output says about its sector, besides the vanilla proofs. */
const Bytes = z.array(z.number()).transform(numbers => Uint8Array.from(numbers))
const Statement = z.object({ registered_proof: z.string(), comm_r: Bytes, comm_d: Bytes, ticket: Bytes, seed: Bytes })

function statementOf(task: StageTask<'c2'>) {
  const { registered_proof, comm_r, comm_d, ticket, seed } = Statement.parse(task.c1out)
  const { prover_id: proverId, sector_id: sectorId } = task
  return { sealProof: registered_proof, proverId, sectorId, ticket, seed, commR: comm_r, commD: comm_d }
}

const stages = createBuiltInStages({ env: process.env })
const underWay = new Map<string, Promise<Uint8Array>>()

await defineProcessor('c2', async (task, { log, progress, signal }) => {
  const statement = statementOf(task)
  const key = createHash('sha256')
    .update(JSON.stringify(Object.values(statement).map(String)))
    .digest('hex')
  const file = join(directory, `${key}.proof`)

  const kept = await readFile(file).catch(() => undefined)
  if (kept !== undefined) {
    if (prover.verifySeal({ ...statement, proof: kept })) {
      log.info({ file }, 'the proof was there already')
      return { proof: kept }
    }
    log.warn({ file }, 'the proof that was kept is not valid: made anew')
  }

  const make = async (): Promise<Uint8Array> => {
    const startedAt = performance.now()
    log.info({ file }, 'making the proof')
    const { proof } = await stages.run('c2', task, { signal, onProgress: progress })
    await writeFile(`${file}.part`, proof)
    await rename(`${file}.part`, file)
    log.info({ file, seconds: Math.round((performance.now() - startedAt) / 1000) }, 'proof made')
    return proof
  }
  // The same statement asked for twice at once is proved once.
  const proof = underWay.get(key) ?? make().finally(() => underWay.delete(key))
  underWay.set(key, proof)
  return { proof: await proof }
}).serve()
