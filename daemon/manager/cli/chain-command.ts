import { Command } from 'commander'
import { z } from 'zod'
import { SectorPreCommitOnChainInfo } from '../../../rpc-schema/chain/sectors.js'
import { TipSet } from '../../../rpc-schema/chain/tipset.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { minerArgument, numberArgument } from './arguments.js'
import type { Reach } from './reach.js'
import { say, sayJson } from './talk.js'

/** `util chain`. */
export function chainCommand(reach: Reach): Command {
  const chain = new Command('chain').description('Interact with filecoin blockchain')
  chain
    .command('head')
    .description('Print chain head')
    .option('--json', 'as JSON', false)
    .action((options: { json: boolean }) =>
      reach.chain(async node => {
        const head = await node.ChainHead()
        if (options.json) return sayJson(z.encode(TipSet, head))
        say(`ts ${head.Height}: { ${head.Cids.join(' ')} }`)
      }),
    )
  chain
    .command('pci')
    .description('Show on-chain pre-commit info for specified sector')
    .argument('<miner>', 'the miner', minerArgument)
    .argument('<number>', 'the sector', numberArgument)
    .option('--json', 'as it is printed anyway', false)
    .action((miner: number, number: number) =>
      reach.chain(async node => {
        const found = await node.StateSectorPreCommitInfo(Address.fromId(miner), number, [])
        sayJson(found && z.encode(SectorPreCommitOnChainInfo, found))
      }),
    )
  return chain
}
