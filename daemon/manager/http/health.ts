import { errorText } from '../../../rpc-schema/seal-error.js'
import type { HttpHandler } from '../../kit/http/http-server.js'
import { withDeadline } from '../concurrency/deadline.js'

export interface HealthSources {
  /** Rejects when the database cannot be read. */
  database(): Promise<unknown>
  /** Why the last write to it failed; undefined when it did not. */
  writeProblem(): string | undefined
  /** Rejects when no chain node answers. */
  head(): Promise<{ height: number; timestamp: number }>
  readonly nodeUrl: string
  storeNames(): readonly string[]
  stores(): Promise<readonly { Name: string; Free: number; Total: number }[]>
}

const LIMIT_MS = 5_000

interface Part {
  readonly ok: boolean
  readonly [detail: string]: unknown
}

async function part(name: string, look: () => Promise<Record<string, unknown>>): Promise<Part> {
  try {
    return { ok: true, ...(await withDeadline(name, LIMIT_MS, look())) }
  } catch (error) {
    return { ok: false, error: errorText(error) }
  }
}

/** `/healthcheck`: that the process serves; with `?full=1` also what it depends on, 503 when something of that fails. */
export function healthHandler(sources: HealthSources): HttpHandler {
  return async (request, response) => {
    const full = new URLSearchParams((request.url ?? '').split('?')[1]).get('full')
    const answer = (status: number, body: object): void =>
      void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    if (full === null || full === '0' || full === 'false') return answer(200, { status: 'OK' })
    const [database, node, stores] = await Promise.all([
      part('the database', async () => {
        await sources.database()
        const problem = sources.writeProblem()
        if (problem !== undefined) throw new Error(problem)
        return {}
      }),
      part('the chain node', async () => ({ url: sources.nodeUrl, ...(await sources.head()) })),
      part('the stores', async () => {
        const found = await sources.stores()
        const silent = sources.storeNames().filter(name => !found.some(({ Name }) => Name === name))
        if (silent.length > 0) throw new Error(`${silent.join(', ')}: no answer`)
        return { stores: found.map(({ Name, Free, Total }) => ({ name: Name, free: Free, total: Total })) }
      }),
    ])
    const good = database.ok && node.ok && stores.ok
    answer(good ? 200 : 503, { status: good ? 'OK' : 'FAILING', database, node, stores })
  }
}
