import { METHODS } from '../../../rpc-schema/actors/actor-methods.js'
import type { LandedMessage } from '../../../rpc-schema/devnet/index.js'
import type { WindowRecord, WindowStep } from '../../../rpc-schema/manager/post-timeline.js'
import { sealyardService } from '../../../rpc-schema/manager/sealyard.js'
import { rpcClient } from '../../../rpc-schema/rpc/client.js'
import { type Connection, connectRpc } from '../../../rpc-schema/rpc/connection.js'
import type { Client } from '../../../rpc-schema/rpc/method.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { type DeadlineInfo, newDeadlineInfo, nextPeriodStart } from '../../../rpc-schema/wire/deadline.js'
import { finishedSector } from '../../daemon/manager/finished-sector.js'
import { type BenchOptions, ManagerBench, MINER } from '../../daemon/manager/manager-bench.js'
import {
  believingVerifier,
  PretendedWindowProver,
  pretendedProof,
} from '../../daemon/manager/post/pretended-window-prover.js'
import { eventually } from '../../harness/eventually.js'

const LIMIT_MS = 40_000
const POST = METHODS.miner.SubmitWindowedPoSt
const miner = Address.fromId(MINER)

/** One active sector, on a chain that moves only when the test says so: from window to window, and from step to step of the poster. */
export class PostingBench {
  readonly prover = new PretendedWindowProver()
  readonly manager: ManagerBench
  #own!: Client<typeof sealyardService.methods>
  #connection: Connection | undefined
  /** The deadline that the sector is in. */
  #index = -1

  constructor({ minerConfig = '', ...options }: Pick<BenchOptions, 'minerConfig' | 'database' | 'chainFor'> = {}) {
    this.manager = new ManagerBench({
      ...options,
      devnet: { challengeWindow: 40, deadlines: 4, startEpoch: 5_000, epochMs: 40, networkVersion: 24 },
      poster: { prover: this.prover, verifier: believingVerifier },
      minerConfig: `[Miners.Commitment]
Confidence = 2
[Miners.Commitment.Pre.Batch]
Threshold = 1
[Miners.Commitment.Prove.Batch]
Threshold = 1
[Miners.PoSt]
StrictCheck = false
Confidence = 2
${minerConfig}
`,
    })
  }

  get chain(): ManagerBench['chain'] {
    return this.manager.chain
  }

  get admin(): ManagerBench['admin'] {
    return this.manager.admin
  }

  async start(): Promise<this> {
    await this.manager.start()
    await finishedSector(this.manager)
    await eventually('an active sector', LIMIT_MS, async () => (await this.counts()).Active === 1 || undefined)
    await this.admin.PauseMining()
    this.reconnect()
    return this
  }

  /** To the manager, which has been started again. */
  reconnect(): void {
    void this.#connection?.close()
    this.#connection = connectRpc(`http://${this.manager.manager.address}`, { path: '/rpc/v0' })
    this.#own = rpcClient(sealyardService, this.#connection)
  }

  async stop(): Promise<void> {
    await this.#connection?.close()
    await this.manager.stop()
  }

  counts() {
    return this.chain.StateMinerSectorCount(miner, [])
  }

  async height(): Promise<number> {
    return (await this.admin.Status()).Height
  }

  /** The next window of the sector, some epochs before its challenge, with a chain and a prover that are well. */
  async window(): Promise<DeadlineInfo> {
    this.prover.answer = pretendedProof
    await this.admin.ClearFaults()
    const present = await this.chain.StateMinerProvingDeadline(miner, [])
    if (this.#index < 0) this.#index = await this.#deadlineOfSector(present)
    for (let start = present.PeriodStart; ; start = nextPeriodStart({ ...present, PeriodStart: start })) {
      const window = newDeadlineInfo(start, this.#index, present.CurrentEpoch, present)
      if (window.Challenge - 5 <= present.CurrentEpoch) continue
      await this.moveTo(window.Challenge - 4)
      return window
    }
  }

  /** One block at this epoch, null rounds before it. */
  async moveTo(epoch: number): Promise<void> {
    const height = await this.height()
    if (epoch > height) await this.admin.NullRounds(epoch - height - 1)
  }

  /** The poster has taken a step of this window, so often. */
  async seen(window: DeadlineInfo, step: WindowStep['Step'], times = 1): Promise<WindowStep> {
    return eventually(`${step} in window ${window.Open}, ${times} times`, LIMIT_MS, async () =>
      (await this.steps(window)).filter(({ Step }) => Step === step).at(times - 1),
    )
  }

  async steps(window: DeadlineInfo): Promise<readonly WindowStep[]> {
    return (await this.record(window))?.Steps ?? []
  }

  async record(window: DeadlineInfo): Promise<WindowRecord | undefined> {
    return (await this.#own.PostTimeline(MINER, 10)).find(({ Open }) => Open === window.Open)
  }

  /** The poster has its proof, and the window is not open yet. */
  async proven(window: DeadlineInfo): Promise<void> {
    await this.moveTo(window.Open - 2)
    await this.seen(window, 'verified')
  }

  /** Its message waits in the pool. */
  async pooled(count = 1): Promise<void> {
    await eventually(
      `${count} messages in the pool`,
      LIMIT_MS,
      async () => (await this.admin.Status()).Pending >= count || undefined,
    )
  }

  sendsAt({ Open }: DeadlineInfo): number {
    return Open + 8
  }

  /** Proof and message in their time; the message is in the pool. */
  async sent(window: DeadlineInfo): Promise<void> {
    await this.proven(window)
    await this.moveTo(this.sendsAt(window))
    await this.pooled()
  }

  /** One epoch after the other until the poster has seen it land. */
  async landed(window: DeadlineInfo, times = 1): Promise<void> {
    await eventually(`window ${window.Open} has landed`, LIMIT_MS, async () => {
      const landed = (await this.steps(window)).filter(({ Step }) => Step === 'landed')
      if (landed.length >= times) return true
      if ((await this.height()) < window.Close - 2) await this.admin.Advance(1)
      return undefined
    })
  }

  /** Messages of this window on the present fork. */
  async messages({ Open, Close }: DeadlineInfo): Promise<LandedMessage[]> {
    const all = await this.admin.Messages({ Miner: MINER, Method: POST })
    return all.filter(({ Height }) => Height >= Open && Height < Close)
  }

  /** What must hold at the end of a window that could be made: it was, with one message, and no sector is faulty (I4, I6). */
  async made(window: DeadlineInfo): Promise<void> {
    const codes = (await this.messages(window)).map(({ Receipt }) => Receipt?.ExitCode)
    await this.moveTo(window.Close + 1)
    const { Faulty, Active } = await this.counts()
    const found = JSON.stringify({ codes, Faulty, Active })
    if (found !== JSON.stringify({ codes: [0], Faulty: 0, Active: 1 }))
      throw new Error(`window ${window.Open}: expected one message and no fault, found ${found}`)
  }

  async #deadlineOfSector({ WPoStPeriodDeadlines }: DeadlineInfo): Promise<number> {
    for (let index = 0; index < WPoStPeriodDeadlines; index++) {
      const partitions = await this.chain.StateMinerPartitions(miner, index, [])
      if (partitions.some(({ LiveSectors }) => !LiveSectors.isEmpty)) return index
    }
    throw new Error('the sector is in no deadline')
  }
}
