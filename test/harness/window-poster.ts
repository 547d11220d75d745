import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { CID } from 'multiformats/cid'
import { createProverPool } from '../../plugins/prover/pool.js'
import { METHODS } from '../../rpc-schema/actors/actor-methods.js'
import { SubmitWindowedPoStParams } from '../../rpc-schema/actors/miner-post.js'
import type { lotusService } from '../../rpc-schema/chain/index.js'
import { proverId } from '../../rpc-schema/processor/sector.js'
import type { Client } from '../../rpc-schema/rpc/method.js'
import { Address } from '../../rpc-schema/wire/address.js'
import { Bitfield } from '../../rpc-schema/wire/bitfield.js'
import { address } from '../../rpc-schema/wire/cbor.js'
import { cidToCommR } from '../../rpc-schema/wire/cid.js'
import { type DeadlineInfo, isOpen } from '../../rpc-schema/wire/deadline.js'
import { signedMessageCid } from '../../rpc-schema/wire/message.js'
import { postProof } from '../../rpc-schema/wire/proof-types.js'
import { DomainSeparationTag } from '../../rpc-schema/wire/randomness.js'

/** Most partitions in one message. */
const MESSAGE_PARTITIONS = 3
const LOOK_EVERY_MS = 20

export interface WindowPostTask {
  readonly miner: number
  /** RegisteredPoStProof. */
  readonly postProof: number
  readonly randomness: Uint8Array
  /** `upgraded`: the sector's files are those of a snap-up. */
  readonly sectors: readonly { readonly number: number; readonly commR: Uint8Array; readonly upgraded: boolean }[]
  readonly partitions: number
}

/** Makes the proof of some partitions of one deadline. */
export type WindowProver = (task: WindowPostTask) => Promise<Uint8Array>

/** Proofs for verifiers that look at nothing but the first byte. */
export const pretendedWindowProof: WindowProver = ({ partitions }) =>
  Promise.resolve(new Uint8Array(192 * partitions).fill(1))

/** Real proofs of sectors whose files are in one of these stores (`sealed/s-t01000-1`, `cache/…`, `update/…`, `update-cache/…`). */
export function nativeWindowProver(stores: readonly string[]): WindowProver & { close(): Promise<void> } {
  const pool = createProverPool({ threads: 1 })
  const prove: WindowProver = async task => {
    const replicas = await Promise.all(
      task.sectors.map(async ({ number, commR, upgraded }) => ({
        sectorId: number,
        commR,
        ...(await filesOf(stores, `s-t0${task.miner}-${number}`, upgraded)),
      })),
    )
    const [first, ...others] = await pool.call('windowPost', {
      proofType: postProof(task.postProof).wireName,
      randomness: task.randomness,
      proverId: proverId(task.miner),
      replicas,
    })
    if (first === undefined || others.length > 0) throw new Error(`expected one proof, got ${others.length + 1}`)
    return first.proof
  }
  return Object.assign(prove, { close: () => pool.close() })
}

async function filesOf(
  stores: readonly string[],
  name: string,
  upgraded: boolean,
): Promise<{ sealedPath: string; cacheDir: string }> {
  const [sealed, cache] = upgraded ? ['update', 'update-cache'] : ['sealed', 'cache']
  for (const store of stores) {
    const sealedPath = join(store, sealed!, name)
    if (await stat(sealedPath).catch(() => undefined)) return { sealedPath, cacheDir: join(store, cache!, name) }
  }
  throw new Error(`no ${sealed}/${name} in ${stores.join(', ')}`)
}

export interface WindowPosterOptions {
  readonly node: Client<typeof lotusService.methods>
  readonly miner: Address
  readonly prove: WindowProver
  /** Sectors that are left out of the proofs, and so become faulty. */
  readonly skip?: Bitfield
}

/** What moves a chain: `NullRounds` lets so many epochs pass without a block, then makes one. */
interface Steering {
  Advance(count: number): Promise<unknown>
  NullRounds(count: number): Promise<unknown>
}

/** Proves the sectors of one miner on a devnet, window by window, so that they have power and can be upgraded, extended, ended. */
export class WindowPoster {
  readonly #options: WindowPosterOptions
  #running: { stopped: boolean; done: Promise<void> } | undefined
  /** Partitions whose proofs were sent: deadline's open epoch and partition. */
  readonly #sent = new Set<string>()

  constructor(options: WindowPosterOptions) {
    this.#options = options
  }

