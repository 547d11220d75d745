import type { CID } from 'multiformats/cid'
import { blockCid } from '../../../rpc-schema/wire/block-header.js'
import { drawRandomness } from '../../../rpc-schema/wire/randomness.js'
import type { Logger } from '../../kit/log.js'
import { runCron } from '../actors/cron.js'
import { MessagePool } from '../mpool/pool.js'
import type { ChainRepository, LandedMessage } from '../persistence/chain-repository.js'
import type { ProofVerifier } from '../proofs.js'
import { actors, resolveId } from '../state/records.js'
import { type StateChange, StateDraft, StateTree } from '../state/state-tree.js'
import { toTaggedJson } from '../state/tagged-json.js'
import { execute } from '../vm/execute.js'
import type { Machine } from '../vm/machine.js'
import { Conditions } from './conditions.js'
import { HeadFeed } from './head-feed.js'
import { beaconEntry, genesisHeader, nextHeader, stateRootOf } from './header.js'
import { Mutex } from './mutex.js'
import type { Network } from './network.js'
import { type ChainTipSet, heightOf, type Receipt } from './tipset.js'
import { TipSetWindow, WINDOW_EPOCHS } from './tipset-window.js'
import { rulesOf } from './version-rules.js'

/** Tickets are drawn at most this far back: the age of a ticket, and then the time to prove. */
const HEADERS_KEPT_EPOCHS = 100_000
/** How often old headers and the changes behind the window are folded away. */
const TIDY_EPOCHS = 1_000

/** What the messages of a tipset came to. */
export interface Outcome {
  readonly state: StateTree
  readonly changes: readonly StateChange[]
  readonly receipts: readonly Receipt[]
}

export interface ChainParts {
  readonly network: Network
  readonly repository: ChainRepository
  readonly verifier: ProofVerifier
  readonly log: Logger
  /** State of a chain that does not exist yet. */
  readonly genesis: () => StateTree
}

/** A chain of one block producer: makes tipsets, runs their messages, and takes them back when told to. */
export class Chain {
  readonly network: Network
  readonly pool = new MessagePool()
  readonly feed = new HeadFeed()
  readonly repository: ChainRepository
  readonly verifier: ProofVerifier
  readonly conditions: Conditions
  readonly #log: Logger
  readonly #window: TipSetWindow
  readonly #mutex = new Mutex()
  readonly #outcomes = new WeakMap<ChainTipSet, Promise<Outcome>>()
  #fork: number
  #tidied: number

  private constructor(
    parts: ChainParts,
    conditions: Conditions,
    window: TipSetWindow,
    fork: number,
    baseHeight: number,
  ) {
    this.network = parts.network
    this.repository = parts.repository
    this.verifier = parts.verifier
    this.conditions = conditions
    this.#log = parts.log
    this.#window = window
    this.#fork = fork
    this.#tidied = baseHeight + WINDOW_EPOCHS
  }

  /** Resumes the chain of the repository at its last tipset, or begins one. */
  static async open(parts: ChainParts): Promise<Chain> {
    const { repository } = parts
    const base = await repository.base()
    const tipsets = base ? await restore(repository, base) : [await begin(parts)]
    const conditions = await Conditions.open(repository, parts.network.version)
    const fork = (await repository.meta<number>('fork')) ?? 0
    const chain = new Chain(parts, conditions, new TipSetWindow(tipsets), fork, base?.height ?? 0)
    for (const { cid, signed, sender } of await repository.pending()) {
      chain.pool.add({ cid, signed, sender })
    }
    if (!base) await chain.produce(parts.network.startEpoch - 1)
    return chain
  }

  get head(): ChainTipSet {
    return this.#window.head
  }

