import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { schemaIssuesText } from '../../../rpc-schema/schema-issue.js'
import { loadConfig } from '../../kit/config/load.js'
import { readTomlFile } from '../../kit/config/toml-file.js'
import { attachPath } from '../../kit/sealing/path-identity.js'
import { ProcessorsFile, processorsConfig } from '../config/processors-config.js'
import { applyOverrides, DEFAULT_SEALING, type SealingConfig, SealingOverrides } from '../config/sealing-config.js'
import type { ProcessorsConfig } from '../processors/processors.js'
import { lockDirectory } from '../store/store-lock.js'

/** The directory of a stage worker: `--worker-repo`, else `$VENUS_WORKER_PATH`, else `~/.venusworker`. */
export const workerHome = (given: string | undefined): string =>
  resolve(given ?? process.env.VENUS_WORKER_PATH ?? join(homedir(), '.venusworker'))

/** `[sealing]` and `[processors]` as in damocles-worker.toml; nothing else can be set in the file. */
const StageWorkerFile = z.object({ sealing: SealingOverrides.optional(), processors: ProcessorsFile.optional() })

export interface StageSettings {
  readonly sealing: SealingConfig
  readonly processors: ProcessorsConfig
}

/** The home and what makes it one; `localStorage`: a new home is itself a path to seal on. */
export function openWorkerHome(home: string, localStorage: boolean): Promise<unknown> {
  const isNew = !existsSync(home)
  mkdirSync(home, { recursive: true })
  if (!isNew || !localStorage) return Promise.resolve()
  return attachPath(home, home, { init: true, seal: true, store: false, weight: 10 })
}

/**
 * Keeps a second process off a home: the manager would take both for one worker that has been started anew, and take back what the other is at.
 * Throws a SealError that names the living holder. Returns what gives the home back.
 */
export const lockWorkerHome = (home: string): Promise<() => Promise<void>> =>
  lockDirectory(home, {
    what: 'worker home',
    holderFile: '.worker',
    guardFile: '.worker.lock',
    advice: 'two workers must not share a home (stop that process, or give this one another home with --worker-repo)',
  })

/** The id under which the manager knows this worker: as long as the home lasts. */
export function workerId(home: string): string {
  const file = join(home, 'worker-id')
  if (!existsSync(file)) writeFileSync(file, `${randomUUID()}\n`, { flag: 'wx' })
  return readFileSync(file, 'utf8').trim()
}

/** Of `config.toml` in the home, where there is one. Throws a ConfigError. Retries are for the manager: here a stage is only tried once more. */
export function stageSettings(home: string): StageSettings {
  const file = join(home, 'config.toml')
  const { config } = existsSync(file)
    ? loadConfig(StageWorkerFile, readTomlFile(file))
    : { config: {} as z.output<typeof StageWorkerFile> }
  const base = {
    ...DEFAULT_SEALING,
    enableDeals: true,
    maxRetries: 1,
    pollingIntervalMs: 30_000,
    recoverIntervalMs: 10_000,
  }
  return {
    sealing: applyOverrides(base, config.sealing),
    processors: processorsConfig(config.processors, undefined),
  }
}

/** Where a running worker listens, for the commands on its machine. */
const ControlFile = z.object({ url: z.string(), token: z.string() })
export type ControlFile = z.output<typeof ControlFile>

const controlFile = (home: string): string => join(home, 'api.json')

export function writeControlFile(home: string, control: ControlFile): void {
  writeFileSync(controlFile(home), `${JSON.stringify(control)}\n`, { mode: 0o600 })
}

export function readControlFile(home: string): ControlFile {
  const file = controlFile(home)
  let parsed: unknown
  try {
    parsed = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new Error(`${file} cannot be read: has a worker been started on this home (\`venus-worker run\`)?`, {
      cause: error,
    })
  }
  const read = ControlFile.safeParse(parsed)
  if (!read.success) throw new Error(`${file}: ${schemaIssuesText(read.error, parsed, 'worker')}`)
  return read.data
}
