import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createProverPool } from '../../plugins/prover/pool.js'
import type { SectorState } from '../../rpc-schema/manager/sector-state.js'
import { proverId } from '../../rpc-schema/processor/sector.js'
import { cidToCommD } from '../../rpc-schema/wire/cid.js'
import { unpadded } from '../../rpc-schema/wire/numbers.js'
import { sealProof } from '../../rpc-schema/wire/proof-types.js'
import { sectorName } from '../../rpc-schema/wire/sector-id.js'
import type { TestYard } from './test-yard.js'

/** The first bytes of a sealed sector's data, read back from the files in the persist store with nothing but what the manager has on record. */
export async function unsealed(yard: TestYard, sector: SectorState, bytes: number): Promise<Buffer> {
  const pool = createProverPool({ threads: 1 })
  const output = join(yard.dir, 'unsealed')
  const persist = join(yard.dir, 'persist')
  const proof = sealProof(sector.SectorType)
  try {
    await pool.call('unseal', {
      sealProof: proof.name,
      proverId: proverId(sector.ID.Miner),
      sectorId: sector.ID.Number,
      ticket: sector.Ticket!.Ticket,
      cacheDir: join(persist, 'cache', sectorName(sector.ID)),
      sealedPath: join(persist, 'sealed', sectorName(sector.ID)),
      outputPath: output,
      commD: cidToCommD(sector.Pre!.CommD),
      offset: 0,
      size: unpadded(proof.sectorSize),
    })
    return readFileSync(output).subarray(0, bytes)
  } finally {
    await pool.close()
  }
}