  /** Sends the proofs of all partitions of the open deadline that have none yet. */
  async proveOpen(): Promise<CID[]> {
    const { node, miner } = this.#options
    const head = await node.ChainHead()
    const deadline = await node.StateMinerProvingDeadline(miner, head.Cids)
    // The message lands in the next epoch.
    if (!isOpen(deadline) || head.Height + 1 >= deadline.Close) return []
    const [partitions, deadlines] = await Promise.all([
      node.StateMinerPartitions(miner, deadline.Index, head.Cids),
      node.StateMinerDeadlines(miner, head.Cids),
    ])
    const todo = partitions.flatMap(({ LiveSectors, FaultySectors, RecoveringSectors }, index) => {
      const provable = LiveSectors.subtract(FaultySectors.subtract(RecoveringSectors))
      const skipped = provable.intersect(this.#options.skip ?? Bitfield.EMPTY)
      const sectors = provable.subtract(skipped)
      const known = deadlines[deadline.Index]!.PostSubmissions.has(index) || this.#sent.has(`${deadline.Open}/${index}`)
      return known || sectors.isEmpty ? [] : [{ index, sectors, skipped }]
    })
    const sent: CID[] = []
    for (let at = 0; at < todo.length; at += MESSAGE_PARTITIONS) {
      const group = todo.slice(at, at + MESSAGE_PARTITIONS)
      sent.push(await this.#submit(head, deadline, group))
      for (const { index } of group) this.#sent.add(`${deadline.Open}/${index}`)
    }
    return sent
  }

  /** On a chain that stands still by itself: moves it from window to window, proving them, until every live sector is active. */
  async activate(steer: Steering): Promise<void> {
    const { node, miner } = this.#options
    for (;;) {
      const { Live, Active } = await node.StateMinerSectorCount(miner, [])
      if (Live === Active) return
      const { Close } = await node.StateMinerProvingDeadline(miner, [])
      await this.advanceTo(Close, steer)
    }
  }

  /** On a chain that stands still by itself: moves its head to this epoch, and proves every window on the way. */
  async advanceTo(epoch: number, steer: Steering): Promise<void> {
    const { node, miner } = this.#options
    for (;;) {
      const { CurrentEpoch, Close } = await node.StateMinerProvingDeadline(miner, [])
      if (CurrentEpoch >= epoch) return
      // One block that holds the messages, and one that has run them.
      const sent = (await this.proveOpen()).length > 0 ? Math.min(2, epoch - CurrentEpoch) : 0
      await steer.Advance(sent)
      const target = Math.min(Close, epoch)
      if (target > CurrentEpoch + sent) await steer.NullRounds(target - CurrentEpoch - sent - 1)
    }
  }

  /** Proves whatever opens, on a chain that moves by itself, until it is stopped. */
  start(): void {
    if (this.#running !== undefined) return
    const running = { stopped: false, done: Promise.resolve() }
    running.done = this.#follow(running)
    this.#running = running
  }

  async stop(): Promise<void> {
    const running = this.#running
    this.#running = undefined
    if (running === undefined) return
    running.stopped = true
    await running.done
  }

  async #follow(running: { readonly stopped: boolean }): Promise<void> {
    while (!running.stopped) {
      // A window that closes while the proof is made, or a node that is away, is no reason to stop.
      await this.proveOpen().catch(() => undefined)
      await new Promise(resolve => setTimeout(resolve, LOOK_EVERY_MS))
    }
  }

  async #submit(
    head: { readonly Cids: readonly CID[]; readonly Height: number },
    deadline: DeadlineInfo,
    group: readonly { index: number; sectors: Bitfield; skipped: Bitfield }[],
  ): Promise<CID> {
    const { node, miner, prove } = this.#options
    const key = [...head.Cids]
    const commitEpoch = head.Height - 1
    const wanted = group.reduce((all, { sectors }) => all.union(sectors), Bitfield.EMPTY)
    const [{ WindowPoStProofType, Worker }, infos, randomness, commitRand] = await Promise.all([
      node.StateMinerInfo(miner, key),
      node.StateMinerSectors(miner, wanted, key),
      node.StateGetRandomnessFromBeacon(
        DomainSeparationTag.WindowedPoStChallengeSeed,
        deadline.Challenge,
        address.encode(Address.fromId(miner.id)),
        key,
      ),
      node.StateGetRandomnessFromTickets(DomainSeparationTag.PoStChainCommit, commitEpoch, new Uint8Array(), key),
    ])
    const proof = await prove({
      miner: miner.id,
      postProof: WindowPoStProofType,
      randomness,
      partitions: group.length,
      sectors: infos.map(info => ({
        number: info.SectorNumber,
        commR: cidToCommR(info.SealedCID),
        upgraded: info.SectorKeyCID !== null,
      })),
    })
    const signed = await node.MpoolPushMessage(
      {
        Version: 0,
        To: miner,
        From: Worker,
        Nonce: 0,
        Value: 0n,
        GasLimit: 0,
        GasFeeCap: 0n,
        GasPremium: 0n,
        Method: METHODS.miner.SubmitWindowedPoSt,
        Params: SubmitWindowedPoStParams.encode({
          Deadline: deadline.Index,
          Partitions: group.map(({ index, skipped }) => ({ Index: index, Skipped: skipped })),
          Proofs: [{ PoStProof: WindowPoStProofType, ProofBytes: proof }],
          ChainCommitEpoch: commitEpoch,
          ChainCommitRand: commitRand,
        }),
      },
      null,
    )
    return signedMessageCid(signed)
  }
}
