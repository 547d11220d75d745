import type { Stats } from 'node:fs'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { systemClock } from '../../daemon/kit/clock.js'
import { parseToml } from '../../daemon/kit/config/toml-file.js'
import { silentLog } from '../../daemon/kit/log.js'
import { loadWorkerConfig } from '../../daemon/worker/config/worker-config.js'
import {
  createProcessors,
  DEFAULT_PROCESSORS,
  type Processors,
  type StageName,
  type StageOutput,
} from '../../daemon/worker/processors/processors.js'
import { type RunningWorker, startWorker } from '../../daemon/worker/worker.js'
import { ensureParameters } from '../../plugins/prover/parameters.js'
import { prover } from '../../plugins/prover/prover.js'
import type { PreCommitOnChainInfo } from '../../rpc-schema/manager/commitment.js'
import type { SectorPieceV2 } from '../../rpc-schema/manager/deals.js'
import { toHex } from '../../rpc-schema/wire/bytes.js'
import { commDToCid, commRToCid } from '../../rpc-schema/wire/cid.js'
import { zeroPieceCid } from '../../rpc-schema/wire/piece.js'
import { deal } from '../daemon/worker/support/deals.js'
import { ScriptedManager } from '../daemon/worker/support/scripted-manager.js'
import { eventually } from '../harness/eventually.js'

const LIMIT_MS = 400_000
const ID = { Miner: 10_000, Number: 1 }
const SECTOR = 's-t010000-1'
const SEAL_PROOF = 'StackedDrg2KiBV1_1'
const UPDATE_PROOF = 'StackedDrg2KiBV1'
const LAYERS = [1, 2].map(layer => `data/cache/${SECTOR}/sc-02-data-layer-${layer}.dat`) as [string, string]

