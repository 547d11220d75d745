// The server that bench/gpuproxy.ts measures: a process of its own, which tells over IPC what it has used.
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { startGpuProxy } from '../daemon/gpuproxy/start-gpuproxy.js'
import { noProofCheck } from '../daemon/gpuproxy/tasks/proof-check.js'
import { silentLog } from '../daemon/kit/log.js'

export interface ServerAddresses {
  readonly proxy: string
  /** Of a server of node:http that answers every request with null, in the same process. */
  readonly bare: string
}

export interface ServerUsage {
  /** Of all threads so far, ms. */
  readonly cpuMs: number
  readonly rssBytes: number
  /** Since the last question. */
  readonly highestRssBytes: number
}

const SAMPLE_MS = 20

const dir = process.argv[2]!
const proxy = await startGpuProxy({
  dsn: `${dir}/gpuproxy.db`,
  listen: { host: '127.0.0.1', port: 0 },
  resourceDir: `${dir}/resources`,
  log: silentLog,
  // Verifying costs what the prover costs; here the service is measured.
  proofs: noProofCheck,
})
const bare = http.createServer((request, response) => {
  request.resume().on('end', () => response.end('{"jsonrpc":"2.0","result":null,"id":0}'))
})
await new Promise<void>(resolve => bare.listen(0, '127.0.0.1', resolve))

let highestRssBytes = 0
const sampling = setInterval(() => {
  highestRssBytes = Math.max(highestRssBytes, process.memoryUsage.rss())
}, SAMPLE_MS)

process.on('message', () => {
  const { user, system } = process.cpuUsage()
  const rssBytes = process.memoryUsage.rss()
  const usage: ServerUsage = {
    cpuMs: (user + system) / 1000,
    rssBytes,
    highestRssBytes: Math.max(highestRssBytes, rssBytes),
  }
  highestRssBytes = 0
  process.send!(usage)
})
process.on('disconnect', async () => {
  clearInterval(sampling)
  bare.closeAllConnections()
  bare.close()
  await proxy.stop()
})
const addresses: ServerAddresses = {
  proxy: proxy.address,
  bare: `127.0.0.1:${(bare.address() as AddressInfo).port}`,
}
process.send!(addresses)
