import { Command, Option } from 'commander'
import { z } from 'zod'
import { StoreDetailedInfo } from '../../../rpc-schema/manager/stores.js'
import { PERMISSIONS } from '../../../rpc-schema/rpc/method.js'
import { formatByteSize } from '../../kit/config/byte-size.js'
import { formatGoDuration } from '../../kit/config/duration.js'
import { tokensIfThere } from '../access/token-secret.js'
import { managerHome } from '../config/home.js'
import { actorCommand } from './actor-command.js'
import { listenArgument, minerArgument, numberArgument, reachableAddress } from './arguments.js'
import { backupCommand, homeOfFlags, restoreCommand } from './backup-commands.js'
import { chainCommand } from './chain-command.js'
import { withChain, withMarket } from './chain-reach.js'
import { utilConfigCommand } from './config-command.js'
import { fetchParamsCommand } from './fetch-params-command.js'
import { marketCommand } from './market-command.js'
import { messageCommand } from './message-command.js'
import { migrateCommand } from './migrate-command.js'
import { minerCommand } from './miner-command.js'
import { provingCommand } from './proving-command.js'
import type { Reach } from './reach.js'
import { sectorsCommand } from './sectors-command.js'
import { snapCommand } from './snap-command.js'
import { type ManagerClient, type SealyardClient, say, type Talk, talk, talkSealyard } from './talk.js'
import { workerCommand } from './worker-command.js'

/** `util`: the commands that talk to a running manager. */
export function utilCommand(version: string, defaultListen: string, homeOf: () => { home?: string }): Command {
  const util: Command = new Command('util')
    .description('Commandline tools for damocles-manager')
    .option('--listen <address>', 'where the manager listens', defaultListen)
    .option(
      '--conf-dir <dir>',
      'where the configuration is; default: $DAMOCLES_CONF_DIR, $VENUS_SECTOR_MANAGER_CONF_DIR, $VSM_CONF_DIR, else the home directory',
    )
    .addOption(
      new Option('--token <token>', 'token for the manager; default: made here when its home is on this machine').env(
        'DAMOCLES_MANAGER_TOKEN',
      ),
    )
  const address = (): [address: string, token: string | undefined] => {
    const { listen, token } = util.opts<{ listen: string; token?: string }>()
    const own = () => tokensIfThere(managerHome(homeOf()).dir)?.issue(PERMISSIONS, 'command line')
    return [reachableAddress(listenArgument(listen)), token ?? own()]
  }
  const call: Talk = action => talk(...address(), action)
  const callSealyard = (action: (manager: SealyardClient) => Promise<void>): Promise<void> =>
    talkSealyard(...address(), action)
  const configHome = () => managerHome({ ...homeOf(), ...util.opts<{ confDir?: string }>() })
  const reach: Reach = {
    manager: call,
    chain: action => withChain(configHome(), action),
    market: action => withMarket(configHome(), action),
  }
  util
    .command('sealer')
    .description('Commands for interacting with sealer')
    .addCommand(sectorsCommand(call))
    .addCommand(provingCommand(reach))
    .addCommand(actorCommand(reach))
    .addCommand(snapCommand(call))
  util.addCommand(chainCommand(reach))
  util.addCommand(minerCommand(reach))
  util.addCommand(marketCommand(reach))
  util.addCommand(messageCommand(reach))
  util.addCommand(storageCommand(call))
  util.addCommand(workerCommand(call))
  util.addCommand(utilConfigCommand(callSealyard))
  util.addCommand(migrateCommand(call))
  util.addCommand(fetchParamsCommand())
  const home = homeOfFlags(homeOf, () => util.opts<{ confDir?: string }>().confDir)
  util.addCommand(backupCommand(version, home))
  util.addCommand(restoreCommand(home))
  return util
}

type Call = (action: (manager: ManagerClient) => Promise<void>) => Promise<void>

function storageCommand(call: Call): Command {
  const storage = new Command('storage').description('Commands for storage management')
  storage
    .command('list')
    .description('List the persist stores')
    .option('--json', 'as JSON', false)
    .action((options: { json: boolean }) =>
      call(async manager => {
        const stores = (await manager.StoreList()) ?? []
        if (options.json)
          return say(
            JSON.stringify(
              stores.map(store => z.encode(StoreDetailedInfo, store)),
              null,
              2,
            ),
          )
        say(stores.length === 0 ? 'No Stores' : stores.map(storeText).join('\n'))
      }),
    )
  storage
    .command('release-reserved')
    .description('Release the space that is held for a sector')
    .argument('<miner>', 'the miner', minerArgument)
    .argument('<number>', 'the sector', numberArgument)
    .action((miner: number, number: number) =>
      call(async manager => {
        say(`released: ${await manager.StoreReleaseReserved({ Miner: miner, Number: number })}`)
      }),
    )
  return storage
}

function storeText(store: StoreDetailedInfo): string {
  const now = Date.now()
  const items = store.ReservedBy.map(
    ({ By, Size, At }, index) =>
      `\t\t#${index}: ${By}, ${formatByteSize(Size)}, ${formatGoDuration(now - At * 1000)} ago`,
  )
  return [
    `${store.Name}:`,
    `\tPath: ${store.Path}`,
    `\tType: ${store.Type}`,
    `\tReadOnly: ${store.ReadOnly}`,
    `\tWeight: ${store.Weight}`,
    `\tTotal: ${formatByteSize(store.Total)}`,
    `\tFree: ${formatByteSize(store.Free)}`,
    `\tUsed: ${formatByteSize(store.Used)}`,
    `\tUsedPercent: ${store.UsedPercent.toFixed(2)}%`,
    `\tReserved: ${formatByteSize(store.Reserved)}`,
    '\tReserved Items:',
    ...items,
    '',
  ].join('\n')
}
