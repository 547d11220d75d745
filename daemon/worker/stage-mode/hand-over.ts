import { existsSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { kindOfState } from '../../../rpc-schema/stages/kinds.js'
import { sectorName } from '../../../rpc-schema/wire/sector-id.js'
import type { SectorStateName } from '../../../rpc-schema/worker/sector-states.js'
import { IDENTITY_FILE, readIdentity, writeIdentity } from '../../kit/sealing/path-identity.js'
import { sealerPlan } from '../plans/sealer.js'
import { stagedPlan } from '../plans/staged.js'
import { syncDirectory, writeDurably } from '../store/durable-file.js'
import { SealingStore } from '../store/sealing-store.js'
import { type OutputFile, SectorRecord } from '../store/sector-record.js'
import { outputsDir } from './sector-files.js'
import type { OwnClient } from './stage-home.js'

/**
 * Where a sector of a thread goes on among stage workers. Threads bring the files to their store before the seed, stage workers after the proof: one
 * whose files are there already waits for its seed first and brings them again, which finds them there.
 */
const GOES_ON: Partial<Record<SectorStateName, SectorStateName>> = {
  Persisted: 'PCLanded',
  PersistanceSubmitted: 'PCLanded',
}

export interface HandedOver {
  readonly sector: string
  readonly state: SectorStateName
  /** What a stage worker attaches. */
  readonly path: string
}

/**
 * Hands the sector in a sealing store over to stage workers: its files stay where they are, their directory becomes a path to seal on. May be called again
 * after a crash. Throws while a worker has the store, and for what stage workers do not carry.
 */
export async function handOver(location: string, manager: Pick<OwnClient, 'AdoptStageSector'>): Promise<HandedOver> {
  if (!existsSync(location)) throw new Error(`${location}: there is no such sealing store`)
  const store = await SealingStore.open(location)
  try {
    const record = await store.journal.load()
    if (record?.base == null) throw new Error(`${location} holds no sector`)
    if (record.plan !== sealerPlan.name)
      throw new Error(
        `${location}: its sector is in the plan ${record.plan}, stage workers carry those of the plan ${sealerPlan.name}`,
      )
    const state = GOES_ON[record.state] ?? record.state
    if (kindOfState(state) === undefined)
      throw new Error(`${location}: a sector in the state ${state} cannot be handed over`)
    const { allocated } = record.base
    const path = store.dataDir
    const id = identityOf(path)
    const outputs = join(path, outputsDir(allocated.ID))
    await mkdir(outputs, { recursive: true })
    for (const output of [record.phases.pc1out, record.phases.c1out])
      if (output !== null) await bringOutput(join(store.root, 'meta'), outputs, output)
    // The original goes with the journal: by then the copy, the way to it and what says which path this is are on the disk.
    for (const directory of [dirname(outputs), path]) await syncDirectory(directory)
    const staged = { ...record, plan: stagedPlan.name, state, prev_state: record.state, retry: 0 }
    await manager.AdoptStageSector(allocated, state, JSON.stringify(z.encode(SectorRecord, staged)), id)
    // Only now: until the manager knows, the sector is the thread's.
    await store.journal.remove()
    return { sector: sectorName(allocated.ID), state, path }
  } finally {
    await store.close()
  }
}

function identityOf(path: string): string {
  if (!existsSync(join(path, IDENTITY_FILE))) writeIdentity(path, { Weight: 0, CanSeal: true, CanStore: false })
  return readIdentity(path).ID
}

async function bringOutput(from: string, to: string, { file }: OutputFile): Promise<void> {
  await writeDurably(join(to, file), await readFile(join(from, file), 'utf8'))
}
