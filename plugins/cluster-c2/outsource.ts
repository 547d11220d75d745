import { setTimeout as sleep } from 'node:timers/promises'
import type { proofService } from '../../rpc-schema/gpuproxy/index.js'
import { TASK_STATE, TASK_TYPE } from '../../rpc-schema/gpuproxy/task.js'
import { resourceIdOf, taskIdOf } from '../../rpc-schema/gpuproxy/task-ids.js'
import type { StageTask } from '../../rpc-schema/processor/stages.js'
import { RpcError } from '../../rpc-schema/rpc/error.js'
import type { Client } from '../../rpc-schema/rpc/method.js'
import { errorText, SealError } from '../../rpc-schema/seal-error.js'
import { Address } from '../../rpc-schema/wire/address.js'
import { c2Document } from './c2-document.js'

export interface OutsourceOptions {
  api: Pick<Client<typeof proofService.methods>, 'GetTask' | 'AddTask' | 'UpdateStatusById'>
  /** Undefined when it cannot be found out here: the sealing machine and the manager verify as well. */
  verify(task: StageTask<'c2'>, proof: Uint8Array): Promise<boolean | undefined>
  /** Between two looks at a task, ms. */
  pollMs: number
  log: { info(fields: object, text: string): void; warn(fields: object, text: string): void }
  signal: AbortSignal
  pace?: { submitAttempts: number; retryMs: number }
}

/** A server that is away when a task is submitted is asked some times more; then a person decides. */
const PACE = { submitAttempts: 4, retryMs: 2_000 }
/** Wrong proofs of one task before a person decides. */
const MOST_WRONG_PROOFS = 3

const isUnknown = (error: unknown): boolean => error instanceof RpcError && /^not found /.test(error.message)

/**
 * Has the proof of a sector made elsewhere. The task's id is a function of the sector and its C1, so whatever ends in between, the same task is found
 * again and never submitted twice; one that failed before is tried anew. Throws permanent with the reason of the prover, or when there is no server.
 */
export async function outsourceC2(task: StageTask<'c2'>, options: OutsourceOptions): Promise<Uint8Array> {
  const miner = Address.fromId(task.miner_id, 'f')
  const document = c2Document(task)
  const id = taskIdOf(miner, TASK_TYPE.c2, resourceIdOf(document))
  const { log, verify, api } = options
  await submit(id, miner, task, document, options)
  for (let wrong = 0; ; ) {
    const proof = await awaitProof(id, task, options)
    if ((await verify(task, proof)) !== false) return proof
    wrong += 1
    log.warn({ task: id, sector: task.sector_id }, 'the proof that came back does not verify')
    if (wrong >= MOST_WRONG_PROOFS)
      throw new SealError('permanent', `${words(id, task)}${wrong} proofs came back that do not verify`)
    await patiently(id, task, options, async () => {
      await api.UpdateStatusById([id], TASK_STATE.init)
      // With the proof the server has removed what it was made from.
      await add(miner, task, document, api)
    })
  }
}

const add = (
  miner: Address,
  { sector_id, miner_id }: StageTask<'c2'>,
  document: Buffer,
  api: OutsourceOptions['api'],
): Promise<string> =>
  api.AddTask(miner.toString('f'), `SectorId(${sector_id}) MinerId(${miner_id})`, TASK_TYPE.c2, document)

/** The original's words: operators look for them. */
const words = (id: string, { sector_id }: StageTask<'c2'>): string =>
  `task ${id} sector SectorId(${sector_id}) error reason:`

async function submit(
  id: string,
  miner: Address,
  task: StageTask<'c2'>,
  document: Buffer,
  options: OutsourceOptions,
): Promise<void> {
  const { api, log } = options
  await patiently(id, task, options, async () => {
    const known = await api.GetTask(id).catch((error: unknown) => {
      if (isUnknown(error)) return undefined
      throw error
    })
    if (known === undefined) {
      await add(miner, task, document, api)
      log.info({ task: id, sector: task.sector_id }, 'task submitted')
    } else if (known.state === TASK_STATE.error) {
      await api.UpdateStatusById([id], TASK_STATE.init)
      log.info({ task: id, sector: task.sector_id, before: known.errorMsg }, 'task is tried again')
    }
  })
}

/** Some times, as long as the server does not answer. */
async function patiently(
  id: string,
  task: StageTask<'c2'>,
  { log, signal, pace = PACE }: OutsourceOptions,
  work: () => Promise<unknown>,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await work()
      return
    } catch (error) {
      // An answer, even a refusal, is not changed by asking again.
      if (error instanceof RpcError || attempt >= pace.submitAttempts)
        throw new SealError('permanent', `${words(id, task)}not submitted to gpuproxy: ${errorText(error)}`, {
          cause: error,
        })
      log.warn({ task: id }, `gpuproxy cannot be reached, trying again: ${errorText(error)}`)
      await sleep(pace.retryMs * attempt, undefined, { signal })
    }
  }
}

/** However long it takes, and whether the server is there or not: its task is kept. */
async function awaitProof(
  id: string,
  task: StageTask<'c2'>,
  { api, log, pollMs, signal }: OutsourceOptions,
): Promise<Uint8Array> {
  for (;;) {
    signal.throwIfAborted()
    try {
      const { state, proof, errorMsg } = await api.GetTask(id)
      if (state === TASK_STATE.completed) return proof
      if (state === TASK_STATE.error) throw new SealError('permanent', `${words(id, task)}${errorMsg}`)
    } catch (error) {
      if (error instanceof SealError) throw error
      if (isUnknown(error)) throw new SealError('permanent', `${words(id, task)}the task was removed from gpuproxy`)
      log.warn({ task: id }, `the task cannot be looked at, trying again: ${errorText(error)}`)
    }
    await sleep(pollMs, undefined, { signal })
  }
}
