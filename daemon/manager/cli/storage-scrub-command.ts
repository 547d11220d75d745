import { Command } from 'commander'
import { z } from 'zod'
import { ScrubLook, ScrubReport } from '../../../rpc-schema/manager/store-care.js'
import { sectorName } from '../../../rpc-schema/wire/sector-id.js'
import { formatGoDuration } from '../../kit/config/duration.js'
import { tableText } from '../../kit/terminal/table.js'
import { minerArgument, numberArgument } from './arguments.js'
import { say, type Talk } from './talk.js'

interface Options {
  again: boolean
  json: boolean
}

/** `util storage scrub`. */
export const storageScrubCommand = (talk: Talk): Command =>
  new Command('scrub')
    .description('What the scrub of stored sectors has found and how far it is; with a sector: look at that one now')
    .argument('[miner]', 'the miner', minerArgument)
    .argument('[number]', 'the sector', numberArgument)
    .option('--again', 'look at all sectors with damage once more, now', false)
    .option('--json', 'as JSON', false)
    .action((miner: number | undefined, number: number | undefined, { again, json }: Options) =>
      talk(async (_, own) => {
        if (miner !== undefined) {
          if (number === undefined) throw new Error('expected a miner and a sector, found only a miner')
          const look = await own.ScrubSector({ Miner: miner, Number: number })
          if (look.Result === 'damaged') process.exitCode = 1
          if (json) return say(JSON.stringify(z.encode(ScrubLook, look), null, 2))
          return say(look.Why === '' ? look.Result : `${look.Result}: ${look.Why}`)
        }
        if (again)
          for (const { Sector } of (await own.ScrubReport()).Findings) {
            const { Result } = await own.ScrubSector(Sector)
            if (!json) say(`${sectorName(Sector)}: ${Result}`)
          }
        const report = await own.ScrubReport()
        if (report.Findings.length > 0) process.exitCode = 1
        say(json ? JSON.stringify(z.encode(ScrubReport, report), null, 2) : reportText(report))
      }),
    )

const time = (ms: number): string => (ms === 0 ? 'never' : new Date(ms).toISOString())

function reportText({ PeriodMs, RoundBegunAt, Looked, Total, Last, LookedAt, Findings }: ScrubReport): string {
  const pace = PeriodMs === 0 ? 'off: Common.Proving.ScrubPeriod is 0s' : `a round in ${formatGoDuration(PeriodMs)}`
  const lines = [
    `Scrub: ${pace}`,
    `Round: begun ${time(RoundBegunAt)}, ${Looked} of ${Total} sectors looked at`,
    `Last: ${Last === null ? '-' : sectorName(Last)}, ${time(LookedAt)}`,
    `Damaged: ${Findings.length}`,
  ]
  if (Findings.length === 0) return lines.join('\n')
  const rows = Findings.map(({ Sector, Since, SeenAt, Why }) => [sectorName(Sector), time(Since), time(SeenAt), Why])
  return [
    ...lines,
    tableText(['sector', 'since', 'seen', 'why'], rows),
    '`util sealer sectors rebuild MINER NUMBER` makes the files of a sector anew.',
  ].join('\n')
}
