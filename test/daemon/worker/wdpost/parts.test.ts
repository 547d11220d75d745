import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { expect } from 'chai'
import { parseToml } from '../../../../daemon/kit/config/toml-file.js'
import { loadWorkerConfig } from '../../../../daemon/worker/config/worker-config.js'
import type { WindowReading, WindowReads } from '../../../../daemon/worker/wdpost/reading/window-reads.js'
import {
  CHUNK_SECTORS,
  VANILLA_DIGEST,
  vanillaRecord,
  vanillasIn,
} from '../../../../rpc-schema/manager/vanilla-chunk.js'
import type { WdPoStAllocatedJob } from '../../../../rpc-schema/manager/wdpost-job.js'
import { RpcError } from '../../../../rpc-schema/rpc/error.js'
import { WorkerBench } from '../support/bench.js'

const COMM_R = new Uint8Array(32).fill(5)
const SEED = new Uint8Array(32).fill(6)
const Accesses = { SealedFile: 'persist1', CacheDir: 'persist1' }
const READING: WindowReading = { faults: [], unread: [], reason: '' }

const input = (numbers: readonly number[]) => ({
  Sectors: numbers.map(SectorId => ({ SectorId, CommR: COMM_R, Upgrade: false, Accesses })),
  MinerId: 10_000,
  ProofType: 'StackedDrgWindow2KiBV1_2',
  Seed: SEED,
})
const reads = (Id: string, numbers: readonly number[]): WdPoStAllocatedJob => ({
  Id,
  Input: input(numbers),
  Read: { Sectors: [], SectorLimit: 1_000, Limit: 10_000 },
})
const vanillaOf = (sector: number): Uint8Array => new Uint8Array(40).fill(sector % 251)
const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const never = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })

