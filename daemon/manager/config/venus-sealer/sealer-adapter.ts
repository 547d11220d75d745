import { basename, dirname } from 'node:path'
import { parseEndpoint } from '../../../../rpc-schema/rpc/endpoint.js'
import { pathText } from '../../../../rpc-schema/schema-issue.js'
import type { ConfigProblem } from '../../../kit/config/config-error.js'
import { valueAt } from '../../../kit/config/effective-table.js'
import { loadConfig } from '../../../kit/config/load.js'
import type { TomlFile, TomlTable } from '../../../kit/config/toml-file.js'
import type { ListenAddress } from '../../../kit/http/http-server.js'
import { attachedPaths } from '../../../kit/sealing/attached-paths.js'
import { withDeclaredKeys } from '../key-case.js'
import { KEY_FATES } from './key-fates.js'
import { SealerSettings } from './sealer-settings.js'

type Path = readonly (string | number)[]

export const SEALER_CONFIG_FILE = 'config.toml'

/** Where venus-sealer listens when nothing is said. */
export const SEALER_PORT = 2345

/** What the sealer does of sealing itself, beside proving windows and waiting for the chain. */
export interface OwnWork {
  readonly addPiece: boolean
  readonly preCommit1: boolean
  readonly preCommit2: boolean
  readonly commit: boolean
  readonly unseal: boolean
  readonly fetchLimit: number
}

const FETCH_LIMIT = 10

/** As in the original, everything that is not switched off. */
const ownWorkOf = ({ Storage = {} }: SealerSettings): OwnWork => ({
  addPiece: Storage.AllowAddPiece ?? true,
  preCommit1: Storage.AllowPreCommit1 ?? true,
  preCommit2: Storage.AllowPreCommit2 ?? true,
  commit: Storage.AllowCommit ?? true,
  unseal: Storage.AllowUnseal ?? true,
  fetchLimit: Storage.ParallelFetchLimit ?? FETCH_LIMIT,
})

/** A `config.toml` of venus-sealer, put into the words of `sector-manager.cfg`. */
export interface TranslatedSettings {
  /** As a file of the manager; lines are those of `config.toml`. */
  readonly file: TomlFile
  /** A problem found in the translation, with the key as the operator has written it. */
  readonly asWritten: (problem: ConfigProblem) => ConfigProblem
  readonly listen: ListenAddress
  /** Where workers on other machines reach the manager, as the operator says. */
  readonly remote: string | undefined
  readonly ownWork: OwnWork
  readonly warnings: readonly ConfigProblem[]
  readonly problems: readonly ConfigProblem[]
}

const OLD_TABLES = ['Sealing', 'Storage', 'Addresses', 'Fees', 'Node', 'Messager', 'RegisterProof', 'NetParams', 'API']

/** Whether a file is venus-sealer's, by its name and its tables. */
export function isSealerFile({ name, value }: TomlFile): boolean {
  const has = (key: string): boolean => Object.keys(value).some(found => found.toLowerCase() === key.toLowerCase())
  if (has('Common') || has('Miners')) return false
  return basename(name) === SEALER_CONFIG_FILE || OLD_TABLES.some(has)
}

/** Throws a ConfigError when a value does not have the right form. */
export function translateSealerFile(source: TomlFile): TranslatedSettings {
  const written = withDeclaredKeys(SealerSettings, source)
  const { config, warnings: unknown } = loadConfig(SealerSettings, written)
  const translation = new Translation(written)
  const warnings = [...unknown]
  const problems: ConfigProblem[] = []
  const at = (path: Path, message: string): ConfigProblem => ({
    line: written.lineOf(path),
    path: pathText(path),
    message,
  })
  translation.given(config)
  for (const fate of KEY_FATES) {
    const path = fate.key.split('.')
    const value = valueAt(config, path)
    if (value === undefined) continue
    if (fate.instead !== undefined && !fate.same(value)) warnings.push(at(path, `has no effect: ${fate.instead}`))
    const set = fate.value(value, config)
    if (set !== undefined) for (const target of fate.to) translation.set(target, set, path)
  }
  if (config.Actor === undefined || config.Actor === '')
    problems.push(at(['Actor'], 'expected the miner, as in Actor = "f01000" in the first line, found nothing'))
  else if (!/^[ft]0\d+$/.test(config.Actor))
    problems.push(at(['Actor'], `expected an address like "f01000", found ${JSON.stringify(config.Actor)}`))
  try {
    translation.set(['Common', 'ScanPersistStores'], attachedPaths(dirname(source.name)), ['Storage'])
  } catch (error) {
    problems.push({ line: undefined, path: '', message: (error as Error).message })
  }
  const listen = listenOf(config, problem => problems.push(at(['API', 'ListenAddress'], problem)))
  const remote = config.API?.RemoteListenAddress || undefined
  if (remote !== undefined && isLoopback(listen.host) && !isLoopback(hostOf(remote)))
    warnings.push(
      at(
        ['API', 'RemoteListenAddress'],
        `nobody reaches ${remote} while ListenAddress is ${listen.host}: listen on it, too`,
      ),
    )
  const ownWork = ownWorkOf(config)
  return { file: translation.file(), asWritten: translation.asWritten, listen, remote, ownWork, warnings, problems }
}

