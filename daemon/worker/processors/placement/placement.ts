import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { errorText } from '../../../../rpc-schema/seal-error.js'
import type { Clock } from '../../../kit/clock.js'
import type { Logger } from '../../../kit/log.js'
import type { ChildConfig, ChildStage } from '../../../kit/processors/child-config.js'
import {
  type ChildCommand,
  cgroupName,
  type Place,
  type PlacedCommand,
} from '../../../kit/processors/child-environment.js'
import { type CpusetHierarchy, cpusetHierarchies, makeCpusetGroup, removeGroup } from './cpuset-hierarchy.js'
import { launchCommand } from './launcher.js'
import { findProgram } from './program-path.js'

/** How often the removal of a group is tried, while what ran in it is being reaped by the kernel. */
const REMOVALS = 5
const REMOVAL_GAP_MS = 100
/** How long a trial of `taskset` or `numactl` may take. */
const PROBE_MS = 10_000

export interface PlacementDeps {
  readonly log: Logger
  readonly clock: Clock
  /** Default: `/proc`. */
  readonly procRoot?: string | undefined
  /** Where `taskset` and `numactl` are looked for. Default: the system's usual places. */
  readonly searchPath?: string | undefined
}

const nothingToRelease = (): Promise<void> => Promise.resolve()

/**
 * Puts children on the processors and the memory that their entries name: a cgroup where that is permitted, the affinity otherwise. It
 * works for any program, since it happens before the program starts; those that place themselves find themselves there already.
 */
export class Placement implements Place {
  readonly #deps: PlacementDeps
  readonly #warned = new Set<string>()
  #hierarchies: Promise<CpusetHierarchy[]> | undefined

  constructor(deps: PlacementDeps) {
    this.#deps = deps
  }

  async place(
    stage: ChildStage,
    index: number,
    config: ChildConfig,
    command: ChildCommand,
    env: NodeJS.ProcessEnv,
  ): Promise<PlacedCommand> {
    const { cpuset } = config.cgroup
    if (cpuset === undefined && config.numaPreferred === undefined) return { ...command, release: nothingToRelease }
    // A launcher would hide that the program is missing behind an error of its own.
    const bin = await findProgram(command.bin, env.PATH)
    if (bin === undefined) return { ...command, release: nothingToRelease }

    const group = cpuset === undefined ? undefined : await this.#makeGroup(cgroupName(stage, index, config), cpuset)
    const taskset = cpuset === undefined ? undefined : await this.#tool('taskset', ['-c', cpuset])
    if (cpuset !== undefined && group === undefined && taskset === undefined) {
      this.#warnOnce(
        'taskset',
        { stage, child: index, cpuset },
        'cgroup.cpuset has no effect: cgroups are not permitted, and there is no taskset that works (package util-linux)',
      )
    }
    const placed = {
      procsFile: group === undefined ? undefined : `${group}/cgroup.procs`,
      cpuset,
      taskset,
      numa: await this.#numa(config.numaPreferred),
    }
    return {
      ...launchCommand({ bin, args: command.args }, placed),
      release: group === undefined ? nothingToRelease : () => this.#remove(group),
    }
  }

  async #makeGroup(name: string, cpuset: string): Promise<string | undefined> {
    this.#hierarchies ??= cpusetHierarchies(this.#deps.procRoot)
    const reasons: string[] = []
    for (const hierarchy of await this.#hierarchies) {
      try {
        return await makeCpusetGroup(hierarchy, name, cpuset)
      } catch (error) {
        reasons.push(errorText(error))
      }
    }
    if (reasons.length === 0) reasons.push('no hierarchy with cpusets is mounted')
    this.#warnOnce('cgroup', { reasons }, 'cgroups cannot be used: children are bound to their processors by affinity')
    return undefined
  }

  async #numa(node: number | undefined): Promise<{ node: number; numactl: string } | undefined> {
    if (node === undefined) return undefined
    const numactl = await this.#tool('numactl', [`--preferred=${node}`])
    if (numactl !== undefined) return { node, numactl }
    this.#warnOnce(
      `numactl ${node}`,
      { node },
      'numa_preferred is left to the processors themselves: there is no numactl that works (package numactl)',
    )
    return undefined
  }

  /** The program, if it is there and can do `options` here: containers forbid some, and a machine may lack the node. */
  async #tool(name: string, options: readonly string[]): Promise<string | undefined> {
    const program = await findProgram(name, this.#deps.searchPath)
    if (program === undefined) return undefined
    try {
      await promisify(execFile)(program, [...options, 'true'], { timeout: PROBE_MS })
      return program
    } catch (error) {
      this.#warnOnce(`${name} ${options.join(' ')}`, { err: error }, `${name} does not work here`)
      return undefined
    }
  }

  async #remove(group: string): Promise<void> {
    const { clock, log } = this.#deps
    for (let attempt = 1; attempt <= REMOVALS; attempt += 1) {
      if (await removeGroup(group)) return
      if (attempt < REMOVALS) await clock.sleep(REMOVAL_GAP_MS)
    }
    log.warn({ group }, 'the cgroup of a processor that ended cannot be removed: something still runs in it')
  }

  #warnOnce(topic: string, fields: object, message: string): void {
    if (this.#warned.has(topic)) return
    this.#warned.add(topic)
    this.#deps.log.warn(fields, message)
  }
}
