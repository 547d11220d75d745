import { Command } from 'commander'
import { tableText } from '../../kit/terminal/table.js'
import { minerArgument, numberArgument } from './arguments.js'
import { say, type Talk } from './talk.js'

/** `util sealer snap`. */
export function snapCommand(talk: Talk): Command {
  const snap = new Command('snap').description('Commands for snap-up sectors')
  snap
    .command('fetch')
    .description('Fetch activated CC sectors in the specified deadline as snap candidates')
    .argument('<miner>', 'the miner', minerArgument)
    .argument('<deadline>', 'the deadline', numberArgument)
    .option('--json', 'as JSON', false)
    .action((miner: number, deadline: number, options: { json: boolean }) =>
      talk(async manager => {
        const { Total, Diff } = await manager.SnapUpPreFetch(miner, deadline)
        say(
          options.json
            ? JSON.stringify({ Total, Diff })
            : `candidate sectors fetched: available-in-deadline ${Total}, added ${Diff}`,
        )
      }),
    )
  snap
    .command('candidates')
    .description('Show fetched cc sectors for specified miner')
    .argument('<miner>', 'the miner', minerArgument)
    .option('--show-all', 'deadlines without candidates, too', false)
    .option('--json', 'as JSON, with the sector numbers', false)
    .action((miner: number, options: { showAll: boolean; json: boolean }) =>
      talk(async manager => {
        const candidates = ((await manager.SnapUpCandidates(miner)) ?? []).map((sectors, deadline) => ({
          deadline,
          sectors: sectors?.toArray() ?? [],
        }))
        const shown = candidates.filter(({ sectors }) => options.showAll || sectors.length > 0)
        if (options.json) return say(JSON.stringify(shown, null, 2))
        if (shown.length === 0) return say('no candidates available')
        say(
          tableText(
            ['deadline', 'count'],
            shown.map(({ deadline, sectors }) => [String(deadline), String(sectors.length)]),
          ),
        )
      }),
    )
  snap
    .command('cancel-commit')
    .description('Stop the sending of an upgrade that is not on its way to the chain yet')
    .argument('<miner>', 'the miner', minerArgument)
    .argument('<number>', 'the sector', numberArgument)
    .action((miner: number, number: number) =>
      talk(async manager => manager.SnapUpCancelCommitment({ Miner: miner, Number: number })),
    )
  return snap
}
