import { pathText } from '../../../rpc-schema/schema-issue.js'
import type { ConfigProblem } from '../../kit/config/config-error.js'
import type { ChildConfig, ChildStage } from '../processors/processors.js'
import type { Machine } from './machine.js'
import type { WorkerConfig, WorkerSource } from './worker-config.js'

/** What a check looks at: a configuration whose values all have the right form, and the machine it is for. */
export interface CheckSubject {
  readonly config: WorkerConfig
  readonly source: WorkerSource
  readonly machine: Machine
}

type Path = readonly (string | number)[]

export const problemAt = ({ source }: CheckSubject, path: Path, message: string): ConfigProblem => ({
  line: source.file.lineOf(path),
  path: pathText(path),
  message,
})

/** The threads that have a store, and where it is written. */
export function threadPlaces({ source }: CheckSubject): { thread: number; location: string; path: Path }[] {
  return source.threads.flatMap(({ location, entry }, thread) =>
    location === undefined ? [] : [{ thread, location, path: ['sealing_thread', entry, 'location'] }],
  )
}

export function childrenOf({
  config,
}: CheckSubject): { stage: ChildStage; index: number; child: ChildConfig; path: Path }[] {
  return Object.entries(config.processors.children).flatMap(([stage, entries]) =>
    (entries ?? []).map((child, index) => ({
      stage: stage as ChildStage,
      index,
      child,
      path: ['processors', stage, index],
    })),
  )
}
