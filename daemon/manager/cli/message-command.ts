import { Command } from 'commander'
import { z } from 'zod'
import { exitCodeText } from '../../../rpc-schema/actors/exit-codes.js'
import {
  MessageWhereabouts,
  type OperatorMessageState,
  OperatorMessageState as OperatorMessageStateSchema,
} from '../../../rpc-schema/manager/operator-message.js'
import { formatFil } from '../../../rpc-schema/wire/token-amount.js'
import { tableText } from '../../kit/terminal/table.js'
import { numberArgument } from './arguments.js'
import type { Reach } from './reach.js'
import { awaitMessage } from './send-message.js'
import { say, sayJson } from './talk.js'

/** Epochs that the original waits for here. */
const CONFIDENCE = 5

/** The messager's words for where a message is. */
const MESSAGER_WORDS: Readonly<Record<OperatorMessageState['State'], string>> = {
  intended: 'UnFillMsg',
  pushed: 'FillMsg',
  landed: 'OnChainMsg',
  refused: 'Failed',
  lost: 'Failed',
  dropped: 'Failed',
}

/** `util message`. */
export function messageCommand(reach: Reach): Command {
  const message = new Command('message').description('Track message')
  message
    .command('wait')
    .description('Wait for the execution result of the specified uid message')
    .argument('<uid>', 'its uid, its CID, or its id at the messager')
    .option('--confidence <epochs>', 'how deep it must be', numberArgument, CONFIDENCE)
    .option('--json', 'as JSON', false)
    .action((uid: string, options: { confidence: number; json: boolean }) =>
      reach.manager(async (_, sealyard) => {
        // Tells at once when nobody knows it.
        await sealyard.MessageState(uid)
        print(await awaitMessage(sealyard, uid, options.confidence), options.json)
      }),
    )
  message
    .command('search')
    .description('Search for the execution result of the specified uid message')
    .argument('<uid>', 'its uid, its CID, or its id at the messager')
    .option('--json', 'as JSON', false)
    .action((uid: string, options: { json: boolean }) =>
      reach.manager(async (_, sealyard) => print(await sealyard.MessageState(uid), options.json)),
    )
  message
    .command('list')
    .description('The messages that operators have sent, the newest first')
    .option('--limit <count>', 'how many', numberArgument, 20)
    .option('--json', 'as JSON', false)
    .action((options: { limit: number; json: boolean }) =>
      reach.manager(async (_, sealyard) => {
        const found = await sealyard.ListMessages(options.limit)
        if (options.json) return sayJson(found.map(one => z.encode(OperatorMessageStateSchema, one)))
        const rows = found.map(one => [
          one.State,
          one.MethodName,
          one.From.toString(),
          one.To.toString(),
          formatFil(one.Value),
          one.Receipt === null ? '-' : exitCodeText(one.Receipt.ExitCode),
          one.Uid,
        ])
        say(tableText(['state', 'method', 'from', 'to', 'value', 'exit', 'uid'], rows))
      }),
    )
  return message
}

function print(found: MessageWhereabouts, json: boolean): void {
  if (json) {
    sayJson(z.encode(MessageWhereabouts, found))
    return
  }
  say(`State: ${MESSAGER_WORDS[found.State]}`)
  if (found.Error !== '') say(`Error: ${found.Error}`)
  if (found.Receipt === null) return
  say(`Cid: ${found.Cid}`)
  say(`Height: ${found.Height}`)
  say(`Tipset: { ${found.TipSet.join(' ')} }`)
  say(`ExitCode: ${exitCodeText(found.Receipt.ExitCode)}`)
  say(`gas_used: ${found.Receipt.GasUsed}`)
}
