import { Command } from 'commander'
import { z } from 'zod'
import { SUBMIT_RESULT, TerminateInfo } from '../../../rpc-schema/manager/commitment.js'
import { TerminationPreview } from '../../../rpc-schema/manager/sector-life.js'
import { sectorName } from '../../../rpc-schema/wire/sector-id.js'
import { formatFil } from '../../../rpc-schema/wire/token-amount.js'
import { minerArgument, numberArgument } from './arguments.js'
import { say, type Talk } from './talk.js'

interface TerminateOptions {
  actor?: number
  reallyDoIt: boolean
  json: boolean
}

/** `sectors terminate`, and `sectors terminate query`. `minerOf`: the miner when none is named. */
export function sectorsTerminateCommand(talk: Talk, minerOf?: () => number): Command {
  const required = (actor: number | undefined): number => {
    const miner = actor ?? minerOf?.()
    if (miner === undefined) throw new Error('--actor: expected the miner, as in --actor 1000')
    return miner
  }
  const terminate = new Command('terminate')
    .description(
      'Terminate a sector on the chain (WARNING: its power is lost, and a part of its pledge). Without --really-do-it: what it would cost',
    )
    .argument('<sectorNum>', 'the sector', numberArgument)
    .option('--actor <miner>', 'the miner', minerArgument)
    .option('--really-do-it', 'without it nothing is done', false)
    .option('--json', 'as JSON', false)
    .action((number: number, { actor, reallyDoIt, json }: TerminateOptions) =>
      talk(async (manager, own) => {
        const sid = { Miner: required(actor), Number: number }
        if (!reallyDoIt) {
          const preview = await own.PreviewTermination(sid)
          if (json) return say(JSON.stringify(z.encode(TerminationPreview, preview), null, 2))
          return say(`${previewText(preview)}\n\npass --really-do-it to terminate the sector`)
        }
        const { Res, Desc } = await manager.TerminateSector(sid)
        if (Res === SUBMIT_RESULT.accepted) return say('terminate accepted')
        throw new Error(`terminate failed: ${Desc ?? 'refused'}`)
      }),
    )
  terminate
    .command('query')
    .description('How far the termination of a sector is')
    .argument('<sectorNum>', 'the sector', numberArgument)
    .option('--actor <miner>', 'the miner, if it was not named before', minerArgument)
    .option('--json', 'as JSON', false)
    .action((number: number, options: { actor?: number; json: boolean }) =>
      talk(async manager => {
        const { actor, json } = terminate.opts<TerminateOptions>()
        const sid = { Miner: required(options.actor ?? actor), Number: number }
        const info = await manager.PollTerminateSectorState(sid)
        if (options.json || json) return say(JSON.stringify(z.encode(TerminateInfo, info), null, 2))
        say(`msg: ${info.TerminateCid ?? 'null'}, height: ${info.TerminatedAt}, added height: ${info.AddedHeight}`)
      }),
    )
  return terminate
}

function previewText(preview: TerminationPreview): string {
  const { Sector, Deadline, Partition, Mutable, MutableFrom, InitialPledge, FeeAtLeast, Sender } = preview
  return [
    `Sector: ${sectorName(Sector)} (deadline ${Deadline}, partition ${Partition})`,
    `Lives: from epoch ${preview.Activation} to ${preview.Expiration}`,
    `Data: ${preview.HasData ? 'yes, its deals and claims end, too' : 'none'}`,
    `Pledge: ${formatFil(InitialPledge)}`,
    `Fee: ${formatFil(FeeAtLeast)} at least, burnt from the pledge`,
    `Comes back: ${formatFil(InitialPledge - FeeAtLeast)} at most`,
    `Sender: ${Sender}, who pays the gas`,
    Mutable ? 'Sent: with the next batch' : `Sent: from epoch ${MutableFrom} on, its deadline is being proven`,
  ].join('\n')
}