  /** Makes the next tipset, after some rounds without a block. */
  produce(nullRounds = 0): Promise<ChainTipSet> {
    return this.#mutex.run(async () => {
      const parent = this.head
      const outcome = await this.outcome(parent)
      const height = heightOf(parent) + 1 + nullRounds
      const messages = this.pool.select(outcome.state, this.conditions.baseFee)
      const { network } = this
      const header = nextHeader({
        seed: network.seed,
        parent,
        height,
        timestamp: network.genesisTimestamp + height * network.blockDelaySecs,
        miner: network.miners[0]!.id,
        fork: this.#fork,
        stateRoot: rootAfter(network, parent, outcome),
        receipts: outcome.receipts,
        messages,
        baseFee: this.conditions.baseFee,
      })
      const tipset: ChainTipSet = {
        cid: blockCid(header),
        header,
        messages,
        state: outcome.state,
        parentReceipts: outcome.receipts,
      }
      await this.repository.append(tipset, outcome.changes, heightOf(parent))
      this.#window.push(tipset)
      for (const { signed, from } of messages) {
        this.pool.delete(this.keyText(from, outcome.state), signed.Message.Nonce)
      }
      await this.#dropStale(outcome.state)
      this.feed.applied(tipset)
      void this.outcome(tipset).catch(() => undefined)
      await this.#tidy()
      return tipset
    })
  }

  /** Takes the last tipsets away, newest first; their messages wait again. What follows is another fork. */
  reorg(depth: number): Promise<ChainTipSet[]> {
    return this.#mutex.run(async () => {
      const newHead = this.#below(this.head, depth)
      if (depth < 1 || newHead === undefined || heightOf(newHead) === 0) {
        throw new RangeError(`cannot take back ${depth} tipsets at height ${heightOf(this.head)}`)
      }
      this.#fork += 1
      await this.repository.putMeta('fork', this.#fork)
      const reverted = this.#window.pop(depth)
      const waiting = reverted.flatMap(({ messages }) => messages.map(({ cid }) => cid))
      await this.repository.revertTo(heightOf(newHead), waiting)
      for (const tipset of [...reverted].reverse()) {
        for (const { cid, signed, from } of tipset.messages) {
          this.pool.add({ cid, signed, sender: this.keyText(from, tipset.state) })
        }
      }
      this.feed.reverted(reverted)
      return reverted
    })
  }

  /** Runs the messages of a tipset (once), and what happens by itself after them. */
  outcome(tipset: ChainTipSet): Promise<Outcome> {
    const known = this.#outcomes.get(tipset)
    if (known !== undefined) return known
    const outcome = this.#run(tipset)
    this.#outcomes.set(tipset, outcome)
    // A verifier that could not do its work has decided nothing: the next try asks again.
    outcome.catch((error: unknown) => {
      this.#outcomes.delete(tipset)
      this.#log.error({ err: error, height: heightOf(tipset) }, 'cannot run the messages of a tipset')
    })
    return outcome
  }

  /** What messages run in when they run at this tipset. */
  machine(tipset: ChainTipSet): Machine {
    const epoch = heightOf(tipset)
    return {
      epoch,
      challengeDelay: this.network.challengeDelay,
      deadlines: this.network.deadlines,
      trustsPosts: this.network.trustsPosts,
      rules: rulesOf(this.conditions.versionAt(epoch)),
      baseFee: tipset.header.ParentBaseFee,
      verifier: this.verifier,
      randomness: {
        fromTickets: (tag, at, entropy) => this.ticketRandomness(tipset, tag, at, entropy),
        fromBeacon: (tag, at, entropy) => Promise.resolve(this.beaconRandomness(tipset, tag, at, entropy)),
      },
    }
  }

  async ticketRandomness(tipset: ChainTipSet, tag: number, epoch: number, entropy: Uint8Array): Promise<Uint8Array> {
    return drawRandomness(await this.ticketAt(tipset, epoch), tag, epoch, entropy)
  }

  beaconRandomness(tipset: ChainTipSet, tag: number, epoch: number, entropy: Uint8Array): Uint8Array {
    return drawRandomness(this.beaconAt(tipset, epoch), tag, epoch, entropy)
  }

  /** VRF proof of the ticket that randomness of an epoch is drawn from: its own, or the last one before a null round. */
  async ticketAt(tipset: ChainTipSet, epoch: number): Promise<Uint8Array> {
    refuseFuture(tipset, epoch)
    return (await this.headerAtOrBelow(tipset, Math.max(epoch, 0))).Ticket!.VRFProof
  }

  beaconAt(tipset: ChainTipSet, epoch: number): Uint8Array {
    refuseFuture(tipset, epoch)
    return beaconEntry(this.network.seed, Math.max(epoch, 0)).Data
  }

  /** On the fork that ends in this tipset; undefined when it is not in memory any more. */
  tipsetAtOrBelow(tipset: ChainTipSet, height: number): ChainTipSet | undefined {
    let at = tipset
    // Forks that were left are walked back to the present one.
    while (heightOf(at) > height && !this.#window.isCanonical(at)) {
      const parent = this.#window.byCid(at.header.Parents[0]!.toString())
      if (parent === undefined) break
      at = parent
    }
    return heightOf(at) <= height ? at : this.#window.atOrBelow(height)
  }

  async headerAtOrBelow(tipset: ChainTipSet, height: number): Promise<ChainTipSet['header']> {
    const near = this.tipsetAtOrBelow(tipset, height)
    if (near !== undefined) return near.header
    const stored = await this.repository.atOrBelow(height)
    if (stored === undefined) throw new Error(`no tipset at or below height ${height} is kept`)
    return stored.header
  }

  /** In memory: of the window, or of a fork that was left not long ago. */
  known(cid: CID): ChainTipSet | undefined {
    return this.#window.byCid(cid.toString())
  }

  isCanonical(tipset: ChainTipSet): boolean {
    return this.#window.isCanonical(tipset)
  }

  /** First tipset above a height on the present fork. */
  above(height: number): ChainTipSet | undefined {
    return this.#window.above(height)
  }

  atOrBelow(height: number): ChainTipSet | undefined {
    return this.#window.atOrBelow(height)
  }

  /** Key address of an account, as the pool and the repository know senders. */
  keyText(id: number, state: StateTree): string {
    return actors.get(state, id)!.robust!.toString('f')
  }

  /** Sender's nonce once the head's messages have run. */
  nonceAtHead(from: number): number {
    const { state, messages } = this.head
    const landed = messages.filter(message => message.from === from).length
    return (actors.get(state, from)?.nonce ?? 0) + landed
  }

  async close(): Promise<void> {
    await this.#mutex.run(() => Promise.resolve())
    this.feed.close()
  }

  #below(tipset: ChainTipSet, count: number): ChainTipSet | undefined {
    let at: ChainTipSet | undefined = tipset
    for (let left = count; left > 0 && at !== undefined; left--) at = this.#window.atOrBelow(heightOf(at) - 1)
    return at
  }

  async #run(tipset: ChainTipSet): Promise<Outcome> {
    const draft = new StateDraft(tipset.state)
    const machine = this.machine(tipset)
    const receipts: Receipt[] = []
    // Rounds without a block end deadlines too.
    runCron(machine, draft, machine.epoch - 1)
    const fees = { baseFee: machine.baseFee }
    for (const { signed, cid } of tipset.messages) {
      const { receipt, error } = await execute(machine, draft, signed.Message, fees)
      receipts.push(receipt)
      this.#log.debug(
        { cid: cid.toString(), method: signed.Message.Method, exitCode: receipt.exitCode, error },
        'message',
      )
    }
    runCron(machine, draft, machine.epoch)
    const changes = [...draft.changes()]
    return { state: tipset.state.with(changes), changes, receipts }
  }

  async #dropStale(state: StateTree): Promise<void> {
    const stale = this.pool.stale(state)
    for (const { sender, signed } of stale) this.pool.delete(sender, signed.Message.Nonce)
    await this.repository.dropMessages(stale.map(({ cid }) => cid.toString()))
  }

  async #tidy(): Promise<void> {
    const height = heightOf(this.head)
    if (height - this.#tidied < TIDY_EPOCHS) return
    this.#tidied = height
    const floor = this.#window.atOrBelow(height - WINDOW_EPOCHS)
    if (floor !== undefined) await this.repository.putBase(heightOf(floor), floor.state.entries())
    await this.repository.prune(height - HEADERS_KEPT_EPOCHS)
  }
}