describe('wdpost plan: parts of window proofs', function () {
  this.timeout(120_000)
  let bench: WorkerBench
  /** How sectors are read: by default each gives what it has to show. */
  let read: WindowReads['read']

  beforeEach(async () => {
    bench = await WorkerBench.make()
    bench.plan = 'wdpost'
    bench.sealing = 'seal_interval = "1h"\nrecover_interval = "10s"\nmax_retries = 2\nwindow_parts = ["read", "prove"]'
    read = async ({ Input }, _stores, onRead) => {
      for (const { SectorId } of Input.Sectors) onRead(SectorId, vanillaOf(SectorId))
      return READING
    }
    bench.windowReads = { read: (...call) => read(...call) }
  })
  afterEach(() => bench.close())

  const finishedJob = (id: string) => bench.manager.finishedJobs.find(finished => finished.id === id)
  const handedIn = (id: string) => bench.until(() => finishedJob(id) !== undefined, `the end of ${id}`, 60_000)
  const is = (state: string) => () => bench.threads[0]!.thread_state.state === state
  const sectorsIn = (chunk: Uint8Array): number[] => vanillasIn(chunk).map(({ sector }) => sector)

  it('says which parts it takes and which stores it has; hands in what it reads, and asks for the next at once', async () => {
    bench.manager.jobs.push(reads('p-r1', [3, 4]), reads('p-r2', [5]))
    await bench.start()
    await handedIn('p-r2')
    expect(bench.manager.called('WdPoStAllocateJobs')[0]!.params[0]).to.deep.include({
      AllowedParts: ['read', 'prove'],
      Stores: ['persist1'],
    })
    expect(finishedJob('p-r1')).to.deep.include({ output: { proofs: [], faults: [], unread: [] }, reason: '' })
    const [first, second] = bench.manager.vanillas
    expect([first!.job, second!.job]).to.deep.equal(['p-r1', 'p-r2'])
    expect(vanillasIn(first!.content).map(({ sector, vanilla }) => [sector, [...vanilla]])).to.deep.equal(
      [3, 4].map(sector => [sector, [...vanillaOf(sector)]]),
    )
    expect(first!.headers.authorization).to.equal('Bearer bench')
    expect(first!.headers[VANILLA_DIGEST]).to.equal(digest(first!.content))
    expect(bench.processors.calls).to.deep.equal([])
  })

  it('a worker without window_parts asks as before', async () => {
    bench.sealing = 'recover_interval = "10s"'
    await bench.start()
    await bench.settle(() => bench.manager.called('WdPoStAllocateJobs').length > 0)
    expect(Object.keys(bench.manager.called('WdPoStAllocateJobs')[0]!.params[0])).to.deep.equal([
      'AllowedMiners',
      'AllowedProofTypes',
    ])
  })

  it('what it reads goes out while it goes on reading', async () => {
    let goOn = (): void => {}
    const more = new Promise<void>(resolve => {
      goOn = resolve
    })
    const many = Array.from({ length: CHUNK_SECTORS + 1 }, (_, at) => at)
    read = async (_job, _stores, onRead) => {
      for (const sector of many.slice(0, -1)) onRead(sector, vanillaOf(sector))
      await more
      onRead(many.at(-1)!, vanillaOf(1))
      return READING
    }
    bench.manager.jobs.push(reads('p-r1', many))
    await bench.start()
    await bench.settle(() => bench.manager.vanillas.length === 1)
    expect(bench.threads[0]).to.deep.include({ job_id: 'p-r1', job_state: 'Allocated', job_stage: 'Read' })
    expect(bench.threads[0]!.thread_state).to.include({ state: 'Running', proc: 'window reads' })
    goOn()
    await handedIn('p-r1')
    expect(bench.manager.vanillas.flatMap(({ content }) => sectorsIn(content))).to.deep.equal(many)
  })

  it('a manager that is away, or cannot write, is asked again', async () => {
    bench.manager.vanillaAnswers.push(500, 422)
    bench.manager.jobs.push(reads('p-r1', [3]))
    await bench.start()
    await bench.until(
      () => {
        bench.clock.advance(1_000)
        return finishedJob('p-r1') !== undefined
      },
      'the end of the job',
      60_000,
    )
    expect(bench.manager.vanillas).to.have.length(3)
    expect(finishedJob('p-r1')!.reason).to.equal('')
  })

  it('a manager that is started again in the middle of the reading gets everything', async () => {
    let goOn = (): void => {}
    const isBack = new Promise<void>(resolve => {
      goOn = resolve
    })
    let isReading = false
    const many = Array.from({ length: CHUNK_SECTORS + 1 }, (_, at) => at)
    read = async (_job, _stores, onRead) => {
      isReading = true
      await isBack
      for (const sector of many) onRead(sector, vanillaOf(sector))
      return READING
    }
    bench.manager.jobs.push(reads('p-r1', many))
    await bench.start()
    await bench.settle(() => isReading)
    const { port } = bench.manager
    await bench.manager.stop()
    goOn()
    // The heartbeat of the job, the next ping, and the next attempt to hand in.
    await bench.settle(() => bench.clock.sleepers >= 3, 'an attempt that has failed')
    await bench.manager.start(port)
    await bench.until(
      () => {
        bench.clock.advance(1_000)
        return finishedJob('p-r1') !== undefined
      },
      'the end of the job',
      60_000,
    )
    expect(bench.manager.vanillas.flatMap(({ content }) => sectorsIn(content))).to.deep.equal(many)
  })

  it('what the manager does not take ends the reading', async () => {
    bench.manager.vanillaAnswers.push(410)
    const many = Array.from({ length: CHUNK_SECTORS }, (_, at) => at)
    read = async (_job, _stores, onRead, signal) => {
      for (const sector of many) onRead(sector, vanillaOf(sector))
      return never(signal)
    }
    bench.manager.jobs.push(reads('p-r1', many))
    await bench.start()
    await handedIn('p-r1')
    expect(finishedJob('p-r1')).to.deep.include({
      output: null,
      reason: 'the manager does not take what was read: it answered 410: as scripted',
    })
  })

  it('bad and silent sectors are told, each as what it is, and counted', async () => {
    bench.more = '[metrics]\nenable = true\nhttp_listen = "127.0.0.1:0"\n'
    read = async (_job, _stores, onRead) => {
      onRead(3, vanillaOf(3))
      return { faults: [4], unread: [5], reason: 'sector 5: not read in time' }
    }
    bench.manager.jobs.push(reads('p-r1', [3, 4, 5]))
    await bench.start()
    await handedIn('p-r1')
    expect(finishedJob('p-r1')).to.deep.include({
      output: { proofs: [], faults: [4], unread: [5] },
      reason: 'sector 5: not read in time',
    })
    const text = await (await fetch(bench.worker!.metricsAddress!)).text()
    const counted = [...text.matchAll(/^worker_window_sectors_total\{outcome="(\w+)".*\} (\d+)$/gm)]
    expect(counted.map(([, outcome, count]) => [outcome, count])).to.deep.equal([
      ['read', '1'],
      ['faulty', '1'],
      ['unread', '1'],
    ])
  })

  it('that nothing could be read is a failure, and the thread goes on', async () => {
    read = async () => {
      throw new Error('the store "persist1" seems not to be mounted')
    }
    bench.manager.jobs.push(reads('p-r1', [3]))
    await bench.start()
    await handedIn('p-r1')
    expect(finishedJob('p-r1')).to.deep.include({
      output: null,
      reason: 'the store "persist1" seems not to be mounted',
    })
    await bench.settle(is('Idle'))
    expect(bench.threads[0]!.last_error).to.contain('seems not to be mounted')
  })

  it('a pause ends the reading and gives the job back', async () => {
    let isReading = false
    read = (_job, _stores, _onRead, signal) => {
      isReading = true
      return never(signal)
    }
    bench.manager.jobs.push(reads('p-r1', [3]))
    await bench.start()
    await bench.settle(() => isReading)
    bench.thread.pause()
    await bench.settle(is('Paused'))
    expect(finishedJob('p-r1')).to.deep.include({
      output: null,
      reason: 'the worker was told to pause or to stop before the proof was made',
    })
  })

  it('a job that the manager does not know any more is dropped in the middle of the reading', async () => {
    let isReading = false
    read = (_job, _stores, _onRead, signal) => {
      isReading = true
      return never(signal)
    }
    const refuse = (): never => {
      throw new RpcError(1, 'key not found')
    }
    bench.manager.script('WdPoStHeartbeatJobs', refuse, refuse, refuse, refuse, refuse)
    bench.manager.jobs.push(reads('p-r1', [3]))
    await bench.start()
    await bench.settle(() => isReading)
    await bench.until(
      () => {
        bench.clock.advance(1_000)
        return is('Idle')()
      },
      'the end of the job',
      60_000,
    )
    expect(finishedJob('p-r1')).to.equal(undefined)
  })

  describe('a job that proves', () => {
    const chunk = Buffer.concat([3, 4].map(sector => vanillaRecord({ sector, vanilla: vanillaOf(sector) })))
    const proves = (id: string, Vanillas = [{ Id: digest(chunk), Bytes: chunk.length }]): WdPoStAllocatedJob => ({
      Id: id,
      Input: input([3, 4]),
      Prove: { Vanillas },
    })

    it('is fetched into files, and proven from them by the stage window_post under its limits', async () => {
      bench.manager.chunks.set(digest(chunk), chunk)
      const found: Uint8Array[] = []
      bench.processors.gate((call, when) => {
        if (call.stage !== 'window_post' || when !== 'before') return
        for (const file of call.task.vanilla_files as string[]) found.push(readFileSync(file))
      })
      bench.manager.jobs.push(proves('p'))
      await bench.start()
      await handedIn('p')
      expect(finishedJob('p')!.output!.proofs).to.have.length(1)
      expect(bench.processors.limits).to.deep.equal(['window_post'])
      const { task } = bench.processors.ran('window_post')[0]!
      expect(task.replicas).to.deep.equal(
        [3, 4].map(sector_id => ({ sector_id, comm_r: COMM_R, sealed_file: '', cache_dir: '' })),
      )
      expect(found.map(bytes => sectorsIn(bytes))).to.deep.equal([[3, 4]])
      expect((task.vanilla_files as string[]).some(existsSync)).to.equal(false)
    })

    it('of which something is gone is told at once, so that it is read again', async () => {
      bench.manager.jobs.push(proves('p'))
      await bench.start()
      await handedIn('p')
      expect(finishedJob('p')!.reason).to.match(
        /^what was read for this proof is not to be had: the manager answered 404/,
      )
      expect(bench.processors.calls).to.deep.equal([])
    })

    it('waits for what was damaged on its way', async () => {
      bench.manager.chunks.set(digest(chunk), Buffer.from('something else'))
      bench.manager.jobs.push(proves('p'))
      await bench.start()
      await bench.settle(() => bench.manager.chunksGiven === 1)
      bench.manager.chunks.set(digest(chunk), chunk)
      await bench.until(
        () => {
          bench.clock.advance(1_000)
          return finishedJob('p') !== undefined
        },
        'the end of the job',
        60_000,
      )
      expect(finishedJob('p')!.reason).to.equal('')
    })
  })

  describe('configuration', () => {
    const config = (parts: string, more = '') =>
      loadWorkerConfig(
        parseToml(
          `[sector_manager]\nrpc_client.addr = "http://127.0.0.1:1"\n[[sealing_thread]]\nplan = "wdpost"\nsealing.window_parts = ${parts}\n${more}`,
          'w.toml',
        ),
      )

    it('says which parts a thread takes', () => {
      expect(config('["read"]').config.threads[0]!.sealing.windowParts).to.deep.equal(['read'])
      expect(() => config('["snark"]')).to.throw(/window_parts.*"whole".*"read".*"prove"/s)
      expect(() => config('[]')).to.throw(/window_parts/)
    })
  })
})
