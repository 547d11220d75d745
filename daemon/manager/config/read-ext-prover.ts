import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ConfigError } from '../../kit/config/config-error.js'
import { type LoadedConfig, loadConfig } from '../../kit/config/load.js'
import { readTomlFile } from '../../kit/config/toml-file.js'
import { EXT_PROVER_FILE } from './ext-prover-file.js'
import { ExtProverSettings } from './ext-prover-settings.js'
import { withDeclaredKeys } from './key-case.js'

export interface ExtProverSetup extends LoadedConfig<ExtProverSettings> {
  readonly file: string
}

/** Reads the `ext-prover.cfg` beside the configuration of the manager, for `daemon run --ext-prover`: one that names no process is an error. */
export function readExtProver(configFile: string): ExtProverSetup {
  const file = join(dirname(configFile), EXT_PROVER_FILE)
  const refused = (message: string): ConfigError => new ConfigError(file, [{ line: undefined, path: '', message }])
  if (!existsSync(file)) throw refused('--ext-prover needs this file: `daemon init` writes an example')
  const loaded = loadConfig(ExtProverSettings, withDeclaredKeys(ExtProverSettings, readTomlFile(file)))
  const { WdPost, WinPost } = loaded.config
  if (WdPost.length + WinPost.length === 0)
    throw refused('--ext-prover needs at least one process: expected [[WdPost]] or [[WinPost]], found neither')
  return { file, ...loaded }
}
