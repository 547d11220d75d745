import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'

const CONFIG_FILE = 'sector-manager.cfg'
const HOME_VARIABLES = ['DAMOCLES_PATH', 'VENUS_SECTOR_MANAGER_PATH', 'VSM_PATH'] as const
const CONFIG_VARIABLES = ['DAMOCLES_CONF_DIR', 'VENUS_SECTOR_MANAGER_CONF_DIR', 'VSM_CONF_DIR'] as const

export type Environment = Readonly<Record<string, string | undefined>>

export const expandHome = (path: string): string =>
  path === '~' || path.startsWith('~/') ? join(homedir(), path.slice(1)) : path

const firstOf = (names: readonly string[], env: Environment): string | undefined =>
  names.map(name => env[name]).find(value => value !== undefined && value !== '')

/** Where a manager keeps its state and, unless told otherwise, its configuration. */
export interface ManagerHome {
  readonly dir: string
  readonly configFile: string
  readonly databaseFile: string
}

/** From the flags, else the environment, else `~/.damocles-manager` (or the home of its ancestor, when only that exists). */
export function managerHome(flags: { home?: string; confDir?: string }, env: Environment = process.env): ManagerHome {
  const dir = resolve(expandHome(flags.home ?? firstOf(HOME_VARIABLES, env) ?? defaultDir()))
  const configDir = resolve(expandHome(flags.confDir ?? firstOf(CONFIG_VARIABLES, env) ?? dir))
  return { dir, configFile: join(configDir, CONFIG_FILE), databaseFile: join(dir, 'manager.db') }
}

function defaultDir(): string {
  const dir = join(homedir(), '.damocles-manager')
  const ancestor = join(homedir(), '.venus-sector-manager')
  return !existsSync(dir) && existsSync(ancestor) ? ancestor : dir
}
