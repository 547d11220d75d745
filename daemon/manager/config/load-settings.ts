import { resolve } from 'node:path'
import type { MinerConfig } from '../../../rpc-schema/manager/miner-config.js'
import { pathText } from '../../../rpc-schema/schema-issue.js'
import { ConfigError, type ConfigProblem } from '../../kit/config/config-error.js'
import { type LoadedConfig, loadConfig } from '../../kit/config/load.js'
import { readTomlFile, type TomlFile } from '../../kit/config/toml-file.js'
import { mysqlDsn } from '../../kit/database.js'
import { expandHome } from './home.js'
import { withDeclaredKeys } from './key-case.js'
import {
  type CommonSettings,
  ManagerSettings,
  type PersistStoreSettings,
  type PieceStoreSettings,
} from './manager-settings.js'
import type { MinerSettings } from './miner-settings.js'
import { isSealerFile, translateSealerFile } from './venus-sealer/sealer-adapter.js'

/** The settings of one miner: those that the API shows, and those that only we have. */
export type MinerSetup = MinerConfig & {
  readonly Sector: Pick<MinerSettings['Sector'], 'MaxSealingSectors' | 'PledgeOnly'>
  readonly Fallback: MinerSettings['Fallback']
  readonly SnapUp: Pick<MinerSettings['SnapUp'], 'AutoPrefetch'>
  readonly Commitment: Pick<MinerSettings['Commitment'], 'WaitWhileGasIsDear'> & {
    readonly Prove: Pick<MinerSettings['Commitment']['Prove'], 'Aggregate'>
  }
}

export interface ManagerSetup {
  readonly common: Omit<CommonSettings, 'PersistStores' | 'PieceStores'>
  /** With names and absolute paths. */
  readonly persistStores: readonly PersistStoreSettings[]
  readonly pieceStores: readonly PieceStoreSettings[]
  readonly miners: ReadonlyMap<number, MinerSetup>
}

/** Reads `sector-manager.cfg`. Throws a ConfigError with every problem; what can be ignored comes back as a warning. */
export const loadSettingsFile = (path: string): LoadedConfig<ManagerSetup> => loadSettings(readTomlFile(path))

export function loadSettings(source: TomlFile): LoadedConfig<ManagerSetup> {
  const { config, warnings, problems } = interpretSettings(source)
  if (problems.length > 0) throw new ConfigError(source.name, problems)
  return { config, warnings }
}

/** What a file says: the form of each value is right, what is wrong beyond that is told instead of thrown. */
export interface InterpretedSettings extends LoadedConfig<ManagerSetup> {
  readonly problems: readonly ConfigProblem[]
  /** As written, with its keys spelled as they are declared. */
  readonly file: TomlFile
  /** A problem with its key as it stands in the file, where that has other words for it. */
  readonly asWritten: (problem: ConfigProblem) => ConfigProblem
}

/** As {@link loadSettings}, but throws only when a value does not have the right form. */
export function interpretSettings(source: TomlFile): InterpretedSettings {
  if (!isSealerFile(source)) return interpretManagerFile(source)
  const older = translateSealerFile(source)
  const { asWritten } = older
  try {
    const read = interpretManagerFile(older.file)
    return {
      ...read,
      asWritten,
      warnings: [...older.warnings, ...read.warnings.map(asWritten)],
      problems: [...older.problems, ...each(read.problems.map(asWritten))],
    }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    throw new ConfigError(error.file, [...older.problems, ...each(error.problems.map(asWritten))], { cause: error })
  }
}

/** Once each: one key of the older file may set several of ours. */
const each = (problems: readonly ConfigProblem[]): ConfigProblem[] => [
  ...new Map(problems.map(problem => [`${problem.path}: ${problem.message}`, problem])).values(),
]

function interpretManagerFile(source: TomlFile): InterpretedSettings {
  const file = withDeclaredKeys(ManagerSettings, source)
  const { config, warnings } = loadConfig(ManagerSettings, file)
  const report = new Report(file)
  const persistStores = stores(config.Common.PersistStores, 'PersistStores', report)
  const pieceStores = stores(config.Common.PieceStores, 'PieceStores', report)
  const miners = minersOf(config.Miners, report)
  checkCommon(config.Common, report)
  return {
    file,
    asWritten: problem => problem,
    config: { common: config.Common, persistStores, pieceStores, miners },
    warnings: [...warnings, ...report.warnings],
    problems: report.problems,
  }
}

class Report {
  readonly problems: ConfigProblem[] = []
  readonly warnings: ConfigProblem[] = []
  readonly #file: TomlFile

  constructor(file: TomlFile) {
    this.#file = file
  }

