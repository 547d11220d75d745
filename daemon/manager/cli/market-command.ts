import { Command } from 'commander'
import { marketService } from '../../../rpc-schema/chain/market.js'
import { rpcClient } from '../../../rpc-schema/rpc/client.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { minerArgument, numberArgument } from './arguments.js'
import type { Reach } from './reach.js'
import { say } from './talk.js'

/** `util market`. */
export function marketCommand(reach: Reach): Command {
  const market = new Command('market').description('Inspect the storage market actor')
  market
    .command('release-deals')
    .description('Manual release deals')
    .requiredOption('--miner <miner>', 'whose deals', minerArgument)
    .option('--deals, --deal <id...>', 'deals of the built-in market; also as 1,2,3', [])
    .option('--alloc <id...>', 'direct deals, by their allocations; also as 1,2,3', [])
    .action((options: { miner: number; deal: string[]; alloc: string[] }) => {
      const numbers = (given: string[]): number[] => given.flatMap(text => text.split(',')).map(numberArgument)
      const deals = numbers(options.deal)
      const allocations = numbers(options.alloc)
      if (deals.length + allocations.length === 0)
        throw new Error('no deals: give --deals 1,2,3, or --alloc 1,2,3 for direct deals')
      return reach.market(async connection => {
        const client = rpcClient(marketService, connection)
        const miner = Address.fromId(options.miner)
        if (deals.length > 0) await client.ReleaseDeals(miner, deals)
        if (allocations.length > 0) await client.ReleaseDirectDeals(miner, allocations)
        say(`released ${deals.length + allocations.length} deals`)
      })
    })
  return market
}
