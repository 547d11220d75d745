import { Command, Option } from 'commander'
import { z } from 'zod'
import { type ExpiredSectors, ExpiringSectors } from '../../../rpc-schema/manager/sector-life.js'
import { errorText } from '../../../rpc-schema/seal-error.js'
import { sectorName } from '../../../rpc-schema/wire/sector-id.js'
import { formatFil } from '../../../rpc-schema/wire/token-amount.js'
import { tableText } from '../../kit/terminal/table.js'
import { minerArgument, numberArgument } from './arguments.js'
import { epochText } from './epoch-text.js'
import { type ManagerClient, say, type Talk } from './talk.js'

/** `sectors check-expire`. */
export const sectorsCheckExpireCommand = (talk: Talk): Command =>
  new Command('check-expire')
    .description('Inspect expiring sectors')
    .option('--miner <miner>', 'the miner; default: the only one that is configured', minerArgument)
    .option('--cutoff <epochs>', 'sectors that expire within so many epochs; default: 60 days', numberArgument, 172_800)
    .option('--json', 'as JSON', false)
    .action((options: { miner?: number; cutoff: number; json: boolean }) =>
      talk(async (_, own) => {
        const expiring = await own.ExpiringSectors(options.miner ?? null, options.cutoff)
        say(options.json ? JSON.stringify(z.encode(ExpiringSectors, expiring), null, 2) : expiringText(expiring))
      }),
    )

const HEADER = ['ID', 'SealProof', 'InitialPledge', 'Activation', 'Expiration', 'MaxExpiration', 'MaxExtendNow']

function expiringText({ Epoch, BlockDelaySecs, Sectors }: ExpiringSectors): string {
  const at = (epoch: number): string => epochText(epoch, Epoch, BlockDelaySecs)
  const rows = Sectors.map(one => [
    String(one.Number),
    String(one.SealProof),
    formatFil(one.InitialPledge),
    at(one.Activation),
    at(one.Expiration),
    at(one.MaxExpiration),
    at(one.MaxExtendNow),
  ])
  return [`Sectors(${Sectors.length}):`, ...(rows.length > 0 ? [tableText(HEADER, rows)] : [])].join('\n')
}

interface ExpiredOptions {
  miner?: number
  showRemoved: boolean
  removeExpired: boolean
  confirmRemoveCount?: number
  expiredEpoch?: number
  json: boolean
}

/** `sectors expired`. */
export const sectorsExpiredCommand = (talk: Talk): Command =>
  new Command('expired')
    .description('Get or clean up expired sectors')
    .option('--miner <miner>', 'the miner; default: the only one that is configured', minerArgument)
    .option('--show-removed', 'those whose files are removed already, too', false)
    .option('--remove-expired', 'remove their files', false)
    .addOption(
      new Option('--confirm-remove-count <n>', 'so many are to be removed').argParser(numberArgument).hideHelp(),
    )
    .option(
      '--expired-epoch <epoch>',
      'sectors that had ended by this epoch; default: as far back as winning PoSt looks',
      numberArgument,
    )
    .option('--json', 'as JSON', false)
    .action((options: ExpiredOptions) =>
      talk(async (manager, own) => {
        const expired = await own.ExpiredSectors(options.miner ?? null, options.expiredEpoch ?? null)
        const waiting = expired.Sectors.filter(({ Removed }) => !Removed)
        const shown = options.showRemoved ? expired.Sectors : waiting
        if (options.json) say(JSON.stringify({ ...expired, Sectors: shown }, null, 2))
        else if (shown.length === 0) say('no expired sectors')
        else say(shown.map(one => expiredText(expired, one)).join('\n'))
        if (!options.removeExpired || waiting.length === 0) return
        if (options.confirmRemoveCount !== waiting.length) {
          const epoch = `--expired-epoch ${expired.Epoch}`
          return say(
            `\nto remove the files of these ${waiting.length} sectors, say\n  sectors expired --miner ${expired.Miner} --remove-expired ${epoch} --confirm-remove-count ${waiting.length}`,
          )
        }
        await removeAll(manager, expired.Miner, waiting)
      }),
    )

type Expired = ExpiredSectors['Sectors'][number]

const expiredText = ({ Miner }: ExpiredSectors, one: Expired): string =>
  `${sectorName({ Miner, Number: one.Number })}${one.Removed ? ' (removed)' : ''}`

/** One that cannot be removed does not keep the others. */
async function removeAll(manager: ManagerClient, miner: number, sectors: readonly Expired[]): Promise<void> {
  const failed: string[] = []
  for (const { Number: number } of sectors) {
    const sid = { Miner: miner, Number: number }
    try {
      await manager.RemoveSector(sid)
      say(`removed ${sectorName(sid)}`)
    } catch (error) {
      failed.push(`${sectorName(sid)}: ${errorText(error)}`)
    }
  }
  if (failed.length > 0) throw new Error(`not removed: ${failed.join('; ')}`)
}
