import { STAGE_NAMES } from '../../../rpc-schema/processor/stages.js'
import type { ConfigProblem } from '../../kit/config/config-error.js'
import { hint } from '../../kit/config/near-name.js'
import { type PlacementProblem, placementProblems } from '../processors/placement/placement-problems.js'
import { type CheckSubject, childrenOf, problemAt } from './check-subject.js'
import { LEAST_STAGGER_MS, type ProcessorsFile } from './processors-config.js'

// What the values of a configuration must have to do with one another.

/** `[processors]` as it is written, where every value has the right form. */
const written = (subject: CheckSubject): Partial<Record<string, unknown>> & Pick<ProcessorsFile, 'ext_locks'> =>
  (subject.source.file.value.processors ?? {}) as ProcessorsFile

const limitation = (
  subject: CheckSubject,
): { concurrent?: Record<string, number>; staggered?: Record<string, string> } => written(subject).limitation ?? {}

export function undeclaredLocks(subject: CheckSubject): ConfigProblem[] {
  const { extLocks } = subject.config.processors
  return childrenOf(subject).flatMap(({ child, path }) =>
    child.locks
      .filter(lock => !Object.hasOwn(extLocks, lock))
      .map(lock =>
        problemAt(
          subject,
          [...path, 'locks'],
          `lock ${JSON.stringify(lock)} is not in ext_locks: it never makes anyone wait${hint(lock, Object.keys(extLocks))}`,
        ),
      ),
  )
}

export function unusedLocks(subject: CheckSubject): ConfigProblem[] {
  const taken = new Set(childrenOf(subject).flatMap(({ child }) => child.locks))
  return Object.keys(subject.config.processors.extLocks)
    .filter(lock => !taken.has(lock))
    .map(lock => problemAt(subject, ['processors', 'ext_locks', lock], 'no processor takes this lock'))
}

/** A limit of 0 waits for ever. */
export function limitsOfZero(subject: CheckSubject): ConfigProblem[] {
  const found: ConfigProblem[] = []
  for (const [stage, limit] of Object.entries(subject.config.processors.limitation.concurrent)) {
    if (limit === 0)
      found.push(problemAt(subject, ['processors', 'limitation', 'concurrent', stage], `0: ${stage} never runs`))
  }
  for (const [lock, holders] of Object.entries(subject.config.processors.extLocks)) {
    const path = ['processors', 'ext_locks', lock]
    if (holders === 0) found.push(problemAt(subject, path, '0: whatever needs this lock never runs'))
  }
  for (const { child, path } of childrenOf(subject)) {
    if (child.concurrent === 0)
      found.push(problemAt(subject, [...path, 'concurrent'], '0: this processor never gets a task'))
  }
  return found
}

export function weightsOfZero(subject: CheckSubject): ConfigProblem[] {
  return Object.entries(subject.config.processors.children)
    .filter(([, entries]) => entries !== undefined && entries.length > 0 && entries.every(entry => entry.weight === 0))
    .map(([stage]) =>
      problemAt(subject, ['processors', stage, 0, 'weight'], `every ${stage} processor has weight 0: none has a share`),
    )
}

export function daemonsWithoutProgram(subject: CheckSubject): ConfigProblem[] {
  return childrenOf(subject)
    .filter(({ stage, child }) => stage === 'sealing_daemons' && child.bin === undefined)
    .map(({ path }) => problemAt(subject, path, '`bin` is missing: there is no built-in program to keep running'))
}

export function smallStaggers(subject: CheckSubject): ConfigProblem[] {
  const kept = subject.config.processors.limitation.staggered
  return Object.entries(limitation(subject).staggered ?? {})
    .filter(([stage, text]) => (STAGE_NAMES as string[]).includes(stage) && !Object.hasOwn(kept, stage) && text !== '0')
    .map(([stage, text]) => {
      const path = ['processors', 'limitation', 'staggered', stage]
      return problemAt(
        subject,
        path,
        `less than ${LEAST_STAGGER_MS / 1_000}s is ignored, found ${JSON.stringify(text)}`,
      )
    })
}

