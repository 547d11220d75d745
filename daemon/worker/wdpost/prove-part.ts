import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { WdPoStAllocatedJob } from '../../../rpc-schema/manager/wdpost-job.js'
import type { StageTask } from '../../../rpc-schema/processor/stages.js'
import { postProofByName } from '../../../rpc-schema/wire/proof-types.js'
import type { JobContext } from '../engine/job-plan.js'
import { fetchVanilla } from './vanilla-exchange.js'

const PREFIX = 'sealyard-window-'
/** Longer than any window; what is older is of a worker that was killed. */
const LEFTOVER_MS = 24 * 3_600_000

/** Fetches what was read for a proof into files (TMPDIR), gives the task over them, and removes them after its use. */
export async function withVanillas<T>(
  { Input, Prove }: WdPoStAllocatedJob,
  { environment, clock, log }: JobContext,
  signal: AbortSignal,
  use: (task: StageTask<'window_post'>) => Promise<T>,
): Promise<T> {
  const { managerOrigin: origin, managerToken: token } = environment
  await removeLeftovers()
  const dir = await mkdtemp(join(tmpdir(), PREFIX))
  try {
    const files: string[] = []
    for (const [at, vanilla] of Prove!.Vanillas.entries()) {
      const file = join(dir, String(at))
      await writeFile(file, await fetchVanilla({ origin, token, clock, log, signal }, vanilla))
      files.push(file)
    }
    return await use({
      miner_id: Input.MinerId,
      proof_type: postProofByName(Input.ProofType).number,
      replicas: Input.Sectors.map(({ SectorId, CommR }) => ({
        sector_id: SectorId,
        comm_r: CommR,
        sealed_file: '',
        cache_dir: '',
      })),
      seed: Input.Seed,
      vanilla_files: files,
    })
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

async function removeLeftovers(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    if (!name.startsWith(PREFIX)) continue
    const path = join(tmpdir(), name)
    const age = Date.now() - ((await stat(path).catch(() => undefined))?.mtimeMs ?? Date.now())
    if (age > LEFTOVER_MS) await rm(path, { recursive: true, force: true }).catch(() => undefined)
  }
}
