import { Command } from 'commander'
import { z } from 'zod'
import { MinerNumbers } from '../../../../rpc-schema/manager/sector-numbers.js'
import { errorText } from '../../../../rpc-schema/seal-error.js'
import { Address } from '../../../../rpc-schema/wire/address.js'
import { formatFil } from '../../../../rpc-schema/wire/token-amount.js'
import { formatByteSize } from '../../../kit/config/byte-size.js'
import { reachableAddress } from '../arguments.js'
import { withChain } from '../chain-reach.js'
import { say, type Talk } from '../talk.js'
import { type SealerFlags, sealerHome, sealerMiner, sealerSetup } from './sealer-home.js'

interface Info {
  miner: string
  listen: string
  workersReachItAt: string | null
  chain:
    | { head: number; sectorSize: number; balance: string; available: string; worker: string; owner: string }
    | string
  sectors: unknown
}

/** `info`: the miner in a few lines. What does not answer is told in its place. */
export const infoCommand = (flagsOf: () => SealerFlags, talk: Talk): Command =>
  new Command('info')
    .description('Print the miner: what the chain and the manager say of it')
    .option('--json', 'as JSON', false)
    .action(async ({ json }: { json: boolean }) => {
      const home = sealerHome(flagsOf())
      const miner = sealerMiner(home, flagsOf())
      const { listen, remote } = sealerSetup(home)
      const info: Info = {
        miner: `f0${miner}`,
        listen: reachableAddress(listen),
        workersReachItAt: remote ?? null,
        chain: 'not asked',
        sectors: null,
      }
      await withChain(home, async chain => {
        const address = Address.fromId(miner)
        const [head, about, actor, available] = await Promise.all([
          chain.ChainHead(),
          chain.StateMinerInfo(address, []),
          chain.StateGetActor(address, []),
          chain.StateMinerAvailableBalance(address, []),
        ])
        info.chain = {
          head: head.Height,
          sectorSize: about.SectorSize,
          balance: formatFil(actor.Balance),
          available: formatFil(available),
          worker: String(about.Worker),
          owner: String(about.Owner),
        }
      }).catch((error: unknown) => {
        info.chain = `does not answer: ${errorText(error)}`
      })
      let numbers: MinerNumbers | string = ''
      await talk(async (_, own) => {
        numbers = await own.SectorNumbers(miner)
      }).catch((error: unknown) => {
        numbers = errorText(error)
      })
      info.sectors = typeof numbers === 'string' ? numbers : z.encode(MinerNumbers, numbers)
      if (typeof info.chain === 'string' || typeof numbers === 'string') process.exitCode = 1
      say(json ? JSON.stringify(info, null, 2) : infoText(info, numbers))
    })

function infoText({ miner, listen, workersReachItAt, chain }: Info, numbers: MinerNumbers | string): string {
  const lines = [`Miner: ${miner}`]
  if (typeof chain === 'string') lines.push(`Chain: ${chain}`)
  else
    lines.push(
      `Chain: head ${chain.head}`,
      `Sector size: ${formatByteSize(chain.sectorSize)}`,
      `Balance: ${chain.balance}, of which available: ${chain.available}`,
      `Worker: ${chain.worker}`,
      `Owner: ${chain.owner}`,
    )
  lines.push(`API: ${listen}${workersReachItAt === null ? '' : `, for workers on other machines: ${workersReachItAt}`}`)
  if (typeof numbers === 'string') lines.push(`Manager: ${numbers}`)
  else
    lines.push(
      `Being sealed: ${numbers.Sealing}${numbers.MaxSealing === 0 ? '' : ` of ${numbers.MaxSealing}`}`,
      `Pledges waiting: ${numbers.PledgesWaiting}`,
      `Last sector number: ${numbers.Last}`,
    )
  return lines.join('\n')
}
