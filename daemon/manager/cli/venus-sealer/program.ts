import { randomUUID } from 'node:crypto'
import TOML from '@iarna/toml'
import { Command, Option } from 'commander'
import { readTomlFile } from '../../../kit/config/toml-file.js'
import { interpretSettings, loadSettings } from '../../config/load-settings.js'
import { minerArgument, numberArgument } from '../arguments.js'
import { authCommand } from '../auth-command.js'
import { withChain, withMarket } from '../chain-reach.js'
import { check, checkCommand } from '../config-command.js'
import { exitWithTwoOnMisuse } from '../program.js'
import { provingCommand } from '../proving-command.js'
import type { Reach } from '../reach.js'
import { sectorStateText } from '../sector-text.js'
import { sectorsListCommand } from '../sectors-list-command.js'
import { pledge, sectorsPledgesCommand } from '../sectors-pledge-command.js'
import { recordJson, recordOf } from '../sectors-state-command.js'
import { sectorsTerminateCommand } from '../sectors-terminate-command.js'
import { sectorsUnsealCommand } from '../sectors-unseal-command.js'
import { listCommand as storageListCommand } from '../storage-command.js'
import { say, type Talk } from '../talk.js'
import { attachCommand } from './attach-command.js'
import { infoCommand } from './info-command.js'
import { initCommand } from './init-command.js'
import { type OwnWorker, runCommand } from './run-command.js'
import { type SealerFlags, sealerHome, sealerMiner, sealerTalk } from './sealer-home.js'
import { giveUp, sealingCommand } from './sealing-command.js'

const NETWORKS = ['mainnet', 'calibration', 'butterfly', '2k', 'force'] as const

/** The command line of `venus-sealer`: our manager on the home and the configuration of the older generation. */
export function sealerProgram(version: string, ownWorker?: OwnWorker): Command {
  const program = new Command('venus-sealer')
    .description('the manager, with the configuration and the commands of venus-sealer')
    .version(version, '-v, --version', 'print the version')
    .addOption(new Option('--repo <dir>', 'home directory; default ~/.venussealer').env('VENUS_SEALER_PATH'))
    .addOption(new Option('--network <name>', 'with init: the network that the node must be on').choices(NETWORKS))
    .option('-a, --actor <miner>', 'the miner; default: the one of the home', minerArgument)
  const flagsOf = (): SealerFlags => program.opts<SealerFlags>()
  const talk = sealerTalk(flagsOf)
  program
    .addCommand(initCommand(flagsOf))
    .addCommand(runCommand(version, flagsOf, ownWorker))
    .addCommand(infoCommand(flagsOf, talk))
    .addCommand(sectorsCommand(flagsOf, talk))
    .addCommand(sealingCommand(talk, () => sealerMiner(sealerHome(flagsOf()), flagsOf())))
    .addCommand(provingCommand(reachOf(flagsOf, talk), () => sealerMiner(sealerHome(flagsOf()), flagsOf())))
    .addCommand(
      new Command('storage')
        .description('Paths for sealed sectors')
        .addCommand(attachCommand(flagsOf))
        .addCommand(storageListCommand(talk)),
    )
    .addCommand(authCommand(() => ({ home: sealerHome(flagsOf()).dir })))
    .addCommand(configCommand(flagsOf))
  exitWithTwoOnMisuse(program)
  return program
}

const reachOf = (flagsOf: () => SealerFlags, talk: Talk): Reach => ({
  manager: talk,
  chain: action => withChain(sealerHome(flagsOf()), action),
  market: action => withMarket(sealerHome(flagsOf()), action),
})

function sectorsCommand(flagsOf: () => SealerFlags, talk: Talk): Command {
  const sectors = new Command('sectors').description('Ask for sectors, look at them, give them up')
  const minerOf = (): number => sealerMiner(sealerHome(flagsOf()), flagsOf())
  sectors
    .command('pledge')
    .description('Ask for a sector; a worker that asks for work gets it. For timed scripts')
    .option('--count <n>', 'how many', numberArgument, 1)
    .option('--request <id>', 'an id of this request, default a new one: the same again asks for no more')
    .option('--json', 'as JSON', false)
    .action(({ count, request = randomUUID(), json }: { count: number; request?: string; json: boolean }) =>
      talk(async (_, own) => {
        const miner = minerOf()
        const asked = await pledge(own, { miner, count, request })
        if (json) return say(JSON.stringify(asked, null, 2))
        say(`asked for ${asked.length} ${asked.length === 1 ? 'sector' : 'sectors'} of f0${miner}`)
        say(`pledges: ${asked.map(({ ID }) => ID).join(' ')}`)
      }),
    )
  sectors
    .command('status')
    .description('Print the record of a sector')
    .argument('<number>', 'the sector', numberArgument)
    .option('--json', 'as JSON', false)
    .action((number: number, { json }: { json: boolean }) =>
      talk(async manager => {
        const record = await recordOf(manager, { Miner: minerOf(), Number: number })
        say(json ? JSON.stringify(recordJson(record), null, 2) : sectorStateText(record))
      }),
    )
  sectors
    .command('remove')
    .description(
      'Give up a sector that is being sealed; its files are removed. What is proven on the chain is terminated instead',
    )
    .argument('<number>', 'the sector', numberArgument)
    .option('--reason <text>', 'noted with it', 'removed by an operator')
    .option('--really-do-it', 'do it', false)
    .action((number: number, { reason, reallyDoIt }: { reason: string; reallyDoIt: boolean }) =>
      talk(async (manager, own) => {
        const sector = { Miner: minerOf(), Number: number }
        if (!reallyDoIt) say(sectorStateText(await recordOf(manager, sector)))
        await giveUp(own, sector, reason, reallyDoIt)
      }),
    )
  return sectors
    .addCommand(sectorsListCommand(talk))
    .addCommand(sectorsPledgesCommand(talk))
    .addCommand(sectorsUnsealCommand(talk))
    .addCommand(sectorsTerminateCommand(talk, minerOf))
}

function configCommand(flagsOf: () => SealerFlags): Command {
  const config = new Command('config').description('Look at the configuration')
  const fileOf = (file: string | undefined): string => file ?? sealerHome(flagsOf()).configFile
  config.addCommand(
    checkCommand()
      .option('-c, --config <file>', 'the file; default: config.toml of the home')
      .action((options: { config?: string; json: boolean }) => check(fileOf(options.config), options.json)),
  )
  config
    .command('convert')
    .description('Print the same as a sector-manager.cfg, for `damocles-manager daemon run` on this home')
    .option('-c, --config <file>', 'the file; default: config.toml of the home')
    .action((options: { config?: string }) => {
      const source = readTomlFile(fileOf(options.config))
      loadSettings(source)
      say(TOML.stringify(interpretSettings(source).file.value as TOML.JsonMap).trimEnd())
    })
  return config
}
