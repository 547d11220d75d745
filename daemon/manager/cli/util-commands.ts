import { Command, Option } from 'commander'
import { PERMISSIONS } from '../../../rpc-schema/rpc/method.js'
import { tokensIfThere } from '../access/token-secret.js'
import { managerHome } from '../config/home.js'
import { actorCommand } from './actor-command.js'
import { alarmsCommand } from './alarms-command.js'
import { listenArgument, listenText, reachableAddress } from './arguments.js'
import { backupCommand, homeOfFlags, restoreCommand } from './backup-commands.js'
import { chainCommand } from './chain-command.js'
import { withChain, withMarket } from './chain-reach.js'
import { utilConfigCommand } from './config-command.js'
import { fetchParamsCommand } from './fetch-params-command.js'
import { marketCommand } from './market-command.js'
import { messageCommand } from './message-command.js'
import { migrateCommand } from './migrate-command.js'
import { minerCommand } from './miner-command.js'
import { postCommand } from './post-command.js'
import { provingCommand } from './proving-command.js'
import { queueCommand } from './queue-command.js'
import type { Reach } from './reach.js'
import { sectorsCommand } from './sectors-command.js'
import { snapCommand } from './snap-command.js'
import { storageCommand } from './storage-command.js'
import { type SealyardClient, type Talk, talk, talkSealyard } from './talk.js'
import { workerCommand } from './worker-command.js'

/** `util`: the commands that talk to a running manager. */
export function utilCommand(version: string, defaultListen: string, homeOf: () => { home?: string }): Command {
  const util: Command = new Command('util')
    .description('Commandline tools for damocles-manager')
    .option('--listen <address>', 'where the manager listens', listenText, defaultListen)
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
    .addCommand(queueCommand(callSealyard))
  util.addCommand(chainCommand(reach))
  util.addCommand(minerCommand(reach))
  util.addCommand(marketCommand(reach))
  util.addCommand(messageCommand(reach))
  util.addCommand(storageCommand(call, configHome))
  util.addCommand(workerCommand(call))
  util.addCommand(alarmsCommand(callSealyard))
  util.addCommand(postCommand(callSealyard))
  util.addCommand(utilConfigCommand(callSealyard))
  util.addCommand(migrateCommand(call))
  util.addCommand(fetchParamsCommand())
  const home = homeOfFlags(homeOf, () => util.opts<{ confDir?: string }>().confDir)
  util.addCommand(backupCommand(version, home))
  util.addCommand(restoreCommand(home))
  return util
}
