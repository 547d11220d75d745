import { execFile } from 'node:child_process'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { ensureParameters } from '../../plugins/prover/parameters.js'
import { METHODS } from '../../rpc-schema/actors/actor-methods.js'
import { TASK_STATE } from '../../rpc-schema/gpuproxy/task.js'
import { Address } from '../../rpc-schema/wire/address.js'
import { eventually } from '../harness/eventually.js'
import { GpuProxyYard } from '../harness/gpuproxy-yard.js'
import { MANUAL_MINER, ManualYard, rememberingProcessor } from '../harness/manual-yard.js'
import { onEachDatabase, type TestDatabase } from '../harness/on-each-database.js'
import type { TestDaemon } from '../harness/test-yard.js'

const { PreCommitSectorBatch2: PRE_COMMIT, ProveCommitSectors3: PROVE_COMMIT } = METHODS.miner
const LIMIT_MS = 1_800_000
/** Stages of small sectors on a machine that has other things to do. */
const STAGE_MS = 180_000
/** Also when a proof is not known yet and has to be made. */
const PROOF_MS = 900_000
const WORKER_BIN = fileURLToPath(new URL('../../bin/damocles-worker.js', import.meta.url))

const miner = (pre: number): string => `[Miners.Commitment]
Confidence = 3
[Miners.Commitment.Pre.Batch]
Threshold = ${pre}
CheckInterval = "1s"
[Miners.Commitment.Prove.Batch]
Threshold = 1
CheckInterval = "1s"
`

/** The manager's own database is not what is looked at here. */
const MANAGERS: TestDatabase = { name: 'SQLite', fresh: async () => ':memory:' }

