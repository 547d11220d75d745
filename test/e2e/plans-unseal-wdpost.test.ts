import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { parseToml } from '../../daemon/kit/config/toml-file.js'
import { silentLog } from '../../daemon/kit/log.js'
import { loadWorkerConfig } from '../../daemon/worker/config/worker-config.js'
import { type RunningWorker, startWorker } from '../../daemon/worker/worker.js'
import { ensureParameters } from '../../plugins/prover/parameters.js'
import { prover } from '../../plugins/prover/prover.js'
import type { SectorUnsealInfo } from '../../rpc-schema/manager/unseal.js'
import type { WdPoStSectorInfo } from '../../rpc-schema/manager/wdpost-job.js'
import { commDToCid } from '../../rpc-schema/wire/cid.js'
import { PieceServer } from '../daemon/worker/support/piece-server.js'
import { type FinishedJob, ScriptedManager } from '../daemon/worker/support/scripted-manager.js'
import { eventually } from '../harness/eventually.js'
import { filled, PROVER_ID, SectorOnDisk, WINDOW_PROOF } from '../plugins/prover/sealed-sector.js'

const MINER = 1_000
const PIECE_BYTES = 1_016
const content = (seed: number): Uint8Array => Uint8Array.from({ length: PIECE_BYTES }, (_, at) => (at * seed) % 253)

describe('e2e: a worker unseals pieces and proves windows', function () {
  this.timeout(300_000)
  const manager = new ScriptedManager()
  const sealed = [new SectorOnDisk(100), new SectorOnDisk(101), new SectorOnDisk(102)] as const
  let dir: string
  let server: PieceServer
  let worker: RunningWorker

  before(async () => {
    await ensureParameters({ sectorSize: 2048 })
    dir = await mkdtemp(join(tmpdir(), 'unseal-wdpost-'))
    sealed[0].addPiece(PIECE_BYTES, content(3))
    sealed[0].addPiece(PIECE_BYTES, content(7))
    for (const sector of sealed) {
      sector.preCommit()
      const name = `s-t0${MINER}-${sector.sectorId}`
      await cp(sector.sealedPath, join(dir, 'persist/sealed', name))
      await cp(sector.cacheDir, join(dir, 'persist/cache', name), { recursive: true })
    }
    server = await PieceServer.start()
    await manager.start()
    await mkdir(join(dir, 'out'))
    const toml = `
[worker]
name = "e2e"
rpc_server.host = "127.0.0.1"
rpc_server.port = 0
[sector_manager]
rpc_client.addr = "${manager.address}"
[sealing]
allowed_sizes = ["2KiB"]
seal_interval = "100ms"
recover_interval = "200ms"
request_task_max_retries = 100000
[[sealing_thread]]
location = "${join(dir, 'store')}"
plan = "unseal"
[[sealing_thread]]
plan = "wdpost"
[[sealing_thread]]
plan = "wdpost"
[[attached]]
name = "persist1"
location = "${join(dir, 'persist')}"
readonly = true
`
    const { config } = loadWorkerConfig(parseToml(toml, 'damocles-worker.toml'))
    worker = await startWorker({ config, log: silentLog, env: { ...process.env } })
  })
  after(async () => {
    await worker?.stop()
    await manager.stop()
    await server?.close()
    for (const sector of sealed) sector.remove()
    await rm(dir, { recursive: true, force: true })
  })

  const second = () => commDToCid(sealed[0].pieces[1]!.commitment)

  /** Asks for the second piece of the first sector, at an offset. */
  const task = (offset: number): SectorUnsealInfo => ({
    Sector: { ID: { Miner: MINER, Number: sealed[0].sectorId }, ProofType: 5 },
    PieceCid: second(),
    Offset: offset,
    Size: PIECE_BYTES,
    PrivateInfo: { AccessInstance: 'persist1' },
    Ticket: { Ticket: sealed[0].ticket, Epoch: 1 },
    CommD: sealed[0].commD,
    Dest: [],
    State: 'unsealing',
    ErrorInfo: '',
  })

  it('the bytes of a piece come back as they went in, over HTTP and into a file', async () => {
    const PieceCid = second()
    const file = join(dir, 'out/piece')
    manager.destinations = [`http://${server.host}/piece`, `file://${file}`]
    manager.unsealTasks.push(task(PIECE_BYTES))
    await eventually('the end of the unseal task', 60_000, () => manager.achieved.get(PieceCid.toString()))
    expect(manager.achieved.get(PieceCid.toString())).to.equal('')
    expect(Buffer.compare(server.received[0]!.body, content(7))).to.equal(0)
    expect(Buffer.compare(await readFile(file), content(7))).to.equal(0)
  })

  it('what is not the piece is not sent', async () => {
    const PieceCid = second()
    manager.achieved.clear()
    const sent = server.received.length
    manager.unsealTasks.push(task(0))
    const [thread] = worker.threads
    const pause = await eventually('a pause', 60_000, () =>
      thread!.paused ? (thread!.status.lastError ?? undefined) : undefined,
    )
    expect(pause).to.contain(`is not the piece ${PieceCid}`)
    expect(server.received).to.have.length(sent)
    await thread!.resume('Aborted')
    const outcome = await eventually('the end of the task', 60_000, () => manager.achieved.get(PieceCid.toString()))
    expect(outcome).to.equal('aborted by the operator')
  })

  const SEED = filled(9)
  const info = (sector: SectorOnDisk): WdPoStSectorInfo => ({
    SectorId: sector.sectorId,
    CommR: sector.commR,
    Upgrade: false,
    Accesses: { SealedFile: 'persist1', CacheDir: 'persist1' },
  })

  /** Has a worker prove these sectors. */
  function prove(id: string, sectors: readonly SectorOnDisk[]): Promise<FinishedJob> {
    const Input = { Sectors: sectors.map(info), MinerId: MINER, ProofType: WINDOW_PROOF, Seed: SEED }
    manager.jobs.push({ Id: id, Input })
    return eventually(`the job ${id}`, 120_000, () => manager.finishedJobs.find(job => job.id === id))
  }

  it('two windows proven at the same time hold', async () => {
    const windows = [[sealed[0], sealed[1]], [sealed[2]]] as const
    const jobs = await Promise.all(windows.map((window, index) => prove(`good${index}`, window)))
    for (const [index, { output, reason }] of jobs.entries()) {
      expect(reason).to.equal('')
      expect(output!.faults).to.deep.equal([])
      const replicas = windows[index]!.map(({ sectorId, commR }) => ({ sectorId, commR }))
      const statement = { proofType: WINDOW_PROOF, randomness: SEED, proverId: PROVER_ID, replicas }
      expect(prover.verifyWindowPost({ ...statement, proof: output!.proofs[0]! })).to.equal(true)
    }
  })

  it('a missing and a damaged sector are told as faults', async () => {
    const name = (sector: SectorOnDisk): string => join(dir, 'persist/sealed', `s-t0${MINER}-${sector.sectorId}`)
    await writeFile(name(sealed[1]), Buffer.alloc(2048, 1))
    expect(await prove('damaged', [sealed[0], sealed[1]])).to.deep.include({
      output: { proofs: [], faults: [101] },
      reason: '',
    })
    await rm(name(sealed[1]))
    expect(await prove('missing', [sealed[0], sealed[1]])).to.deep.include({
      output: { proofs: [], faults: [101] },
      reason: '',
    })
  })
})
