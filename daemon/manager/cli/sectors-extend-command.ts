import { readFileSync } from 'node:fs'
import { Command, InvalidArgumentError } from 'commander'
import { z } from 'zod'
import {
  type ExtensionOptions,
  ExtensionPlan,
  ExtensionResult,
  type PlannedExtension,
} from '../../../rpc-schema/manager/sector-life.js'
import { errorText } from '../../../rpc-schema/seal-error.js'
import { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import { parseFil } from '../../../rpc-schema/wire/token-amount.js'
import { minerArgument, numberArgument } from './arguments.js'
import { say, type Talk } from './talk.js'

interface ExtendOptions {
  miner?: number
  from: number
  to: number
  sectorFile?: Bitfield
  exclude?: Bitfield
  extension: number
  newExpiration: number
  onlyCc: boolean
  dropClaims: boolean
  tolerance: number
  maxFee: bigint
  maxSectors: number
  reallyDoIt: boolean
  json: boolean
}

/** `sectors extend`. */
export const sectorsExtendCommand = (talk: Talk): Command =>
  new Command('extend')
    .description(
      'Extend sectors that are about to expire, as far as the network allows. Without --really-do-it: what would be sent',
    )
    .argument('[sectorNumbers...]', 'these sectors, whenever they expire')
    .option('--miner <miner>', 'the miner; default: the only one that is configured', minerArgument)
    .option('--from <epoch>', 'sectors that expire from this epoch on; 0 is an hour from now', numberArgument, 0)
    .option('--to <epoch>', 'sectors that expire up to this epoch; 0 is 32 days from now', numberArgument, 0)
    .option('--sector-file <file>', 'a file with one sector number a line, instead of an interval', numbersFile)
    .option('--exclude <file>', 'a file with sector numbers that are left as they are', numbersFile)
    .option('--extension <epochs>', 'extend by so many epochs', numberArgument, 1_555_200)
    .option('--new-expiration <epoch>', 'extend to this epoch instead', numberArgument, 0)
    .option('--only-cc', 'only sectors without data', false)
    .option('--drop-claims', 'drop claims that end before, with the power they give', false)
    .option('--tolerance <epochs>', 'not for fewer epochs than this', numberArgument, 20_160)
    .option('--max-fee <amount>', 'the most that one message may cost, in FIL; 0 is no limit', filArgument, 0n)
    .option('--max-sectors <n>', 'sectors in one message; 0 is what the network allows', numberArgument, 0)
    .option('--really-do-it', 'without it nothing is done', false)
    .option('--json', 'as JSON', false)
    .action((numbers: string[], options: ExtendOptions) =>
      talk(async (_, own) => {
        const wanted = extensionOptions(numbers, options)
        const miner = options.miner ?? null
        if (!options.reallyDoIt) {
          const plan = await own.PlanExtension(miner, wanted)
          return say(options.json ? JSON.stringify(z.encode(ExtensionPlan, plan), null, 2) : planText(plan))
        }
        const result = await own.ExtendSectors(miner, wanted)
        say(options.json ? JSON.stringify(z.encode(ExtensionResult, result), null, 2) : resultText(result))
        const failed = result.Sent.filter(({ Cid }) => Cid === null)
        if (failed.length > 0) throw new Error(`not sent: ${failed.map(one => one.Error).join('; ')}`)
      }),
    )

function extensionOptions(numbers: readonly string[], options: ExtendOptions): ExtensionOptions {
  const named = numbers.length > 0 ? Bitfield.of(numbers.map(numberArgument)) : options.sectorFile
  return {
    Numbers: named ?? null,
    From: options.from,
    To: options.to,
    Exclude: options.exclude ?? null,
    Extension: options.extension,
    NewExpiration: options.newExpiration,
    Tolerance: options.tolerance,
    OnlyCC: options.onlyCc,
    DropClaims: options.dropClaims,
    MaxSectors: options.maxSectors,
    MaxFee: options.maxFee,
  }
}

/** The parameters of each message, as damocles prints them, and why sectors are left out. */
function planText({ Messages, LeftOut }: ExtensionPlan): string {
  const messages = Messages.map(message => JSON.stringify({ Extensions: message.map(declaration) }, null, '\t'))
  const count = Messages.flat().reduce((sum, { Sectors }) => sum + Sectors.count, 0)
  const end =
    count === 0
      ? 'nothing to extend'
      : `${count} sectors in ${Messages.length} messages: pass --really-do-it to extend them`
  return [...messages, ...LeftOut.map(leftOutText), end].join('\n')
}

function resultText({ Plan, Sent }: ExtensionResult): string {
  const lines = Sent.flatMap(({ Sectors, Cid }) =>
    Cid === null ? [] : [`Extending ${Sectors.count} sectors: `, Cid, `${Sectors.count} sectors extended`],
  )
  if (Sent.length === 0) lines.push('nothing to extend')
  return [...Plan.LeftOut.map(leftOutText), ...lines].join('\n')
}

const leftOutText = (one: ExtensionPlan['LeftOut'][number]): string => `sector ${one.Number} left out: ${one.Reason}`

const declaration = ({ Deadline, Partition, Sectors, DropClaims, NewExpiration }: PlannedExtension) => ({
  Deadline,
  Partition,
  Sectors: rangesText(Sectors),
  ...(DropClaims.length > 0 && { DropClaims }),
  NewExpiration,
})

/** `1,3-5` */
export const rangesText = (set: Bitfield): string =>
  [...set.ranges()].map(([start, end]) => (end - start === 1 ? `${start}` : `${start}-${end - 1}`)).join(',')

function numbersFile(path: string): Bitfield {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new InvalidArgumentError(`cannot read the file: ${errorText(error)}.`)
  }
  const lines = text.split('\n').map((line, index) => ({ line: line.trim(), at: index + 1 }))
  const numbers = lines
    .filter(({ line }) => line !== '')
    .map(({ line, at }) => {
      if (!/^\d+$/.test(line))
        throw new InvalidArgumentError(`${path}:${at}: expected a sector number, found '${line}'.`)
      return Number(line)
    })
  return Bitfield.of(numbers)
}

function filArgument(text: string): bigint {
  try {
    const amount = parseFil(text)
    if (amount >= 0n) return amount
  } catch (error) {
    throw new InvalidArgumentError(`${errorText(error)}.`)
  }
  throw new InvalidArgumentError('expected an amount that is not negative.')
}
