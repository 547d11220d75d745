import { DEFAULT_PLAN } from '../../../rpc-schema/worker/plans.js'
import { ConfigError, type ConfigProblem } from '../../kit/config/config-error.js'
import { loadConfig } from '../../kit/config/load.js'
import { readTomlFile, type TomlFile } from '../../kit/config/toml-file.js'
import { needsStore } from '../plans/registry.js'
import type { ProcessorsConfig } from '../processors/processors.js'
import type { AttachedConfig } from '../store/attached-store.js'
import { checkPlan } from './plan-name.js'
import { processorsConfig } from './processors-config.js'
import { applyOverrides, DEFAULT_SEALING, type SealingConfig } from './sealing-config.js'
import { WorkerFile } from './worker-file.js'

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
  readonly warnings: readonly ConfigProblem[]
}

const DEFAULT_RPC_PORT = 17_890
const DEFAULT_PING_MS = 30_000
const DEFAULT_METRICS = '0.0.0.0:9000'

/** Reads `damocles-worker.toml`. Throws a ConfigError with every problem. */
export const readWorkerConfig = (path: string): LoadedWorkerConfig => loadWorkerConfig(readTomlFile(path))

export function loadWorkerConfig(file: TomlFile): LoadedWorkerConfig {
  const { config: written, warnings } = loadConfig(WorkerFile, file)
  const problems = checkThreads(written, file)
  if (problems.length > 0) throw new ConfigError(file.name, problems)
  return { config: complete(written), warnings: [...warnings, ...remarks(written, file)] }
}

function complete(written: WorkerFile): WorkerConfig {
  const { worker, metrics, sector_manager: manager } = written
  const pieceToken = manager.piece_token
  const common = applyOverrides(DEFAULT_SEALING, written.sealing)
  const attached = [...(written.attached ?? []), ...(written.remote_store ? [written.remote_store] : [])]
  return {
    name: worker?.name,
    rpc: { host: worker?.rpc_server?.host ?? '0.0.0.0', port: worker?.rpc_server?.port ?? DEFAULT_RPC_PORT },
    pingIntervalMs: worker?.ping_interval ?? DEFAULT_PING_MS,
    localPiecesDirs: worker?.local_pieces_dirs ?? (worker?.local_pieces_dir ? [worker.local_pieces_dir] : []),
    scanPersistStores: worker?.scan_persist_stores ?? worker?.ScanPersistStores ?? [],
    metrics: { enable: metrics?.enable ?? false, listen: metrics?.http_listen ?? DEFAULT_METRICS },
    manager: { address: manager.rpc_client.addr, headers: manager.rpc_client.headers ?? {}, pieceToken },
    threads: written.sealing_thread.map(thread => ({
      location: thread.location,
      plan: thread.plan ?? DEFAULT_PLAN,
      sealing: applyOverrides(common, thread.sealing),
    })),
    attached: attached.map(({ name, location, readonly }) => ({ name, location, readonly: readonly ?? false })),
    processors: processorsConfig(written.processors, pieceToken),
  }
}

function checkThreads(written: WorkerFile, file: TomlFile): ConfigProblem[] {
  return written.sealing_thread.flatMap(({ plan, location }, index) => {
    const at = (key: string, message: string): ConfigProblem => ({
      line: file.lineOf(['sealing_thread', index, key]),
      path: `sealing_thread[${index}].${key}`,
      message,
    })
    const problem = plan === undefined ? undefined : checkPlan(plan)
    if (problem !== undefined) return [at('plan', problem)]
    return location === undefined && needsStore(plan ?? DEFAULT_PLAN)
      ? [at('location', 'expected a directory, found nothing')]
      : []
  })
}

/** What works, but perhaps not as its writer thinks. */
function remarks(written: WorkerFile, file: TomlFile): ConfigProblem[] {
  const found: ConfigProblem[] = []
  const remark = (path: (string | number)[], key: string, message: string): void => {
    found.push({ line: file.lineOf(path), path: key, message })
  }
  if (written.remote_store) {
    remark(['remote_store'], 'remote_store', 'old form of an [[attached]] store, used as one')
  }
  if (written.attached_selection) {
    remark(['attached_selection'], 'attached_selection', 'has no effect: the manager chooses the store')
  }
  if (written.metrics?.enable) remark(['metrics', 'enable'], 'metrics.enable', 'metrics are not served by this version')
  if (written.processors?.limit) {
    const unused = written.processors.limitation?.concurrent !== undefined
    remark(
      ['processors', 'limit'],
      'processors.limit',
      `old name of limitation.concurrent${unused ? ', which wins' : ''}`,
    )
  }
  const unpinned = (stage: string, index: number, key: string, bin: string | undefined): void =>
    remark(
      ['processors', stage, index, ...key.split('.')],
      `processors.${stage}[${index}].${key}`,
      bin === undefined
        ? 'has no effect: this version does not pin its own processors (where it matters, start them by a `bin` such as numactl or taskset)'
        : 'not applied by this version: it only hands the setting to the program in its environment',
    )
  const declared = new Set(Object.keys(written.processors?.ext_locks ?? {}))
  for (const [stage, entries] of Object.entries(written.processors ?? {})) {
    if (!Array.isArray(entries)) continue
    for (const [index, entry] of entries.entries()) {
      if (entry.numa_preferred !== undefined) unpinned(stage, index, 'numa_preferred', entry.bin)
      if (entry.cgroup?.cpuset !== undefined) unpinned(stage, index, 'cgroup.cpuset', entry.bin)
      for (const lock of entry.locks ?? []) {
        if (declared.has(lock)) continue
        const path = `processors.${stage}[${index}].locks`
        remark(
          ['processors', stage, index, 'locks'],
          path,
          `lock ${JSON.stringify(lock)} is not in ext_locks: it never makes anyone wait`,
        )
      }
    }
  }
  return found
}
