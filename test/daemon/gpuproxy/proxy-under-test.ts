import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type GpuProxyOptions, type RunningGpuProxy, startGpuProxy } from '../../../daemon/gpuproxy/start-gpuproxy.js'
import type { ProofCheck } from '../../../daemon/gpuproxy/tasks/proof-check.js'
import { silentLog } from '../../../daemon/kit/log.js'
import { gpuProxyService, proofService } from '../../../rpc-schema/gpuproxy/index.js'
import { rpcClient } from '../../../rpc-schema/rpc/client.js'
import { type Connection, connectRpc } from '../../../rpc-schema/rpc/connection.js'
import type { Client } from '../../../rpc-schema/rpc/method.js'
import { FakeClock } from '../worker/support/fake-clock.js'

const bytes = (fill: number): number[] => Array.from({ length: 32 }, () => fill)

/** What C1 gives, without the megabytes that nobody but a prover looks at. */
export const c1out = (seed = 2) => ({
  registered_proof: 'StackedDrg2KiBV1_1',
  vanilla_proofs: { StackedDrg2KiBV1: [[{ comm_d_proofs: [] }]] },
  comm_r: bytes(1),
  comm_d: bytes(3),
  replica_id: bytes(4),
  seed: bytes(seed),
  ticket: bytes(5),
})

/** The document of a task, as the plugin sends it. */
export const resource = (sector: number, seed?: number): Buffer =>
  Buffer.from(JSON.stringify({ c1out: c1out(seed), prover_id: bytes(0), sector_id: sector, miner_id: 1000 }))

/** A proof that the fake check takes for the sector. */
export const proofFor = (sector: number): Buffer => Buffer.alloc(192, sector % 256)

/** Valid is what is filled with the sector's number; `unknown` while it is told to know nothing. */
export class FakeProofCheck implements ProofCheck {
  knows = true
  check: ProofCheck['check'] = async ({ sectorId }, proof) =>
    !this.knows ? 'unknown' : proof.length === 192 && proof.every(byte => byte === sectorId % 256) ? 'valid' : 'invalid'
  close = (): Promise<void> => Promise.resolve()
}

/** A server in this process, with proofs that are pretended and time that stands still. */
export class ProxyUnderTest {
  readonly dir = mkdtempSync(join(tmpdir(), 'gpuproxy-'))
  readonly clock = new FakeClock()
  readonly proofs = new FakeProofCheck()
  readonly #options: Partial<GpuProxyOptions>
  readonly #connections: Connection[] = []
  #running!: RunningGpuProxy

  constructor(options: Partial<GpuProxyOptions> = {}) {
    this.#options = options
  }

  static start(options: Partial<GpuProxyOptions> = {}): Promise<ProxyUnderTest> {
    return new ProxyUnderTest(options).run()
  }

  /** Sent by clients that are made from now on. */
  token: string | undefined

  async run(more: Partial<GpuProxyOptions> = {}): Promise<this> {
    this.#running = await startGpuProxy({
      dsn: join(this.dir, 'gpuproxy.db'),
      listen: { host: '127.0.0.1', port: 0 },
      resourceDir: this.resourceDir,
      log: silentLog,
      clock: this.clock,
      proofs: this.proofs,
      ...this.#options,
      ...more,
    })
    return this
  }

  get resourceDir(): string {
    return join(this.dir, 'resources')
  }

  get resources(): string[] {
    return existsSync(this.resourceDir) ? readdirSync(this.resourceDir) : []
  }

  get url(): string {
    return `http://${this.#running.address}`
  }

  get proof(): Client<typeof proofService.methods> {
    return rpcClient(proofService, this.#connect())
  }

  get lease(): Client<typeof gpuProxyService.methods> {
    return rpcClient(gpuProxyService, this.#connect())
  }

  /** A request as it stands, with what came back. */
  async post(body: string, headers: Record<string, string> = { 'content-type': 'application/json' }) {
    const response = await fetch(this.url, { method: 'POST', body, headers })
    return { status: response.status, type: response.headers.get('content-type'), text: await response.text() }
  }

  add(sector: number, miner = 't01000'): Promise<string> {
    return this.proof.AddTask(miner, `sector ${sector}`, 0, resource(sector))
  }

  async halt(): Promise<void> {
    for (const connection of this.#connections.splice(0)) await connection.close()
    await this.#running.stop()
  }

  async stop(): Promise<void> {
    await this.halt()
    rmSync(this.dir, { recursive: true, force: true })
  }

  #connect(): Connection {
    const connection = connectRpc(this.url, { path: '/', ...(this.token !== undefined && { token: this.token }) })
    this.#connections.push(connection)
    return connection
  }
}
