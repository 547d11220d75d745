import { Command } from 'commander'
import { minerArgument, numberArgument } from './arguments.js'
import { say, type Talk } from './talk.js'

/** `sectors rebuild`. */
export const sectorsRebuildCommand = (talk: Talk): Command =>
  new Command('rebuild')
    .description('Queue a finished sector, whose files are to be made anew')
    .argument('<miner>', 'the miner', minerArgument)
    .argument('<number>', 'the sector', numberArgument)
    .option('--pieces-available', 'for an imported sector with deals: all its pieces are at the piece store', false)
    .action((miner: number, number: number, options: { piecesAvailable: boolean }) =>
      talk(async manager => {
        const sid = { Miner: miner, Number: number }
        if (!(await manager.SectorSetForRebuild(sid, { PiecesAvailable: options.piecesAvailable })))
          throw new Error('the sector was not queued')
        say('queued: a worker with the plan "rebuild" will take it; `sectors abort` takes it back')
      }),
    )
