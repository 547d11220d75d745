import { randomUUID } from 'node:crypto'
import { Command, Option } from 'commander'
import { type MinerNumbers, PLEDGE_STATES, type Pledge } from '../../../rpc-schema/manager/sector-numbers.js'
import { RpcTransportError } from '../../../rpc-schema/rpc/error.js'
import { tableText } from '../../kit/terminal/table.js'
import { minerArgument, numberArgument } from './arguments.js'
import { type SealyardClient, say, type Talk } from './talk.js'

/** `sectors pledge`: for timed scripts. */
export const sectorsPledgeCommand = (talk: Talk): Command =>
  new Command('pledge')
    .description('Ask for new sectors; a worker that asks for work gets them, each once')
    .requiredOption('--miner <miner>', 'the miner', minerArgument)
    .option('--count <n>', 'how many', numberArgument, 1)
    .option('--request <id>', 'an id of this request, default a new one: the same again asks for no more')
    .option('--json', 'as JSON', false)
    .action((options: { miner: number; count: number; request?: string; json: boolean }) =>
      talk(async (_, own) => {
        const asked = await pledge(own, { request: randomUUID(), ...options })
        if (options.json) return say(JSON.stringify(asked, null, 2))
        say(`asked for ${asked.length} ${asked.length === 1 ? 'sector' : 'sectors'} of f0${options.miner}`)
        say(`pledges: ${asked.map(({ ID }) => ID).join(' ')}`)
      }),
    )

/** Once more when the answer was lost: the id of the request keeps it from counting twice. */
export async function pledge(
  own: SealyardClient,
  { miner, count, request }: { miner: number; count: number; request: string },
): Promise<Pledge[]> {
  try {
    return await own.PledgeSectors(miner, count, request)
  } catch (error) {
    if (!(error instanceof RpcTransportError)) throw error
    return own.PledgeSectors(miner, count, request)
  }
}

/** `sectors pledges`. */
export function sectorsPledgesCommand(talk: Talk): Command {
  const pledges = new Command('pledges').description('The sectors that were asked for')
  pledges
    .command('list')
    .description('List them; by default those that wait')
    .option('--miner <miner>', 'only of this miner', minerArgument)
    .addOption(new Option('--state <state>', 'in this state').choices([...PLEDGE_STATES, 'all']).default('waiting'))
    .option('--json', 'as JSON', false)
    .action((options: { miner?: number; state: Pledge['State'] | 'all'; json: boolean }) =>
      talk(async (_, own) => {
        const found: Pledge[] = []
        let after: number | null = null
        do {
          const page = await own.Pledges(
            options.miner ?? null,
            options.state === 'all' ? null : options.state,
            after,
            0,
          )
          found.push(...page.Pledges)
          after = page.Next
        } while (after !== null)
        if (options.json) return say(JSON.stringify(found, null, 2))
        say(
          found.length === 0
            ? 'No Pledges'
            : tableText(['ID', 'Miner', 'State', 'Sector', 'Asked', 'Settled'], found.map(row)),
        )
      }),
    )
  pledges
    .command('cancel')
    .description('Take back pledges that still wait')
    .argument('<id...>', 'the pledges')
    .action((ids: string[]) =>
      talk(async (_, own) => {
        const wanted = ids.map(numberArgument)
        const cancelled = await own.CancelPledges(wanted)
        say(`cancelled: ${cancelled.length}`)
        const others = wanted.filter(id => !cancelled.includes(id))
        if (others.length > 0) throw new Error(`not waiting any more, or unknown: ${others.join(' ')}`)
      }),
    )
  return pledges
}

const row = ({ ID, Miner, State, Number: sector, AskedAt, SettledAt }: Pledge): string[] => [
  String(ID),
  `f0${Miner}`,
  State,
  sector === null ? '-' : String(sector),
  new Date(AskedAt).toISOString(),
  SettledAt === null ? '-' : new Date(SettledAt).toISOString(),
]

/** `sectors numbers`. */
export const sectorsNumbersCommand = (talk: Talk): Command =>
  new Command('numbers')
    .description('How the sector numbers of a miner stand: the last one, limits, what was left out')
    .requiredOption('--miner <miner>', 'the miner', minerArgument)
    .option('--raise-to <number>', 'give no number up to this one any more', numberArgument)
    .option('--reason <text>', 'with --raise-to: why', '')
    .option('--json', 'as JSON', false)
    .action((options: { miner: number; raiseTo?: number; reason: string; json: boolean }) =>
      talk(async (_, own) => {
        if (options.raiseTo !== undefined) await own.RaiseSectorNumber(options.miner, options.raiseTo, options.reason)
        const numbers = await own.SectorNumbers(options.miner)
        say(options.json ? JSON.stringify(numbers, null, 2) : numbersText(numbers))
      }),
    )

const orNone = (number: number | null): string => (number === null ? 'none' : String(number))

function numbersText(numbers: MinerNumbers): string {
  const sealing = numbers.MaxSealing === 0 ? `${numbers.Sealing}` : `${numbers.Sealing} of ${numbers.MaxSealing}`
  return [
    `Miner: f0${numbers.Miner}`,
    `Last number given: ${numbers.Last}`,
    `Limits: above ${numbers.Min}, ${numbers.Max === null ? 'no end' : `up to ${numbers.Max}`}`,
    `Largest with a record: ${orNone(numbers.Recorded)}`,
    `Largest used on the chain: ${orNone(numbers.OnChain)}`,
    `Largest with files in a store: ${orNone(numbers.Stored)}`,
    `Being sealed: ${sealing}`,
    `Pledges waiting: ${numbers.PledgesWaiting}${numbers.PledgeOnly ? ' (sectors are only given for pledges)' : ''}`,
    ...numbers.Skips.map(
      ({ At, Before, After, Reason }) =>
        `Left out at ${new Date(At).toISOString()}: ${Before + 1} to ${After} (${Reason})`,
    ),
  ].join('\n')
}