onEachDatabase('e2e: C2 outsourced through gpuproxy', database => {
  const resources = database.name === 'SQLite' ? 'fs' : 'db'
  let ways: ManualYard
  let gpus: GpuProxyYard

  before(async function () {
    this.timeout(LIMIT_MS)
    await ensureParameters({ sectorSize: 2048 })
    ways = await ManualYard.start({ database: MANAGERS, messager: false, minerConfig: miner(1) })
    const dir = join(ways.yard.dir, 'gpus')
    mkdirSync(dir)
    gpus = new GpuProxyYard({ dir, dsn: await database.fresh(), resources })
    await gpus.start()
  })
  after(async () => {
    await gpus?.stop()
    await ways?.stop()
  })

  const onChain = (number: number) => ways.yard.chain.StateSectorGetInfo(Address.fromId(MANUAL_MINER), number, [])
  /** Every sector is on the chain by one message, and its task has one proof. */
  const expectDone = async (...numbers: number[]): Promise<void> => {
    await ways.inPool(PROVE_COMMIT, numbers.length)
    await ways.advance(10)
    await ways.finished(...numbers)
    const rows = await gpus.rows()
    for (const number of numbers) {
      expect(await onChain(number), `sector ${number}`).to.not.equal(null)
      expect(await ways.landed(PROVE_COMMIT, number)).to.equal(1)
      const tasks = rows.filter(({ comment }) => comment === `SectorId(${number}) MinerId(${MANUAL_MINER})`)
      expect(tasks.map(({ state, error_msg }) => ({ state, error_msg }))).to.deep.equal([
        { state: TASK_STATE.completed, error_msg: '' },
      ])
      expect(tasks[0]!.proof).to.have.length(192)
    }
  }
  /** Sectors in the hands of the workers, once there are so many more than before. */
  const begun = (worker: 0 | 1, count: number): Promise<number[]> =>
    eventually(`${count} proofs begun by worker ${worker}`, PROOF_MS, () => {
      const { begun } = gpus.workers[worker].control
      return begun.length >= count ? begun : undefined
    })

  it('S000-2 S000-16…18 S000-27…31 S000-45: each party is killed while proofs are made; every sector is proven once', async function () {
    this.timeout(LIMIT_MS)
    const [one, two] = gpus.workers
    for (const { control } of gpus.workers) control.set('hold')
    const sealers = await Promise.all(
      ['alpha', 'beta'].map(name => ways.worker(name, 1, { processors: gpus.processor() })),
    )
    await ways.inPool(PRE_COMMIT, 2)
    await ways.advance(30)
    const [first] = await begun(0, 1)
    const [second] = await begun(1, 1)
    expect([first, second].toSorted()).to.deep.equal([1, 2])
    if (resources === 'fs') expect(readdirSync(gpus.resourceDir)).to.have.length(2)

    for (const sealer of sealers) {
      await sealer.kill()
      await sealer.start()
    }
    await gpus.proxy.kill()
    await gpus.proxy.start()
    await one.kill()
    two.control.unset('hold')
    // The other takes over what the dead one had.
    expect(await begun(1, 2)).to.deep.equal([second, first])
    await expectDone(1, 2)
    expect(await gpus.rows()).to.have.length(2)
    if (resources === 'fs') expect(readdirSync(gpus.resourceDir), 'no document stays').to.deep.equal([])
    one.control.unset('hold')
    await one.start()
    for (const sealer of sealers) await sealer.kill('SIGTERM')
  })

  it('S000-15 S000-19…21 S000-34 S000-36…38 S000-40…45: gpuproxy is down, a proof fails, a proof is of another sector; sectors are paused and resumed by hand', async function () {
    this.timeout(LIMIT_MS)
    await gpus.stop()
    gpus.proxyArgs = ['--lease', '10s', '--max-attempts', '1']
    await ways.yard.reconfigureManager(miner(99))
    const worker = await ways.worker('mixed', 2, {
      processors: `[processors.limitation.concurrent]
c2 = 999
${rememberingProcessor('c2', 'envs = {RUST_BACKTRACE="full",RUST_LOG="trace"}\nweight = 1')}
${gpus.processor('envs = {"RUST_LOG"="info"}\nweight = 55')}`,
    })
    const config = configFor(worker, 'mixed')
    await eventually('two sectors to be pre-committed', STAGE_MS, async () => {
      const sectors = (await ways.yard.managerApi.ListSectors('online', 0)) ?? []
      return sectors.filter(({ MessageInfo }) => MessageInfo.NeedSend).length === 2 || undefined
    })
    // In the same epochs as the batch of manager-ways.test.ts: the proofs of its sectors are known.
    await ways.advance(2)
    await ways.yard.reconfigureManager(miner(1))
    await ways.inPool(PRE_COMMIT)
    await ways.advance(30)

    // The local processor may have taken one of them, not both.
    const away = await eventually('paused threads', STAGE_MS, async () => {
      const lines = await paused(config)
      return lines.length + (await inPoolNow()) >= 2 ? lines : undefined
    })
    expect(away.length).to.be.within(1, 2)
    for (const line of away)
      expect(line).to.match(
        /^#[01]: ".*\/mixed\/store-[01]"; plan=sealer, sector_id=Some\(s-t01000-[34]\), paused=true, paused_elapsed=Some\(\d+s\), state=C1Done, last_err=Some\("permanent: task [0-9a-f-]{36} sector SectorId\([34]\) error reason:not submitted to gpuproxy: .*"\)$/,
      )

    for (const { control } of gpus.workers) control.set('fail', 'Panic: recv prover: RecvError')
    await gpus.start()
    await resumeAll(config, away)
    const failed = await eventually('threads paused by the prover’s error', STAGE_MS, async () => {
      const lines = (await paused(config)).filter(line => line.includes('RecvError'))
      return lines.length === away.length ? lines : undefined
    })
    for (const line of failed) {
      const [, sector] = /sector_id=Some\(s-t01000-(\d)\)/.exec(line)!
      const task = (await gpus.tasks()).find(({ comment }) => comment.startsWith(`SectorId(${sector})`))!
      expect(task.errorMsg).to.equal('Panic: recv prover: RecvError')
      expect(line).to.match(
        new RegExp(
          `state=C1Done, last_err=Some\\("permanent: task ${task.id} sector SectorId\\(${sector}\\) error reason:Panic: recv prover: RecvError"\\)$`,
        ),
      )
    }
    expect(await gpus.cli('tasks', 'list', '--state', '3')).to.include('| Error ')

    for (const { control } of gpus.workers) control.unset('fail')
    const [one, two] = gpus.workers
    await two.kill('SIGTERM')
    const [ofAnother] = await gpus.rows()
    one.control.set('wrong', Buffer.from(ofAnother!.proof).toString('base64'))
    const before = one.control.begun.length
    await resumeAll(config, failed)
    const [betrayed] = await eventually('a thread paused by a wrong proof', STAGE_MS, async () => {
      const lines = (await paused(config)).filter(line => line.includes('does not verify'))
      return lines.length === 1 ? lines : undefined
    })
    const liar = (await gpus.statistics()).find(({ invalid }) => invalid === 1)!
    expect(liar.probationUntil).to.be.greaterThan(Date.now() + 60_000)
    expect(betrayed).to.include(`error reason:the proof of worker ${liar.workerId} does not verify`)

    await resumeAll(config, [betrayed!])
    await two.start()
    await ways.inPool(PROVE_COMMIT, 2)
    await ways.advance(10)
    await ways.finished(3, 4)
    expect(one.control.begun, 'it was given nothing more').to.have.length(before + 1)
    const rows = (await gpus.rows()).slice(2)
    expect(rows.map(({ state, error_msg }) => ({ state, error_msg }))).to.deep.equal(
      away.map(() => ({ state: TASK_STATE.completed, error_msg: '' })),
    )
    for (const number of [3, 4]) expect(await ways.landed(PROVE_COMMIT, number)).to.equal(1)
    await worker.kill('SIGTERM')
  })

  /** As the worker's own, with the port that it has chosen. */
  function configFor(worker: TestDaemon, name: string): string {
    const file = join(ways.yard.dir, `${name}-cli.toml`)
    writeFileSync(
      file,
      `[worker]\nrpc_server.host = "127.0.0.1"\nrpc_server.port = ${worker.listen.split(':').at(-1)}\n`,
    )
    return file
  }

  const workerCli = async (config: string, ...args: string[]): Promise<string> =>
    (await promisify(execFile)(process.execPath, [WORKER_BIN, 'worker', '-c', config, ...args], { timeout: 60_000 }))
      .stdout

  async function paused(config: string): Promise<string[]> {
    const lines = (await workerCli(config, 'list', '--format', 'old')).trim().split('\n')
    return lines.filter(line => line.includes('paused=true'))
  }

  async function resumeAll(config: string, lines: readonly string[]): Promise<void> {
    for (const line of lines) await workerCli(config, 'resume', '-i', /^#(\d+):/.exec(line)![1]!)
  }

  async function inPoolNow(): Promise<number> {
    const pending = await ways.yard.chain.MpoolPending([])
    return pending.filter(({ Message }) => Message.Method === PROVE_COMMIT).length
  }
})
