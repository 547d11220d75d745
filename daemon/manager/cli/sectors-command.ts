import { Command } from 'commander'
import { z } from 'zod'
import { SECTOR_WORKER_JOB, SectorState } from '../../../rpc-schema/manager/sector-state.js'
import { belongsToJob } from '../sectors/sector-record.js'
import { minerArgument, numberArgument } from './arguments.js'
import { sectorListText, sectorStateText } from './sector-text.js'
import { type ManagerClient, say } from './talk.js'

type Talk = (action: (manager: ManagerClient) => Promise<void>) => Promise<void>

const asJson = (record: SectorState): unknown => z.encode(SectorState, record)

interface ListOptions {
  offline: boolean
  sealing: boolean
  snapup: boolean
  rebuild: boolean
  unseal: boolean
  miner?: number
  json: boolean
}

/** `util sealer sectors`. */
export function sectorsCommand(talk: Talk): Command {
  const sectors = new Command('sectors').description('Commands for interacting with sectors')

  sectors
    .command('list')
    .description('Print sector data')
    .option('--offline', 'the finished and aborted sectors', false)
    .option('--sealing', 'sectors that are sealed', true)
    .option('--no-sealing', 'without sectors that are sealed')
    .option('--snapup', 'sectors that are upgraded', false)
    .option('--rebuild', 'sectors that are rebuilt', false)
    .option('--unseal', 'sectors that are unsealed', false)
    .option('--miner <miner>', 'only of this miner', minerArgument)
    .option('--json', 'as JSON', false)
    .action((options: ListOptions) =>
      talk(async manager => {
        const all = (await manager.ListSectors(options.offline ? 'offline' : 'online', SECTOR_WORKER_JOB.all)) ?? []
        const chosen = all.filter(record => isChosen(record, options))
        if (options.json) return say(JSON.stringify(chosen.map(asJson), null, 2))
        say(['Sectors:', ...chosen.map(sectorListText), `Count: ${chosen.length}`].join('\n'))
      }),
    )

  const state = sectors
    .command('state')
    .description('Load and display the detailed sector state')
    .argument('<miner>', 'the miner', minerArgument)
    .argument('<number>', 'the sector', numberArgument)
    .option('--offline', 'DEPRECATED: the record is found wherever it is', false)
    .option('--json', 'as JSON', false)
    .action((miner: number, number: number, options: { json: boolean }) =>
      talk(async manager => {
        const record = await manager.FindSectorInAllStates({ Miner: miner, Number: number })
        if (record === null) throw new Error('key not found')
        say(options.json ? JSON.stringify(asJson(record), null, 2) : sectorStateText(record))
      }),
    )
  state
    .command('export-json')
    .description('Export sector state in JSON format')
    .argument('<miner>', 'the miner', minerArgument)
    .argument('<number>', 'the sector', numberArgument)
    .action((miner: number, number: number) =>
      talk(async manager => {
        const record = await manager.FindSectorInAllStates({ Miner: miner, Number: number })
        if (record === null) throw new Error('key not found')
        say(JSON.stringify(asJson(record)))
      }),
    )

  sectors
    .command('abort')
    .description('Abort specified online sector job')
    .argument('<miner>', 'the miner', minerArgument)
    .argument('<number>', 'the sector', numberArgument)
    .option('--really-do-it', 'without it nothing is done', false)
    .action((miner: number, number: number, options: { reallyDoIt: boolean }) => {
      if (!options.reallyDoIt) return say('pass --really-do-it to give the sector up')
      return talk(async manager => manager.ReportAborted({ Miner: miner, Number: number }, 'aborted via CLI'))
    })

  sectors
    .command('restore')
    .description('Restore a sector state that may already finalized or aborted')
    .argument('<miner>', 'the miner', minerArgument)
    .argument('<number>', 'the sector', numberArgument)
    .option('--force', 'whatever state it is in', false)
    .action((miner: number, number: number, options: { force: boolean }) =>
      talk(async manager => manager.RestoreSector({ Miner: miner, Number: number }, options.force)),
    )

  return sectors
}

function isChosen(record: SectorState, options: ListOptions): boolean {
  if (options.miner !== undefined && record.ID.Miner !== options.miner) return false
  const classes = [
    [options.sealing, SECTOR_WORKER_JOB.sealing],
    [options.snapup, SECTOR_WORKER_JOB.snapup],
    [options.rebuild, SECTOR_WORKER_JOB.rebuild],
    [options.unseal, SECTOR_WORKER_JOB.unseal],
  ] as const
  return classes.some(([wanted, job]) => wanted && belongsToJob(record, job))
}
