import type { Knex } from 'knex'
import type { GroupCommit } from '../group-commit.js'

interface Waiting<Request, Outcome> {
  readonly request: Request
  resolve(outcome: Outcome): void
  reject(error: unknown): void
}

/** Claims served at once at the most: the first is not to wait for hundreds. */
const MOST_TOGETHER = 64

/** Collects the claims that arrive until a transaction can begin, and serves them in it, in the order of their arrival. One that fails, fails for all. */
export class ClaimsTogether<Request, Outcome> {
  readonly #commits: GroupCommit
  readonly #serve: (requests: readonly Request[], trx: Knex.Transaction) => Promise<readonly Outcome[]>
  #waiting: Waiting<Request, Outcome>[] = []

  constructor(
    commits: GroupCommit,
    serve: (requests: readonly Request[], trx: Knex.Transaction) => Promise<readonly Outcome[]>,
  ) {
    this.#commits = commits
    this.#serve = serve
  }

  claim(request: Request): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ request, resolve, reject })
      if (this.#waiting.length === 1) void this.#round()
    })
  }

  async #round(): Promise<void> {
    let served: readonly Waiting<Request, Outcome>[] | undefined
    const take = (): readonly Waiting<Request, Outcome>[] => {
      const taken = this.#waiting.splice(0, MOST_TOGETHER)
      if (this.#waiting.length > 0) void this.#round()
      return taken
    }
    try {
      const outcomes = await this.#commits.run(trx => {
        // A second attempt is for the same.
        served ??= take()
        return this.#serve(
          served.map(({ request }) => request),
          trx,
        )
      })
      for (const [at, { resolve }] of served!.entries()) resolve(outcomes[at]!)
    } catch (error) {
      for (const { reject } of served ?? take()) reject(error)
    }
  }
}
