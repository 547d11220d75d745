import { Command, Option } from 'commander'
import { minerArgument, numberArgument } from './arguments.js'
import { say, type Talk } from './talk.js'

/** `sectors abort`. */
export const sectorsAbortCommand = (talk: Talk): Command =>
  new Command('abort')
    .description('Abort specified online sector job')
    .argument('<miner>', 'the miner', minerArgument)
    .argument('<number>', 'the sector', numberArgument)
    .option('--really-do-it', 'without it nothing is done', false)
    .action((miner: number, number: number, options: { reallyDoIt: boolean }) => {
      if (!options.reallyDoIt) return say('pass --really-do-it to give the sector up')
      return talk(async manager => manager.ReportAborted({ Miner: miner, Number: number }, 'aborted via CLI'))
    })

/** `sectors restore`. */
export const sectorsRestoreCommand = (talk: Talk): Command =>
  new Command('restore')
    .description('Restore a sector state that may already finalized or aborted')
    .argument('<miner>', 'the miner', minerArgument)
    .argument('<number>', 'the sector', numberArgument)
    .option('--force', 'whatever state it is in', false)
    .action((miner: number, number: number, options: { force: boolean }) =>
      talk(async manager => manager.RestoreSector({ Miner: miner, Number: number }, options.force)),
    )

/** `sectors finalize`. */
export const sectorsFinalizeCommand = (talk: Talk): Command =>
  new Command('finalize')
    .description('Mark a sector that is on the chain as finished')
    .argument('<number>', 'the sector', numberArgument)
    .option('--miner <miner>', 'the miner', minerArgument)
    .addOption(new Option('--actor <miner>', 'the same as --miner').argParser(minerArgument))
    .option('--really-do-it', 'without it nothing is done', false)
    .action((number: number, options: { miner?: number; actor?: number; reallyDoIt: boolean }, command: Command) => {
      const miner = options.miner ?? options.actor
      if (miner === undefined) return command.error("error: required option '--miner <miner>' not specified")
      if (!options.reallyDoIt) return say('pass --really-do-it to mark the sector as finished')
      return talk(async manager => {
        await manager.FinalizeSector({ Miner: miner, Number: number })
        say('finalize succeed')
      })
    })