/** One worker after another on the same stores, with real proofs; the manager is scripted. */
describe('e2e: one sector sealed, upgraded and rebuilt', function () {
  this.timeout(LIMIT_MS + 60_000)
  let dir: string
  let manager: ScriptedManager
  let preCommit: PreCommitOnChainInfo
  let pieces: SectorPieceV2[]
  let running: RunningWorker | undefined

  const store = (name: string) => join(dir, 'store', name)
  const persist = (name = '') => join(dir, 'persist', name)

  before(async () => {
    await ensureParameters({ sectorSize: 2048 })
    dir = await mkdtemp(join(tmpdir(), 'e2e-plans-'))
    await mkdir(persist())
    await mkdir(join(dir, 'pieces'))
    manager = new ScriptedManager()
    await manager.start()
    const data = join(dir, 'piece')
    await writeFile(
      data,
      Buffer.from('what is put into a sector that was sealed long ago\n'.repeat(20)).subarray(0, 1_000),
    )
    const { commitment } = prover.pieceCommitment({ sealProof: SEAL_PROOF, dataPath: data, size: 1_016 })
    const cid = commDToCid(commitment)
    await cp(data, join(dir, 'pieces', `${cid}.car`))
    pieces = [deal(cid, { AllocationID: 5 }), deal(zeroPieceCid(1_024), {})]
  })
  after(async () => {
    await manager.stop()
    await rm(dir, { recursive: true, force: true })
  })

  afterEach(stop)

  async function stop(): Promise<void> {
    const worker = running
    running = undefined
    await worker?.stop()
  }

  /** A worker that does one task of a plan. */
  async function work(plan: string, processors: Processors): Promise<RunningWorker> {
    const text = `
[worker]
name = "e2e"
rpc_server.host = "127.0.0.1"
rpc_server.port = 0
local_pieces_dirs = [${JSON.stringify(join(dir, 'pieces'))}]
[sector_manager]
rpc_client.addr = "${manager.address}"
[sealing]
allowed_sizes = ["2KiB"]
seal_interval = "1h"
recover_interval = "100ms"
[[sealing_thread]]
location = ${JSON.stringify(store(''))}
plan = "${plan}"
[[attached]]
name = "persist1"
location = ${JSON.stringify(persist())}
`
    const { config } = loadWorkerConfig(parseToml(text, 'damocles-worker.toml'))
    running = await startWorker({ config, log: silentLog, processors, env: {}, stopGraceMs: 0 })
    return running
  }

  /**
   * The real ones; `after` sees what a stage gave, `instead` gives a stage's output without running it: making the two big proofs takes
   * minutes on a small machine, so C2 is left to the test of sealing, and the proof of the update is made once.
   */
  function real(hooks: {
    after?: (stage: StageName) => Promise<void> | void
    instead?: Partial<Record<StageName, () => unknown>>
  }): Processors {
    const processors = createProcessors(DEFAULT_PROCESSORS, { log: silentLog, clock: systemClock, env: {} })
    return {
      run: async (stage, task, run) => {
        const given = hooks.instead?.[stage]
        const output = given === undefined ? await processors.run(stage, task, run) : given()
        await hooks.after?.(stage)
        return output as StageOutput<typeof stage>
      },
      acquire: (stage, signal) => processors.acquire(stage, signal),
      ready: () => processors.ready(),
      close: () => processors.close(),
    }
  }

  let finalized = 0
  async function finish(worker: RunningWorker): Promise<void> {
    await eventually('the end of the sector', LIMIT_MS, () => {
      const { last_error, thread_state } = worker.threads[0]!.info()
      if (last_error !== null && thread_state.state === 'Paused') throw new Error(last_error)
      const done = manager.called('ReportFinalized').length > finalized && thread_state.state === 'Idle'
      return done || undefined
    })
    finalized += 1
    await stop()
  }

  const filesOf = async (directory: string): Promise<Map<string, string>> => {
    const names = (await readdir(directory, { withFileTypes: true, recursive: true })).filter(entry => entry.isFile())
    const paths = names.map(entry => join(entry.parentPath, entry.name))
    return new Map(
      await Promise.all(
        paths.map(async path => [path.slice(directory.length + 1), toHex(await readFile(path))] as const),
      ),
    )
  }

  it('a PC1 cut off after its first layer goes on from there, and the sector is sealed', async () => {
    let cut = false
    await work(
      'sealer',
      real({
        after: stage => {
          if (stage !== 'pc1') return
          cut = true
          return new Promise(() => {})
        },
      }),
    )
    await eventually('the end of PC1', LIMIT_MS, () => cut || undefined)
    await stop()
    await rm(store(LAYERS[1]))
    const before = await stat(store(LAYERS[0]))
    let after: Stats | undefined
    const lookAfter = async (stage: StageName): Promise<void> => {
      if (stage === 'pc1') after = await stat(store(LAYERS[0]))
    }
    const proof = new Uint8Array(192)
    await finish(await work('sealer', real({ after: lookAfter, instead: { c2: () => ({ proof }) } })))
    expect(after!.mtimeMs).to.equal(before.mtimeMs)
    expect(after!.ino).to.equal(before.ino)
    preCommit = manager.called('SubmitPreCommit').at(-1)!.params[1]
  })

  it('is rebuilt from nothing with the same comm_r, and the same files', async () => {
    const sealed = await filesOf(persist())
    expect([...sealed.keys()].sort()).to.deep.equal([
      `cache/${SECTOR}/p_aux`,
      `cache/${SECTOR}/sc-02-data-tree-r-last.dat`,
      `cache/${SECTOR}/t_aux`,
      `sealed/${SECTOR}`,
    ])
    for (const name of ['sealed', 'cache']) await rm(persist(name), { recursive: true })
    // What the rebuilt replica is compared with, so the comm_r of the resumed PC1 is that of one in a single run.
    const { CommR, CommD, Ticket } = preCommit
    manager.records.set(SECTOR, { Pre: { CommR: commRToCid(CommR), CommD: commDToCid(CommD), Ticket } })
    manager.rebuildQueue.push({
      Sector: { ID, ProofType: 5 },
      Ticket,
      Pieces: null,
      PiecesV2: null,
      IsSnapUp: false,
      UpgradePublic: null,
    })
    await finish(await work('rebuild', real({})))
    expect(await filesOf(persist())).to.deep.equal(sealed)
    expect(manager.called('SubmitPersistedEx').at(-1)!.params).to.deep.equal([ID, 'persist1', false])
  })

  it('takes a piece in, with a proof that verifies', async () => {
    const sealed = await filesOf(persist())
    manager.snapUpQueue.push({ Sector: { ID, ProofType: 5 }, Pieces: pieces, Public: upgradedFrom(), Private: PRIVATE })
    await finish(await work('snapup', real({})))
    const [update] = manager.sector(1).snapUps
    const statement = {
      updateProof: UPDATE_PROOF,
      commROld: preCommit.CommR,
      commRNew: update!.CommR,
      commDNew: update!.CommD,
    }
    expect(prover.updateVerify({ ...statement, proof: update!.Proof })).to.equal(true)
    expect(prover.updateVerify({ ...statement, commROld: update!.CommR, proof: update!.Proof })).to.equal(false)
    const now = await filesOf(persist())
    for (const [name, content] of sealed) expect(now.get(name), name).to.equal(content)
    expect([...now.keys()].filter(name => !sealed.has(name)).sort()).to.deep.equal([
      `update-cache/${SECTOR}/p_aux`,
      `update-cache/${SECTOR}/sc-02-data-tree-r-last.dat`,
      `update-cache/${SECTOR}/t_aux`,
      `update/${SECTOR}`,
    ])
  })

  it('is rebuilt as it was upgraded, when all its files are lost', async () => {
    const { CommR, Proof } = manager.sector(1).snapUps[0]!
    const upgraded = [...(await filesOf(persist()))].filter(([name]) => name.startsWith('update'))
    for (const name of await readdir(persist())) await rm(persist(name), { recursive: true })
    manager.records.set(SECTOR, {
      UpgradedInfo: { AccessInstance: 'persist1', SealedCID: commRToCid(CommR), UnsealedCID: null, Proof },
    })
    manager.rebuildQueue.push({
      Sector: { ID, ProofType: 5 },
      Ticket: preCommit.Ticket,
      Pieces: null,
      PiecesV2: pieces,
      IsSnapUp: true,
      UpgradePublic: upgradedFrom(),
    })
    // The worker verifies it as one of the rebuilt replica.
    const snap_prove = (): Uint8Array => Proof
    await finish(await work('rebuild', real({ instead: { snap_prove } })))
    expect(await filesOf(persist())).to.deep.equal(new Map(upgraded))
    expect(manager.called('SubmitPersistedEx').at(-1)!.params).to.deep.equal([ID, 'persist1', true])
  })

  const PRIVATE = { AccessInstance: 'persist1' }
  const upgradedFrom = () => ({
    CommR: preCommit.CommR,
    SealedCID: commRToCid(preCommit.CommR),
    Activation: 10,
    Expiration: 600_000,
  })
})
