import { connectRpc } from '../rpc-schema/rpc/connection.js'
import type { BenchProcess } from './bench-process.js'
import { type Caller, RawHttp } from './raw-http.js'

export interface Figures {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
}

export function figures(tookMs: number[], elapsedMs: number): Figures {
  tookMs.sort((a, b) => a - b)
  const quantile = (share: number): number =>
    Number((tookMs[Math.min(tookMs.length - 1, Math.floor(tookMs.length * share))] ?? 0).toFixed(2))
  return {
    perSecond: Math.round((tookMs.length * 1_000) / elapsedMs),
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
  }
}

export async function withCallers<T>(url: string, count: number, work: (all: Caller[]) => Promise<T>): Promise<T> {
  const all = Array.from({ length: count }, () => (url.startsWith('http') ? new RawHttp(url) : connectRpc(url)))
  try {
    return await work(all)
  } finally {
    await Promise.all(all.map(caller => caller.close()))
  }
}

/** Every caller asks again as soon as it has its answer. Also tells what a call costs the server, which other work on the machine disturbs least. */
export async function load(
  server: BenchProcess,
  seconds: number,
  callers: readonly Caller[],
  method: string,
  params: (index: number) => unknown[],
): Promise<Figures & { readonly cpuMicros: number }> {
  await callers[0]!.call(method, params(0))
  const took: number[] = []
  const before = await server.usage()
  const start = performance.now()
  const end = start + seconds * 1_000
  await Promise.all(
    callers.map(async (caller, index) => {
      while (performance.now() < end) {
        const asked = performance.now()
        await caller.call(method, params(index))
        took.push(performance.now() - asked)
      }
    }),
  )
  const elapsed = performance.now() - start
  const { cpuMs } = await server.usage()
  return { ...figures(took, elapsed), cpuMicros: Math.round(((cpuMs - before.cpuMs) * 1_000) / took.length) }
}