export function unknownStages(subject: CheckSubject): ConfigProblem[] {
  return (['concurrent', 'staggered'] as const).flatMap(table =>
    Object.keys(limitation(subject)[table] ?? {})
      .filter(name => !(STAGE_NAMES as string[]).includes(name))
      .map(name =>
        problemAt(
          subject,
          ['processors', 'limitation', table, name],
          `no such stage, ignored${hint(name, STAGE_NAMES)}`,
        ),
      ),
  )
}

/** Whether two listeners would want the same port of the same interface. */
export function sharedPort(subject: CheckSubject): ConfigProblem[] {
  const { rpc, metrics } = subject.config
  const [, host, port] = /^(.*):(\d+)$/.exec(metrics.listen) ?? []
  const wildcard = (address: string): boolean => address === '0.0.0.0' || address === '::'
  const metricsHost = host!.replace(/^\[|\]$/g, '')
  if (!metrics.enable || rpc.port === 0 || Number(port) !== rpc.port) return []
  if (metricsHost !== rpc.host && !wildcard(metricsHost) && !wildcard(rpc.host)) return []
  return [problemAt(subject, ['metrics', 'http_listen'], `port ${port} is also that of worker.rpc_server`)]
}

export function waitsForDealsInVain(subject: CheckSubject): ConfigProblem[] {
  const entries = new Set<number>()
  return subject.config.threads.flatMap(({ sealing }, index) => {
    const { entry } = subject.source.threads[index]!
    if (!sealing.disableCc || sealing.enableDeals || entries.has(entry)) return []
    entries.add(entry)
    const path = ['sealing_thread', entry, 'sealing', 'disable_cc']
    return [problemAt(subject, path, '`disable_cc` without `enable_deals`: the thread never gets a sector')]
  })
}

/** Processors that the machine lacks, the rule of multicore SDR, NUMA nodes: what the worker itself checks before it starts a child. */
async function placement(subject: CheckSubject, severity: PlacementProblem['severity']): Promise<ConfigProblem[]> {
  const { machine, config, source } = subject
  const problems = placementProblems(config.processors.children, await machine.topology(), machine.env)
  return problems
    .filter(problem => problem.severity === severity)
    .map(({ path, message }) => {
      const [, stage, index, ...keys] = path.split(/[.[\]]+/)
      return { line: source.file.lineOf(['processors', stage!, Number(index), ...keys]), path, message }
    })
}

export const placementErrors = (subject: CheckSubject): Promise<ConfigProblem[]> => placement(subject, 'error')
export const placementWarnings = (subject: CheckSubject): Promise<ConfigProblem[]> => placement(subject, 'warning')

/** Programs of others do not know of sectors that have been read elsewhere. */
export function foreignProvers(subject: CheckSubject): ConfigProblem[] {
  const proves = subject.config.threads.some(
    ({ plan, sealing }) => plan === 'wdpost' && sealing.windowParts.includes('prove'),
  )
  if (!proves) return []
  return childrenOf(subject)
    .filter(({ stage, child }) => stage === 'window_post' && child.bin !== undefined)
    .map(({ path }) =>
      problemAt(
        subject,
        [...path, 'bin'],
        'with `window_parts = ["prove"]` this program must know `vanilla_files` of the task, as our own does',
      ),
    )
}

export function partsOfOtherPlans(subject: CheckSubject): ConfigProblem[] {
  const entries = new Set<number>()
  return subject.config.threads.flatMap(({ plan }, index) => {
    const { entry, sealing } = subject.source.threads[index]!
    if (plan === 'wdpost' || sealing?.window_parts === undefined || entries.has(entry)) return []
    entries.add(entry)
    const path = ['sealing_thread', entry, 'sealing', 'window_parts']
    return [problemAt(subject, path, 'has an effect with plan "wdpost" only')]
  })
}
