import { Command } from 'commander'
import { lotusMinerService } from '../../../rpc-schema/chain/lotus-miner.js'
import { rpcClient } from '../../../rpc-schema/rpc/client.js'
import { connectRpc } from '../../../rpc-schema/rpc/connection.js'
import { errorText } from '../../../rpc-schema/seal-error.js'
import { sectorName } from '../../../rpc-schema/wire/sector-id.js'
import { RPC_PATH } from '../http/rpc-path.js'
import { recordFromLotusMiner } from '../sectors/from-lotus-miner.js'
import { numbersArgument } from './arguments.js'
import { type ManagerClient, say, type Talk } from './talk.js'

interface ImportOptions {
  api: string
  token?: string
  override: boolean
  numbers?: number[]
  dryRun: boolean
}

/** `sectors import`. */
export const sectorsImportCommand = (talk: Talk): Command =>
  new Command('import')
    .description('Import sector infos from the given lotus-miner instance')
    .requiredOption('--api <address>', 'address of the lotus-miner, as URL or multiaddr')
    .option('--token <token>', 'token of the lotus-miner')
    .option('--override', 'in the place of records that are there', false)
    .option('--numbers <numbers>', 'only these; more than once, or with commas', numbersArgument)
    .option('--dry-run', 'only say what would be imported', false)
    .action((options: ImportOptions) => talk(manager => importAll(manager, options)))

async function importAll(manager: ManagerClient, options: ImportOptions): Promise<void> {
  const connection = connectRpc(options.api, {
    path: RPC_PATH,
    ...(options.token !== undefined && { token: options.token }),
  })
  const counts = { imported: 0, kept: 0, left: 0 }
  try {
    const miner = rpcClient(lotusMinerService, connection)
    const actor = (await miner.ActorAddress()).id
    for (const number of options.numbers ?? (await miner.SectorsList())) {
      const sid = { Miner: actor, Number: number }
      const name = sectorName(sid)
      try {
        const record = recordFromLotusMiner(sid, await miner.SectorsStatus(number, true))
        if (options.dryRun) {
          counts.imported += 1
          say(`${name}: would be imported`)
        } else if (await manager.ImportSector('offline', record, options.override)) {
          counts.imported += 1
          say(`${name}: imported`)
        } else {
          counts.kept += 1
          say(`${name}: not imported, there is a record already (see --override)`)
        }
      } catch (error) {
        counts.left += 1
        say(`${name}: not imported: ${errorText(error)}`)
      }
    }
  } finally {
    await connection.close()
  }
  say(
    `${options.dryRun ? 'would import' : 'imported'}: ${counts.imported}, kept: ${counts.kept}, not possible: ${counts.left}`,
  )
  if (counts.left > 0) throw new Error(`${counts.left} sectors were not imported`)
}
