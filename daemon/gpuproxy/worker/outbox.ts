import type { Knex } from 'knex'
import { fitting, TEXT_COLUMN } from '../../kit/database.js'
import type { Claim } from './task-source.js'

export type Result = Claim & ({ readonly proof: Uint8Array } | { readonly error: string; readonly forGood: boolean })

interface Row {
  task_id: string
  fence: number | string
  proof: Uint8Array | null
  error: string | null
  for_good: number
}

/** The table `worker_outbox`: results stay here until the server has them, whatever ends in between. */
export class Outbox {
  readonly #db: Knex

  constructor(db: Knex) {
    this.#db = db
  }

  async put(result: Result): Promise<void> {
    const row = {
      task_id: result.id,
      fence: result.fence,
      proof: 'proof' in result ? Buffer.from(result.proof) : null,
      error: 'error' in result ? fitting(result.error, TEXT_COLUMN) : null,
      for_good: 'error' in result && result.forGood,
    }
    await this.#db('worker_outbox').insert(row).onConflict('task_id').merge()
  }

  async list(): Promise<Result[]> {
    const rows: Row[] = await this.#db('worker_outbox').select()
    return rows.map(({ task_id: id, fence, proof, error, for_good }) => {
      const claim = { id, fence: Number(fence) }
      return proof === null
        ? { ...claim, error: error ?? '', forGood: Boolean(for_good) }
        : { ...claim, proof: new Uint8Array(proof) }
    })
  }

  async remove(id: string): Promise<void> {
    await this.#db('worker_outbox').where({ task_id: id }).delete()
  }
}