  problem(path: readonly PropertyKey[], message: string): void {
    this.problems.push({ line: this.#file.lineOf(path), path: pathText(path), message })
  }

  warning(path: readonly PropertyKey[], message: string): void {
    this.warnings.push({ line: this.#file.lineOf(path), path: pathText(path), message })
  }
}

interface AnyStore {
  Name: string
  Path: string
  PluginName: string
  Plugin: string
}

/** Entries with nothing in them (all keys commented) are left out. */
function stores<S extends AnyStore>(entries: readonly S[], kind: string, report: Report): S[] {
  const names = new Set<string>()
  return entries.flatMap((entry, index) => {
    const path = ['Common', kind, index]
    const pluginName = entry.PluginName || entry.Plugin
    if (entry.Path === '' && entry.Name === '' && pluginName === '') return []
    if (entry.Path === '' && pluginName === '') report.problem([...path, 'Path'], 'expected a directory, found nothing')
    if (entry.Path === '' && entry.Name === '')
      report.problem([...path, 'Name'], 'expected a name for a store without a path, found nothing')
    const Path = entry.Path === '' ? '' : resolve(expandHome(entry.Path))
    const named = { ...entry, Name: entry.Name || entry.Path, Path }
    if (names.has(named.Name))
      report.problem([...path, 'Name'], `expected a name of its own, found ${JSON.stringify(named.Name)} a second time`)
    names.add(named.Name)
    return [named]
  })
}

function minersOf(entries: readonly MinerSettings[], report: Report): Map<number, MinerSetup> {
  const miners = new Map<number, MinerSetup>()
  for (const [index, entry] of entries.entries()) {
    const path = ['Miners', index]
    const { Actor, Deal, ...rest } = entry
    if (Actor === undefined) {
      report.warning(path, 'a miner without Actor, ignored')
      continue
    }
    if (miners.has(Actor))
      report.problem([...path, 'Actor'], `expected a miner of its own, found ${Actor} a second time`)
    if (Deal !== undefined) report.warning([...path, 'Deal'], 'obsolete, ignored: use Sector.EnableDeals')
    const { MinNumber, MaxNumber, InitNumber } = entry.Sector
    if (MaxNumber !== null && (MinNumber ?? InitNumber) >= MaxNumber)
      report.problem(
        [...path, 'Sector', 'MaxNumber'],
        `expected more than MinNumber (${MinNumber ?? InitNumber}), found ${MaxNumber}`,
      )
    warnOfIdle(rest, path, report)
    for (const kind of ['Pre', 'Prove', 'Terminate'] as const) checkBatch(entry, kind, path, report)
    miners.set(Actor, { Actor, ...rest })
  }
  return miners
}

/** Names keys that were set to something and have no effect. */
function warnOfIdle(settings: object, path: readonly PropertyKey[], report: Report): void {
  for (const [name, value] of Object.entries(settings)) {
    const at = [...path, name]
    if (name === 'Verbose' && value === true) report.warning(at, 'no effect: use the level of the log')
    else if (isTable(value)) warnOfIdle(value, at, report)
  }
}

const isTable = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype

function checkBatch(
  miner: MinerSettings,
  kind: 'Pre' | 'Prove' | 'Terminate',
  path: readonly PropertyKey[],
  report: Report,
): void {
  const at = [...path, 'Commitment', kind, 'Batch']
  const { Enabled, BatchCommitAboveBaseFee, CheckInterval } = miner.Commitment[kind].Batch
  if (Enabled !== undefined) report.warning([...at, 'Enabled'], 'obsolete, ignored: Threshold decides')
  if (BatchCommitAboveBaseFee !== undefined) report.warning([...at, 'BatchCommitAboveBaseFee'], 'obsolete, ignored')
  if (CheckInterval <= 0) report.problem([...at, 'CheckInterval'], 'expected a duration above 0, found 0')
}

const NOT_READ_HERE = 'is not read by this manager, which keeps its state in SQLite'

function checkCommon(common: CommonSettings, report: Report): void {
  const driver = common.DB.Driver.toLowerCase()
  const at = ['Common', 'DB', 'Driver']
  if (driver === 'badger' || driver === 'mongo' || driver === 'plugin')
    report.warning(at, `a ${driver} database ${NOT_READ_HERE}`)
  else if (driver !== 'sqlite' && driver !== 'mysql')
    report.problem(at, `expected "sqlite" or "mysql", found ${JSON.stringify(common.DB.Driver)}`)
  if (driver === 'mysql' && common.DB.SQL.DSN === '')
    report.problem(['Common', 'DB', 'SQL', 'DSN'], 'expected mysql://user:password@host:port/database, found nothing')
  else if (driver === 'mysql') {
    try {
      mysqlDsn(common.DB.SQL.DSN)
    } catch (error) {
      report.problem(['Common', 'DB', 'SQL', 'DSN'], (error as Error).message)
    }
  }
  if (common.MongoKVStore.Enable) report.warning(['Common', 'MongoKVStore'], `a Mongo database ${NOT_READ_HERE}`)
  if (common.Plugins.Dir !== '')
    report.warning(['Common', 'Plugins', 'Dir'], 'Go plugins cannot be loaded by this manager')
  if (common.PieceStorePreset !== undefined) report.warning(['Common', 'PieceStorePreset'], 'obsolete, ignored')
}
