import { ConfigError, type ConfigProblem } from '../../kit/config/config-error.js'
import { loadConfig } from '../../kit/config/load.js'
import { readTomlFile, type TomlFile } from '../../kit/config/toml-file.js'
import type { ProcessorsConfig } from '../processors/processors.js'
import type { AttachedConfig } from '../store/attached-store.js'
import { withCurrentNames } from './old-names.js'
import { processorsConfig } from './processors-config.js'
import { applyOverrides, DEFAULT_SEALING, type SealingConfig } from './sealing-config.js'
import { type ResolvedPlaces, resolveSecrets } from './secret-places.js'
import { type SecretSources, systemSecrets } from './secrets.js'
import { type ThreadSource, threadsOf } from './thread-entries.js'
import { DEFAULT_METRICS, DEFAULT_PING_MS, DEFAULT_RPC, WorkerFile } from './worker-file.js'

/** The configuration of a worker, complete. */
export interface WorkerConfig {
  /** undefined: the address of the interface towards the manager. */
  readonly name: string | undefined
  readonly rpc: { readonly host: string; readonly port: number }
  readonly pingIntervalMs: number
  readonly localPiecesDirs: readonly string[]
  readonly scanPersistStores: readonly string[]
  readonly metrics: { readonly enable: boolean; readonly listen: string }
  readonly manager: {
    readonly address: string
    readonly headers: Readonly<Record<string, string>>
    readonly pieceToken: string | undefined
  }
  readonly threads: readonly ThreadConfig[]
  readonly attached: readonly AttachedConfig[]
  readonly processors: ProcessorsConfig
}

export interface ThreadConfig {
  /** The sealing store; undefined for a plan that needs none. */
  readonly location: string | undefined
  readonly plan: string
  readonly sealing: SealingConfig
}

export interface LoadedWorkerConfig {
  readonly config: WorkerConfig
  /** Unknown keys, old names: what works, but perhaps not as its writer thinks. */
  readonly warnings: readonly ConfigProblem[]
  readonly source: WorkerSource
}

/** Where the configuration came from. */
export interface WorkerSource {
  /** With old names moved to the current ones. */
  readonly file: TomlFile
  /** One for each thread of the configuration. */
  readonly threads: readonly ThreadSource[]
  /** Key path -> `env NAME` or `file PATH`, of the values that stand there. */
  readonly secrets: ResolvedPlaces
}

/** Reads `damocles-worker.toml`. Throws a ConfigError with every problem. */
export const readWorkerConfig = (path: string, secrets?: SecretSources): LoadedWorkerConfig =>
  loadWorkerConfig(readTomlFile(path), secrets)

export function loadWorkerConfig(file: TomlFile, secrets?: SecretSources): LoadedWorkerConfig {
  const { problems, ...loaded } = interpretWorkerFile(file, secrets)
  if (problems.length > 0) throw new ConfigError(file.name, problems)
  return loaded
}

/**
 * As {@link loadWorkerConfig}, but of a file whose every value has the right form it tells the remaining problems instead of throwing
 * them, so that more can be looked for. A configuration with problems is not to be started.
 */
export function interpretWorkerFile(
  asWritten: TomlFile,
  sources: SecretSources = systemSecrets(),
): LoadedWorkerConfig & { readonly problems: readonly ConfigProblem[] } {
  const { file, remarks } = withCurrentNames(asWritten)
  const { config: written, warnings } = loadConfig(WorkerFile, file)
  const threads = threadsOf(written, file)
  const secrets = resolveSecrets(written, file, sources)
  return {
    config: complete(secrets.written, threads.threads),
    warnings: [...warnings, ...remarks, ...threads.remarks],
    problems: [...threads.problems, ...secrets.problems],
    source: { file, threads: threads.threads, secrets: secrets.places },
  }
}

function complete(written: WorkerFile, threads: readonly ThreadSource[]): WorkerConfig {
  const { worker, metrics, sector_manager: manager } = written
  const pieceToken = manager.piece_token
  const common = applyOverrides(DEFAULT_SEALING, written.sealing)
  return {
    name: worker?.name,
    rpc: { host: worker?.rpc_server?.host ?? DEFAULT_RPC.host, port: worker?.rpc_server?.port ?? DEFAULT_RPC.port },
    pingIntervalMs: worker?.ping_interval ?? DEFAULT_PING_MS,
    localPiecesDirs: worker?.local_pieces_dirs ?? [],
    scanPersistStores: worker?.scan_persist_stores ?? [],
    metrics: {
      enable: metrics?.enable ?? DEFAULT_METRICS.enable,
      listen: metrics?.http_listen ?? DEFAULT_METRICS.listen,
    },
    manager: { address: manager.rpc_client.addr, headers: manager.rpc_client.headers ?? {}, pieceToken },
    threads: threads.map(({ location, plan, sealing }) => ({
      location,
      plan,
      sealing: applyOverrides(common, sealing),
    })),
    attached: (written.attached ?? []).map(({ name, location, readonly }) => ({
      name,
      location,
      readonly: readonly ?? false,
    })),
    processors: processorsConfig(written.processors, pieceToken),
  }
}
