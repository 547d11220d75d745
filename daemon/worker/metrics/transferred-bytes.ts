import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Processors, StageName, StageOutput, StageRun, StageTask } from '../processors/processors.js'

/** `store`: the persist store towards which the files went, undefined when they came to this machine. */
export type OnTransferred = (bytes: number, store: string | undefined) => void

type Route = StageTask<'transfer'>['routes'][number]

/** Bytes of a file, or of all files below a directory. Links have none. */
async function bytesAt(path: string): Promise<number> {
  const found = await lstat(path)
  if (found.isFile()) return found.size
  if (!found.isDirectory()) return 0
  let sum = 0
  for (const entry of await readdir(path)) sum += await bytesAt(join(path, entry))
  return sum
}

const isUpload = ({ src, dest }: Route): boolean => src.store_name === null && dest.store_name !== null

/** Always the side on this machine is measured, never a mount that may hang. */
async function bytesOf(routes: readonly Route[], side: 'src' | 'dest'): Promise<number[]> {
  return Promise.all(routes.map(route => bytesAt(route[side].uri).catch(() => 0)))
}

async function runTransfer(
  processors: Processors,
  task: StageTask<'transfer'>,
  run: StageRun | undefined,
  told: OnTransferred,
): Promise<StageOutput<'transfer'>> {
  const uploads = task.routes.filter(isUpload)
  const downloads = task.routes.filter(route => !isUpload(route) && route.dest.store_name === null)
  const before = await bytesOf(uploads, 'src')
  const output = await processors.run('transfer', task, run)
  for (const [at, { dest }] of uploads.entries()) told(before[at]!, dest.store_name!)
  for (const bytes of await bytesOf(downloads, 'dest')) told(bytes, undefined)
  return output
}

/** The same processors; what transfers have brought to its place is counted. */
export function measuredTransfers(processors: Processors, told: OnTransferred): Processors {
  return {
    run<S extends StageName>(stage: S, task: StageTask<S>, run?: StageRun): Promise<StageOutput<S>> {
      if (stage !== 'transfer') return processors.run(stage, task, run)
      const transfer = runTransfer(processors, task as StageTask<'transfer'>, run, told)
      return transfer as Promise<StageOutput<S>>
    },
    acquire: (stage, signal) => processors.acquire(stage, signal),
    ready: () => processors.ready(),
    close: () => processors.close(),
  }
}
