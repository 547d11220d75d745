import { fileURLToPath } from 'node:url'
import { PROGRESS_ENV } from '../../../rpc-schema/processor/frames.js'
import { DAEMON_STAGE } from '../../../rpc-schema/processor/stages.js'
import type { ChildConfig, ChildStage } from './child-config.js'

const WORKER_SCRIPT = fileURLToPath(new URL('../../../bin/damocles-worker.js', import.meta.url))

export interface ChildCommand {
  readonly bin: string
  readonly args: readonly string[]
}

export interface PlacedCommand extends ChildCommand {
  /** To be called when the process has ended. Never rejects. */
  release(): Promise<void>
}

/** Makes the place ready in which a child is to run. */
export interface Place {
  /** The command that starts `command` in its place. `env`: the child's own. */
  place(
    stage: ChildStage,
    index: number,
    config: ChildConfig,
    command: ChildCommand,
    env: NodeJS.ProcessEnv,
  ): Promise<PlacedCommand>
}

/** Children run wherever the system puts them. */
export const ANYWHERE: Place = {
  place: (_stage, _index, _config, command) => Promise.resolve({ ...command, release: () => Promise.resolve() }),
}

/** What to start. An entry without `bin` runs the built-in processor of its stage in another process of this same program. */
export function childCommand(stage: ChildStage, config: ChildConfig, workerScript = WORKER_SCRIPT): ChildCommand {
  const args = config.args ?? ['processor', readyName(stage)]
  if (config.bin !== undefined) return { bin: config.bin, args }
  return { bin: process.execPath, args: ['--enable-source-maps', workerScript, ...args] }
}

/** The name a child gives in its ready line; `sealing_daemons` are started for no stage at all. */
export function readyName(stage: ChildStage): string {
  return stage === 'sealing_daemons' ? DAEMON_STAGE : stage
}

/** The cgroup of a child, below the hierarchy's top or the worker's own group. */
export const cgroupName = (stage: ChildStage, index: number, config: ChildConfig): string =>
  `${config.cgroup.groupName}/sub-${readyName(stage)}-${process.pid}-${index}`

/**
 * The environment of a child: the worker's own unless `inherit_envs = false`, then `envs`, then the variables from which processors
 * built on the common Rust crate place themselves on a NUMA node and in a cgroup.
 */
export function childEnvironment(
  stage: ChildStage,
  index: number,
  config: ChildConfig,
  workerEnv: NodeJS.ProcessEnv,
): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = {
    ...(config.inheritEnvs ? workerEnv : {}),
    [PROGRESS_ENV]: '1',
    ...config.envs,
  }
  if (config.numaPreferred !== undefined) env.VENUS_WORKER_NUMA_PREFERRED = String(config.numaPreferred)
  if (config.cgroup.cpuset !== undefined) {
    env.VC_CG_NAME = cgroupName(stage, index, config)
    env.VC_CG_CPUSET = config.cgroup.cpuset
  }
  return env
}
