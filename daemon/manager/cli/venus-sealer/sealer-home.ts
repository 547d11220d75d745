import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { PERMISSIONS } from '../../../../rpc-schema/rpc/method.js'
import { readTomlFile } from '../../../kit/config/toml-file.js'
import { tokensIfThere } from '../../access/token-secret.js'
import { expandHome, type ManagerHome } from '../../config/home.js'
import { loadSettings } from '../../config/load-settings.js'
import { SEALER_CONFIG_FILE, translateSealerFile } from '../../config/venus-sealer/sealer-adapter.js'
import { reachableAddress } from '../arguments.js'
import { type Talk, talk } from '../talk.js'

/** Global flags of `venus-sealer`. */
export interface SealerFlags {
  readonly repo?: string
  readonly actor?: number
  readonly network?: string
}

/** The home that the flags name, else `~/.venussealer`. */
export function sealerHome({ repo }: SealerFlags): ManagerHome {
  const dir = resolve(repo === undefined ? join(homedir(), '.venussealer') : expandHome(repo))
  return { dir, configFile: join(dir, SEALER_CONFIG_FILE), databaseFile: join(dir, 'manager.db') }
}

/** The configuration of a home. */
export function sealerSetup(home: ManagerHome) {
  if (!existsSync(home.configFile))
    throw new Error(
      `${home.configFile} does not exist: make the home with \`venus-sealer init\`, or name another by --repo or VENUS_SEALER_PATH`,
    )
  const source = readTomlFile(home.configFile)
  const { config } = loadSettings(source)
  const { listen, remote, ownWork } = translateSealerFile(source)
  return { setup: config, listen, remote, ownWork }
}

/** The miner that a command is about: the one it names, else the one of the home. */
export function sealerMiner(home: ManagerHome, { actor }: SealerFlags): number {
  if (actor !== undefined) return actor
  return [...sealerSetup(home).setup.miners.keys()][0]!
}

/** Calls the manager of a home where its configuration says that it listens. */
export function sealerTalk(flagsOf: () => SealerFlags): Talk {
  return action => {
    const home = sealerHome(flagsOf())
    const { listen } = sealerSetup(home)
    const token = process.env.DAMOCLES_MANAGER_TOKEN ?? tokensIfThere(home.dir)?.issue(PERMISSIONS, 'command line')
    return talk(
      reachableAddress(listen),
      token,
      action,
      `Start it with \`venus-sealer run\`; where it listens is API.ListenAddress of ${home.configFile}`,
    )
  }
}
