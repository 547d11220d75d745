import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Command, Option } from 'commander'
import { problemText } from '../../kit/config/config-error.js'
import { runDaemon } from '../../kit/lifecycle.js'
import { createLog, type Logger } from '../../kit/log.js'
import { defaultConfigText } from '../config/default-file.js'
import { EXT_PROVER_FILE, EXT_PROVER_TEXT } from '../config/ext-prover-file.js'
import type { ExtProverSettings } from '../config/ext-prover-settings.js'
import { managerHome } from '../config/home.js'
import { readExtProver } from '../config/read-ext-prover.js'
import { goBoolean, listenArgument, listenText, reachableAddress } from './arguments.js'

interface RunOptions {
  listen: string
  confDir?: string
  poster: boolean
  miner: boolean
  warmup: boolean
  extProver: boolean
  workerProver: boolean
  proxy?: string
  proxySectorIndexerOff: boolean
}

type HomeOf = () => { home?: string }

/** `daemon`: makes the configuration, runs the manager. */
export function daemonCommand(version: string, defaultListen: string, homeOf: HomeOf): Command {
  const daemon = new Command('daemon').description('Commands for damocles-manager daemon')
  daemon
    .command('init')
    .description('Init the damocles-manager configuration files')
    .option(
      '--conf-dir <dir>',
      'where the configuration goes; default: $DAMOCLES_CONF_DIR, $VENUS_SECTOR_MANAGER_CONF_DIR, $VSM_CONF_DIR, else the home directory',
    )
    .action((options: { confDir?: string }) => {
      const { configFile } = managerHome({ ...homeOf(), ...options })
      if (existsSync(configFile)) throw new Error(`${configFile} already exists, it is left as it is`)
      mkdirSync(dirname(configFile), { recursive: true })
      writeFileSync(configFile, defaultConfigText(), { flag: 'wx' })
      process.stdout.write(`${configFile}\n`)
      const extProverFile = join(dirname(configFile), EXT_PROVER_FILE)
      if (existsSync(extProverFile)) return
      writeFileSync(extProverFile, EXT_PROVER_TEXT, { flag: 'wx' })
      process.stdout.write(`${extProverFile}\n`)
    })
  daemon
    .command('run')
    .description('Run the damocles-manager daemon')
    .option('--listen <address>', 'where to listen', listenText, defaultListen)
    .option(
      '--conf-dir <dir>',
      'where the configuration is; default: $DAMOCLES_CONF_DIR, $VENUS_SECTOR_MANAGER_CONF_DIR, $VSM_CONF_DIR, else the home directory',
    )
    .addOption(new Option('--poster', 'window PoSt').default(false))
    .addOption(new Option('--miner', 'winning PoSt').default(false))
    .addOption(
      new Option('--warmup [bool]', 'with --miner: look at the parameters and prove an own sector at the start')
        .argParser(goBoolean)
        .default(true),
    )
    .addOption(new Option('--ext-prover', 'proofs by external processes').default(false))
    .addOption(new Option('--worker-prover', 'window PoSt by workers').default(false))
    .addOption(new Option('--proxy <address>', 'read metadata from another manager'))
    .addOption(new Option('--proxy-sector-indexer-off', 'with --proxy: use the own sector index').default(false))
    .action((options: RunOptions) => run(options, version, homeOf()))
  return daemon
}

async function run(options: RunOptions, version: string, flags: { home?: string }): Promise<void> {
  if (options.extProver && options.workerProver)
    throw new Error('--ext-prover and --worker-prover: window proofs are made by one of them; nothing has been started')
  const log = createLog({ name: 'damocles-manager' })
  const home = managerHome({ ...flags, ...(options.confDir !== undefined && { confDir: options.confDir }) })
  const listen = listenArgument(options.listen)
  const proxied = options.proxy !== undefined && !options.proxySectorIndexerOff
  const token = process.env.DAMOCLES_MANAGER_TOKEN
  const proxy = proxied && {
    proxy: { address: reachableAddress(listenArgument(options.proxy!)), ...(token && { token }) },
  }
  const windowProofs = options.workerProver ? 'workers' : options.extProver ? extProver(home.configFile, log) : 'local'
  // Only now: the other commands start faster without it.
  const { startManager } = await import('../start-manager.js')
  const poster = options.poster && { poster: {} }
  const winning = options.miner && { winning: { warmUp: options.warmup } }
  await runDaemon({
    log,
    reloads: true,
    start: () => startManager({ home, listen, version, log, windowProofs, ...proxy, ...poster, ...winning }),
  })
}

function extProver(configFile: string, log: Logger): ExtProverSettings {
  const { file, config, warnings } = readExtProver(configFile)
  for (const warning of warnings) log.warn(problemText(file, warning))
  return config
}