const rootAfter = (network: Network, parent: ChainTipSet, { changes }: Outcome): CID =>
  stateRootOf(
    network.seed,
    parent.header.ParentStateRoot,
    changes.map(change => toTaggedJson(change)),
  )

function refuseFuture(tipset: ChainTipSet, epoch: number): void {
  if (epoch > heightOf(tipset)) throw new Error('cannot draw randomness from the future')
}

/** The first tipset of a new chain. */
async function begin({ network, repository, genesis }: ChainParts): Promise<ChainTipSet> {
  const state = genesis()
  const header = genesisHeader(network.seed, network.genesisTimestamp, stateRootOf(network.seed, null, [network.name]))
  const tipset: ChainTipSet = { cid: blockCid(header), header, messages: [], state, parentReceipts: [] }
  await repository.putBase(0, state.entries())
  await repository.append(tipset, [], null)
  return tipset
}

/** The tipsets from the base state on, each with its own state. */
async function restore(
  repository: ChainRepository,
  base: { height: number; entries: readonly StateChange[] },
): Promise<ChainTipSet[]> {
  const stored = await repository.from(base.height)
  if (stored.length === 0) throw new Error('the chain was stored without its tipsets')
  const landed = new Map<number, LandedMessage[]>()
  for (const message of await repository.landedFrom(base.height)) {
    landed.set(message.height, [...(landed.get(message.height) ?? []), message])
  }
  let state = StateTree.of(base.entries)
  let parentReceipts: readonly Receipt[] = []
  return stored.map(({ header, cid, changes }, at) => {
    // The changes of the base itself are in its state already.
    if (at > 0) state = state.with(changes)
    const messages = landed.get(header.Height) ?? []
    const tipset: ChainTipSet = {
      cid,
      header,
      messages: messages.map(({ cid, signed }) => ({ cid, signed, from: resolveId(state, signed.Message.From)! })),
      state,
      parentReceipts,
    }
    parentReceipts = messages.flatMap(({ receipt }) => receipt ?? [])
    return tipset
  })
}
