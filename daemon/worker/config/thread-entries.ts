import { DEFAULT_PLAN } from '../../../rpc-schema/worker/plans.js'
import type { ConfigProblem } from '../../kit/config/config-error.js'
import type { TomlFile } from '../../kit/config/toml-file.js'
import { needsStore } from '../plans/registry.js'
import { checkPlan } from './plan-name.js'
import type { ThreadEntry, WorkerFile } from './worker-file.js'

/** One thread of an entry: an entry with `count = 8` means eight. */
export interface ThreadSource {
  /** Which `[[sealing_thread]]`, from 0. */
  readonly entry: number
  readonly location: string | undefined
  readonly plan: string
  readonly sealing: ThreadEntry['sealing']
}

const NUMBER = /\{n(?::(0?)(\d{1,2}))?\}/g

/** `/mnt/{n}/store` → `/mnt/3/store`; `{n:02}` pads with zeros, `{n:2}` does the same. */
export const numbered = (location: string, number: number): string =>
  location.replace(NUMBER, (_, _zero, width: string | undefined) => String(number).padStart(Number(width ?? 1), '0'))

/** All threads in the order of the file; those of an entry with `count` follow one another, numbered from 1. */
export function threadsOf(
  written: WorkerFile,
  file: TomlFile,
): { threads: ThreadSource[]; problems: ConfigProblem[]; remarks: ConfigProblem[] } {
  const problems: ConfigProblem[] = []
  const remarks: ConfigProblem[] = []
  const threads = written.sealing_thread.flatMap((entry, index): ThreadSource[] => {
    const { count = 1, location, plan = DEFAULT_PLAN, sealing } = entry
    const at = (key: string, message: string): ConfigProblem => ({
      line: file.lineOf(['sealing_thread', index, key]),
      path: `sealing_thread[${index}].${key}`,
      message,
    })
    const wrongPlan = checkPlan(plan)
    if (wrongPlan !== undefined) problems.push(at('plan', wrongPlan))
    else if (location === undefined && needsStore(plan))
      problems.push(at('location', `expected a directory, found nothing (only plan "wdpost" works without)`))
    const pattern = location !== undefined && location.search(NUMBER) >= 0
    if (count > 1 && location !== undefined && !pattern) {
      problems.push(
        at('count', `${count} threads cannot share one location: expected {n} in ${JSON.stringify(location)}`),
      )
      return [{ entry: index, location, plan, sealing }]
    }
    if (pattern && entry.count === undefined)
      remarks.push(at('location', '{n} has no meaning without `count`: taken as it is written'))
    return Array.from({ length: count }, (_, number) => ({
      entry: index,
      location: location === undefined || entry.count === undefined ? location : numbered(location, number + 1),
      plan,
      sealing,
    }))
  })
  return { threads, problems, remarks }
}
