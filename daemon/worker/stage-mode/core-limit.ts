import { execFile } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { promisify } from 'node:util'
import { errorText } from '../../../rpc-schema/seal-error.js'
import { allowedCpus } from '../hardware/allowed-cpus.js'
import { formatCpuList, parseCpuList } from '../hardware/cpu-list.js'
import { readValue } from '../hardware/kernel-files.js'
import { readTopology } from '../hardware/read-topology.js'
import { type Pu, pusOf } from '../hardware/topology.js'
import { findProgram } from '../processors/placement/program-path.js'
import type { ProcessorsConfig } from '../processors/processors-config.js'

/** How long `taskset` may take. */
const TASKSET_MS = 30_000
const TRIES = 5

/**
 * The processors that a limit names: a list as `0-47,96-143`, or a range of the whole cores in percent, as `75%` (the first three quarters) and
 * `75-100%` (the rest): ranges that do not overlap have no core in common, and all threads of a core belong to it. Throws an Error that says what is wrong.
 */
export function limitedCpus(limit: string, pus: readonly Pu[]): number[] {
  const percent = /^(?:(\d{1,3})-)?(\d{1,3})%$/.exec(limit.trim())
  const known = new Set(pus.map(({ index }) => index))
  if (percent === null) {
    const cpus = parseCpuList(limit)
    const missing = cpus.filter(cpu => !known.has(cpu))
    if (cpus.length === 0) throw new Error('no processors are named')
    if (missing.length === 0) return cpus
    throw new Error(`processors ${formatCpuList(missing)} are not there for this worker, which has ${listed(known)}`)
  }
  const [from, to] = [Number(percent[1] ?? 0), Number(percent[2])]
  if (from >= to || to > 100) throw new Error(`expected a share as 75% or 75-100%, found ${limit}`)
  const cores = [...new Set(pus.map(({ core }) => core))].sort((a, b) => a - b)
  const at = (share: number): number => Math.round((share / 100) * cores.length)
  const own = new Set(cores.slice(at(from), at(to)))
  if (own.size === 0) throw new Error(`${limit} of ${cores.length} cores is not one core`)
  return pus.filter(({ core }) => own.has(core)).map(({ index }) => index)
}

const listed = (cpus: Iterable<number>): string => formatCpuList([...cpus])

/**
 * Keeps this process, its threads and all that it starts from now on to some processors. Throws when that cannot be done: a worker that takes more than
 * its share slows down the others of its machine.
 */
export async function limitCores(limit: string): Promise<void> {
  try {
    const allowed = await allowedCpus()
    const pus = pusOf(await readTopology()).filter(({ index }) => allowed?.has(index) ?? true)
    const list = listed(limitedCpus(limit, pus))
    const taskset = await findProgram('taskset')
    if (taskset === undefined) throw new Error('there is no taskset: install util-linux')
    const run = promisify(execFile)
    let [left, failure] = [await elsewhere(list), undefined as unknown]
    for (let at = 0; left.length > 0 && at < TRIES; at++) {
      // A thread that ends meanwhile makes it fail for the others.
      await run(taskset, ['-a', '-c', '-p', list, String(process.pid)], { timeout: TASKSET_MS }).catch(error => {
        failure = error
      })
      left = await elsewhere(list)
    }
    if (left.length > 0) throw new Error(`it runs on ${left[0]} and not on ${list} alone`, { cause: failure })
  } catch (error) {
    throw new Error(`--cores=${limit}: ${errorText(error)}`, { cause: error })
  }
}

/** Where threads of this process may run that are not kept to these processors. */
async function elsewhere(list: string): Promise<string[]> {
  const threads = await readdir('/proc/self/task')
  const lists = await Promise.all(
    threads.map(async thread => {
      const status = (await readValue(`/proc/self/task/${thread}/status`)) ?? ''
      return /^Cpus_allowed_list:\s*(\S+)/m.exec(status)?.[1]
    }),
  )
  return lists.filter(each => each !== undefined).filter(each => each !== list)
}

/** A child would leave the processors of its worker. Throws an Error that names the entry. */
export async function checkChildrenWithin(children: ProcessorsConfig['children']): Promise<void> {
  const allowed = await allowedCpus()
  if (allowed === undefined) return
  for (const [stage, entries] of Object.entries(children))
    for (const [at, { cgroup }] of (entries ?? []).entries()) {
      const outside = cgroup.cpuset === undefined ? [] : parseCpuList(cgroup.cpuset).filter(cpu => !allowed.has(cpu))
      if (outside.length > 0)
        throw new Error(
          `processors.${stage}[${at}].cgroup.cpuset: processors ${formatCpuList(outside)} are not the worker's, which has ${listed(allowed)}`,
        )
    }
}