class Translation {
  readonly #source: TomlFile
  readonly #value: TomlTable = {}
  /** What each key of the result was made of. */
  readonly #origins = new Map<string, Path>()

  constructor(source: TomlFile) {
    this.#source = source
    for (const { key, to } of KEY_FATES) for (const target of to) this.#origins.set(pathText(target), key.split('.'))
  }

  /** How venus-sealer works without any setting. */
  given({ Sealing, MarketNode, RegisterProof }: SealerSettings): void {
    const miner = ['Miners', 0] as const
    this.set([...miner, 'Sector', 'PledgeOnly'], true, ['Sealing'])
    this.set([...miner, 'Sector', 'EnableDeals'], (MarketNode?.Url ?? '') !== '', ['MarketNode', 'Url'])
    const hasGateway = (RegisterProof?.Urls ?? []).some(url => url !== '')
    this.set([...miner, 'Proof', 'Enabled'], hasGateway, ['RegisterProof', 'Urls'])
    this.set([...miner, 'Fallback', 'Owner'], true, ['Addresses'])
    this.set([...miner, 'Fallback', 'Worker'], true, ['Addresses'])
    if (!Sealing?.BatchPreCommits) this.set([...miner, 'Commitment', 'Pre', 'Batch', 'Threshold'], 1, ['Sealing'])
    if (!Sealing?.AggregateCommits) this.set([...miner, 'Commitment', 'Prove', 'Batch', 'Threshold'], 1, ['Sealing'])
    this.set([...miner, 'Commitment', 'Prove', 'Aggregate'], 'never', ['Sealing'])
  }

  set(target: Path, value: unknown, origin: Path): void {
    let table: Record<PropertyKey, unknown> = this.#value
    for (const [index, key] of target.slice(0, -1).entries()) {
      table[key] ??= typeof target[index + 1] === 'number' ? [] : {}
      table = table[key] as Record<PropertyKey, unknown>
    }
    table[target.at(-1)!] = value
    this.#origins.set(pathText(target), origin)
  }

  #originOf(path: string): Path | undefined {
    for (let at = path; at !== ''; at = at.replace(/(^|\.)[^.[\]]+$|\[\d+\]$/, '')) {
      const origin = this.#origins.get(at)
      if (origin !== undefined) return [...origin, ...(at === path ? [] : rest(path.slice(at.length)))]
    }
    return undefined
  }

  asWritten = (problem: ConfigProblem): ConfigProblem => {
    const origin = this.#originOf(problem.path)
    return origin === undefined ? problem : { ...problem, path: pathText(origin) }
  }

  file(): TomlFile {
    return {
      name: this.#source.name,
      value: this.#value,
      lineOf: path => {
        const origin = this.#originOf(pathText(path))
        return origin && this.#source.lineOf(origin)
      },
    }
  }
}

/** `[0].Path` as a path. */
const rest = (text: string): (string | number)[] =>
  [...text.matchAll(/\[(\d+)\]|([^.[\]]+)/g)].map(([, index, key]) => (index === undefined ? key! : Number(index)))

const hostOf = (address: string): string => address.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')

export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host)

/** `/ip4/0.0.0.0/tcp/2345/http`, or an address in another form. */
function listenOf({ API }: SealerSettings, problem: (message: string) => void): ListenAddress {
  const fallback = { host: '127.0.0.1', port: SEALER_PORT }
  const text = API?.ListenAddress ?? ''
  if (text === '') return fallback
  try {
    const { authority } = parseEndpoint(text, { path: '' })
    const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(authority)
    if (match && Number(match[3]) <= 65_535) return { host: (match[1] ?? match[2])!, port: Number(match[3]) }
  } catch {
    // Told below.
  }
  problem(`expected an address like "/ip4/127.0.0.1/tcp/${SEALER_PORT}/http", found ${JSON.stringify(text)}`)
  return fallback
}
