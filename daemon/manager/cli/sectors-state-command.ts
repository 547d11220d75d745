import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { z } from 'zod'
import { SectorState } from '../../../rpc-schema/manager/sector-state.js'
import { schemaIssuesText } from '../../../rpc-schema/schema-issue.js'
import { type SectorID, sectorName } from '../../../rpc-schema/wire/sector-id.js'
import { minerArgument, numberArgument } from './arguments.js'
import { sectorStateText } from './sector-text.js'
import { type ManagerClient, say, type Talk } from './talk.js'

export const recordJson = (record: SectorState): unknown => z.encode(SectorState, record)

export async function recordOf(manager: ManagerClient, sid: SectorID): Promise<SectorState> {
  const record = await manager.FindSectorInAllStates(sid)
  if (record === null) throw new Error('key not found')
  return record
}

/** `sectors state`, with `export-json` and `import-json`. */
export function sectorsStateCommand(talk: Talk): Command {
  const state = new Command('state')
    .description('Load and display the detailed sector state')
    .argument('<miner>', 'the miner', minerArgument)
    .argument('<number>', 'the sector', numberArgument)
    .option('--offline', 'DEPRECATED: the record is found wherever it is', false)
    .option('--json', 'as JSON', false)
    .action((miner: number, number: number, options: { json: boolean }) =>
      talk(async manager => {
        const record = await recordOf(manager, { Miner: miner, Number: number })
        say(options.json ? JSON.stringify(recordJson(record), null, 2) : sectorStateText(record))
      }),
    )
  state
    .command('export-json')
    .description('Export sector state in JSON format')
    .argument('<miner>', 'the miner', minerArgument)
    .argument('<number>', 'the sector', numberArgument)
    .action((miner: number, number: number) =>
      talk(async manager => say(JSON.stringify(recordJson(await recordOf(manager, { Miner: miner, Number: number }))))),
    )
  state
    .command('import-json')
    .description('Import sector state in JSON format: a finalized one offline, any other online')
    .argument('<file>', 'the file with the state, as export-json writes it')
    .option('--override', 'in the place of a record that is there', false)
    .option('--really-do-it', 'without it the state is only shown', false)
    .action((file: string, options: { override: boolean; reallyDoIt: boolean }) => {
      const record = readRecord(file)
      return talk(async manager => {
        const store = record.Finalized ? 'offline' : 'online'
        if (!options.reallyDoIt) {
          say(sectorStateText(record))
          say(await consequence(manager, record, store, options.override))
          return say('pass --really-do-it to import this state')
        }
        if (!(await manager.ImportSector(store, record, options.override)))
          throw new Error(`${sectorName(record.ID)} has a record already, which is kept: see --override`)
        say(`${sectorName(record.ID)} imported, ${store}`)
      })
    })
  return state
}

function readRecord(file: string): SectorState {
  let parsed: unknown
  try {
    parsed = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new Error(`${file}: expected the JSON of a sector: ${(error as Error).message}`, { cause: error })
  }
  const record = z.safeDecode(SectorState, parsed as never)
  if (record.success) return record.data
  throw new Error(`${file}: ${schemaIssuesText(record.error, parsed, 'state')}`)
}

async function consequence(
  manager: ManagerClient,
  { ID }: SectorState,
  store: string,
  override: boolean,
): Promise<string> {
  const before = await manager.FindSectorInAllStates(ID).catch(() => null)
  if (before === null) return `this will be a new ${store} record`
  const where = before.Finalized ? 'offline' : 'online'
  return override
    ? `this will take the place of the record that is ${where} now, which will be lost`
    : `there is a record already, ${where}: without --override it is kept and nothing is imported`
}
