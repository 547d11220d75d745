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
  /** At any time so far. */
  readonly highestRssBytes: number
}

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

process.on('message', () => {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage()
  const usage: ServerUsage = {
    cpuMs: (userCPUTime + systemCPUTime) / 1000,
    rssBytes: process.memoryUsage.rss(),
    highestRssBytes: maxRSS * 1024,
  }
  process.send!(usage)
})
process.on('disconnect', async () => {
  bare.closeAllConnections()
  bare.close()
  await proxy.stop()
})
const addresses: ServerAddresses = {
  proxy: proxy.address,
  bare: `127.0.0.1:${(bare.address() as AddressInfo).port}`,
}
process.send!(addresses)
