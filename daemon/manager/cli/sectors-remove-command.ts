import { Command } from 'commander'
import { sectorName } from '../../../rpc-schema/wire/sector-id.js'
import { minerArgument, numberArgument } from './arguments.js'
import { say, type Talk } from './talk.js'

interface Flags {
  actor: number
  reallyDoIt: boolean
  force: boolean
}

/** `util sealer sectors remove`: shows what would be deleted, and deletes it. */
export function sectorsRemoveCommand(talk: Talk): Command {
  return new Command('remove')
    .description('Delete the stored files of a sector that nothing needs any more')
    .argument('<number>', 'the sector', numberArgument)
    .requiredOption('--actor <miner>', 'the miner', minerArgument)
    .option('--really-do-it', 'without it nothing is done', false)
    .option('--force', 'also against what the chain says', false)
    .action((number: number, { actor, reallyDoIt, force }: Flags) =>
      talk(async (_, own) => {
        const sid = { Miner: actor, Number: number }
        const { Paths, WhyNot, Done } = await own.PreviewRemoval(sid)
        if (Done) return say(`the files of ${sectorName(sid)} are removed already`)
        for (const { Store, Path } of Paths ?? [])
          say(`${reallyDoIt ? 'deletes' : 'would delete'} ${Path} in the store ${Store}`)
        if (WhyNot !== null) say(`against it: ${WhyNot}`)
        if (!reallyDoIt) return say(`pass --really-do-it${WhyNot === null ? '' : ' and --force'} to delete them`)
        await own.RemoveSectorFiles(sid, force)
        say('remove succeed')
      }),
    )
}
