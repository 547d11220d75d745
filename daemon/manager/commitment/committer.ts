import type { TipSet } from '../../../rpc-schema/chain/tipset.js'
import type { AllocatedSector } from '../../../rpc-schema/manager/allocation.js'
import {
  ON_CHAIN_STATE,
  type PollStateResp,
  type PreCommitOnChainInfo,
  type ProofOnChainInfo,
  type SubmitResp,
} from '../../../rpc-schema/manager/commitment.js'
import type { PreCommitInfo, SectorState } from '../../../rpc-schema/manager/sector-state.js'
import { errorText } from '../../../rpc-schema/seal-error.js'
import { bytesEqual } from '../../../rpc-schema/wire/bytes.js'
import { commDToCid, commRToCid } from '../../../rpc-schema/wire/cid.js'
import { sealProof } from '../../../rpc-schema/wire/proof-types.js'
import { type SectorID, sectorName } from '../../../rpc-schema/wire/sector-id.js'
import { tipSetKeyText } from '../../../rpc-schema/wire/tipset-key.js'
import type { Clock } from '../../kit/clock.js'
import type { Logger } from '../../kit/log.js'
import type { ChainNode } from '../chain/chain-node.js'
import type { HeadTracker } from '../chain/head-tracker.js'
import type { MinerFacts } from '../chain/miner-facts.js'
import type { Randomness } from '../chain/randomness.js'
import type { MinerSetup } from '../config/load-settings.js'
import type { SectorBook } from '../sectors/sector-book.js'
import { ProveAggregation } from './aggregation/prove-aggregation.js'
import type { SealAggregator } from './aggregation/seal-aggregator.js'
import type { BaseFeeWatch } from './base-fee-watch.js'
import { Batcher } from './batcher.js'
import { type ChainMessage, isInFlight } from './chain-message.js'
import { idleDeals } from './idle-deals.js'
import { DEFAULT_CONFIDENCE } from './message-effects.js'
import { onChain } from './on-chain.js'
import { messageProgress } from './poll-state.js'
import { checkPreCommit } from './pre-commit-check.js'
import { preCommitKind } from './pre-commit-kind.js'
import { checkProof } from './prove-check.js'
import { proveCommitKind } from './prove-commit-kind.js'
import type { QueueRepository } from './queue-repository.js'
import type { SealVerifier } from './seal-verifier.js'
import { CID_FIELD, SEALING_KINDS, SENDER_OF, type SealingKind, sealingEffects, TITLE } from './sealing-effects.js'
import type { Sending } from './sending.js'
import { accepted, mismatched, rejected, type Verdict } from './verdict.js'

export interface CommitterOptions {
  miners: ReadonlyMap<number, MinerSetup>
  book: SectorBook
  node: ChainNode
  sending: Sending
  queue: QueueRepository
  heads: HeadTracker
  baseFees: BaseFeeWatch
  facts: MinerFacts
  randomness: Randomness
  verifier: SealVerifier
  aggregator: SealAggregator
  clock: Clock
  log: Logger
  /** Told of every message that has landed, for the metrics. */
  onLanded?: (message: ChainMessage) => void
}

/** A message of a sector that has landed deep enough. */
interface Landed {
  readonly progress: PollStateResp
  /** The head at which its receipt was looked for. */
  readonly head: TipSet
  /** Exit code of the sector, where the receipt tells it. */
  readonly sectorCode: number | null
}

/** Takes the results of sealing, brings them to the chain once, and tells how far they are. */
export class Committer {
  readonly #options: CommitterOptions
  readonly #batchers = new Map<string, Pick<Batcher<never>, 'start' | 'wake' | 'refused' | 'stop'>>()
  /** The head at which there was a sender, by miner and kind. */
  readonly #senderAt = new Map<string, { head: string | undefined; sender: Promise<unknown> }>()

  constructor(options: CommitterOptions) {
    this.#options = options
    const { node, sending, facts, book, miners, randomness, queue, onLanded } = options
    for (const kind of SEALING_KINDS) {
      const effects = sealingEffects(kind, { book, queue, ...(onLanded && { onLanded }) })
      sending.desk.register(kind, {
        ...effects,
        confidence: miner => miners.get(miner)?.Commitment.Confidence ?? DEFAULT_CONFIDENCE,
        available: ({ miner, sectors }, refusal) => {
          const batcher = this.#batchers.get(`${miner}/${kind}`)
          if (refusal === null) batcher?.wake()
          else batcher?.refused(sectors, refusal)
        },
      })
    }
    for (const setup of miners.values()) {
      const shared = { ...options, ...sending, setup }
      this.#batchers.set(`${setup.Actor}/pre`, new Batcher({ ...shared, kind: preCommitKind(node, facts, randomness) }))
      this.#batchers.set(
        `${setup.Actor}/prove`,
        new Batcher({
          ...shared,
          kind: proveCommitKind(
            node,
            facts,
            randomness,
            (record, head) => this.#preCommitMayCome(record.ID, head),
            new ProveAggregation(options.aggregator, options.log),
          ),
        }),
      )
    }
  }

  async start(): Promise<void> {
    await this.#adoptWaiting()
    for (const batcher of this.#batchers.values()) batcher.start()
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#batchers.values()].map(batcher => batcher.stop()))
  }

  /** Takes the result of PC2. The first answer that applies is given; a refusal is an answer, not an error. */
  submitPreCommit({ ID: sid }: AllocatedSector, info: PreCommitOnChainInfo, hardReset: boolean): Promise<SubmitResp> {
    const { book, node, heads, randomness, facts } = this.#options
    const pre: PreCommitInfo = { CommR: commRToCid(info.CommR), CommD: commDToCid(info.CommD), Ticket: info.Ticket }
    return book.exclusively(sid, async () => {
      await this.#needSender(sid.Miner, 'pre')
      const record = await book.online(sid)
      if (isNonInteractive(record)) return NOT_SERVED
      if (record.Pre !== undefined && !hardReset) return samePreCommit(record.Pre, pre) ? accepted() : mismatched()
      const underWay = await this.#underWay(
        sid,
        'pre',
        () => record.Pre !== undefined && samePreCommit(record.Pre, pre),
      )
      if (underWay) return underWay
      const head = await heads.fresh()
      const verdict = await checkPreCommit({ record, pre, head }, { node, randomness, facts })
      return this.#take(sid, 'pre', verdict, head.Height, online => {
        online.Pre = pre
      })
    })
  }

  /** Takes the seal proof, once it has been verified. */
  submitProof(sid: SectorID, { Proof }: ProofOnChainInfo, hardReset: boolean): Promise<SubmitResp> {
    const { book, node, heads, randomness, verifier } = this.#options
    return book.exclusively(sid, async () => {
      await this.#needSender(sid.Miner, 'prove')
      const record = await book.online(sid)
      if (isNonInteractive(record)) return NOT_SERVED
      if (record.Pre === undefined) return rejected('pre-commit info not found on chain')
      const isSame = (): boolean => record.Proof !== undefined && bytesEqual(record.Proof.Proof, Proof)
      if (record.Proof !== undefined && !hardReset) return isSame() ? accepted() : mismatched()
      const underWay = await this.#underWay(sid, 'prove', isSame)
      if (underWay) return underWay
      const head = await heads.fresh()
      const preCommitMayCome = (): Promise<boolean> => this.#preCommitMayCome(sid, head)
      const verdict = await checkProof(
        { record, pre: record.Pre, proof: Proof, head },
        { node, randomness, verifier, preCommitMayCome },
      )
      return this.#take(sid, 'prove', verdict, head.Height, online => {
        online.Proof = { Proof }
      })
    })
  }

  pollPreCommit(sid: SectorID): Promise<PollStateResp> {
    return this.#poll(sid, 'pre', async (record, { progress, head }) => {
      const found = await onChain(this.#options.node, sid, head.Cids)
      const commR = record.Pre?.CommR
      if (found.stage === 'preCommitted' && commR?.equals(found.info.Info.SealedCID)) return progress
      if (found.stage === 'proven' && commR?.equals(found.sealedCid)) return progress
      // The receipt is fine: a state without the number is that of another moment.
      if (found.stage === 'none') return { ...progress, State: ON_CHAIN_STATE.packed }
      return { State: ON_CHAIN_STATE.shouldAbort, Desc: 'sector already allocated' }
    })
  }

  pollProof(sid: SectorID): Promise<PollStateResp> {
    return this.#poll(sid, 'prove', async (record, { progress, head, sectorCode }) => {
      const found = await onChain(this.#options.node, sid, head.Cids)
      if (found.stage === 'proven' && record.Pre?.CommR.equals(found.sealedCid)) {
        await this.#tellIdleDeals(record, head)
        return progress
      }
      // The receipt names the sector as activated: a node that does not show it is behind.
      if (sectorCode === 0) return { ...progress, State: ON_CHAIN_STATE.packed }
      return { State: ON_CHAIN_STATE.shouldAbort, Desc: 'sector info not found on chain' }
    })
  }

  /** Once, and whatever becomes of it: the sector is proven. */
  async #tellIdleDeals(record: SectorState, head: TipSet): Promise<void> {
    const { node, book, log } = this.#options
    const sector = sectorName(record.ID)
    try {
      const idle = await idleDeals(node, record, head)
      if (idle.length === 0) return
      const event = 'deals not active'
      const told = (await book.history(record.ID)).some(known => known.event === event)
      if (told) return
      const detail = `the market has not taken deal ${idle.join(', ')} from the proven sector, their collateral will be lost`
      await book.note(record.ID, { actor: 'manager', event, detail })
      log.error({ sector }, `${detail}; Sealing.RequireNotificationSuccess = true keeps such sectors from being proven`)
    } catch (error) {
      log.warn({ err: error, sector }, `it is not known whether its deals are active: ${errorText(error)}`)
    }
  }

  /** Whether the chain has the sector among the proven ones. */
  async isProven(sid: SectorID): Promise<boolean> {
    return (await onChain(this.#options.node, sid, [])).stage === 'proven'
  }

  /** Saves what was submitted and what follows from the verdict, in one transaction. */
  async #take<M>(
    sid: SectorID,
    kind: SealingKind,
    verdict: Verdict<M>,
    epoch: number,
    submit: (record: SectorState) => void,
  ): Promise<SubmitResp> {
    const { book, clock, log } = this.#options
    const title = TITLE[kind]
    if (verdict.outcome === 'refused') {
      log.warn({ sector: sectorName(sid) }, `${title} refused: ${verdict.answer.Desc ?? ''}`)
      await book.note(sid, { actor: 'manager', event: `${title} refused`, detail: verdict.answer.Desc ?? '' })
      return verdict.answer
    }
    const send = verdict.outcome === 'send'
    await book.update(
      sid,
      async (record, trx) => {
        submit(record)
        record.MessageInfo.NeedSend = send
        record.MessageInfo[CID_FIELD[kind]] = null
        if (send) await this.#options.queue.put(sid, kind, clock.now(), epoch, trx)
        else await this.#options.queue.remove(sid, kind, trx)
      },
      { actor: 'manager', event: `${title} accepted`, detail: send ? '' : verdict.why },
    )
    if (send) this.#wake(sid.Miner, kind)
    return accepted()
  }

  /** The answer to a re-submission while a message is on its way: another one might be paid for twice. */
  async #underWay(sid: SectorID, kind: SealingKind, isSame: () => boolean): Promise<SubmitResp | undefined> {
    const latest = await this.#options.sending.messages.latestOf(sid, kind)
    if (latest === undefined || !isInFlight(latest)) return undefined
    const desc = `message ${latest.cid ?? 'without an answer yet'} for this sector is on its way`
    return isSame() ? accepted(desc) : mismatched(desc)
  }

  async #poll(
    sid: SectorID,
    kind: SealingKind,
    confirm: (record: SectorState, landed: Landed) => Promise<PollStateResp>,
  ): Promise<PollStateResp> {
    const { book, heads } = this.#options
    const record = await book.online(sid)
    const cid = record.MessageInfo[CID_FIELD[kind]]
    const head = await heads.fresh()
    const message = cid && (await this.#messageOf(sid, kind, cid.toString()))
    const checked = message && (await this.#options.sending.desk.check(message, head))
    const sectorCode = checked?.sectorCodes[checked.sectors.indexOf(sid.Number)] ?? null
    const progress = messageProgress({
      hasCid: cid !== null,
      needSend: record.MessageInfo.NeedSend,
      message: checked || undefined,
      sectorCode,
      headHeight: head.Height,
      confidence: this.#setup(sid.Miner).Commitment.Confidence,
    })
    if (progress.State === ON_CHAIN_STATE.landed) return confirm(record, { progress, head, sectorCode })
    const inDoubt = progress.State === ON_CHAIN_STATE.failed || (cid !== null && !checked)
    if (inDoubt && (await this.#isOnChain(record, kind)))
      return { State: ON_CHAIN_STATE.landed, Desc: `the ${TITLE[kind]} is on the chain` }
    return progress
  }

  /** Whether the chain has what the record's message was to bring, by whatever message. */
  async #isOnChain(record: SectorState, kind: SealingKind): Promise<boolean> {
    if (record.Pre === undefined || (kind === 'prove' && record.Proof === undefined)) return false
    const found = await onChain(this.#options.node, record.ID, [])
    if (found.stage === 'proven') return found.sealedCid.equals(record.Pre.CommR)
    return kind === 'pre' && found.stage === 'preCommitted' && found.info.Info.SealedCID.equals(record.Pre.CommR)
  }

  /** Whether the pre-commit of a sector is in flight, or has landed where a reorg may take it back. */
  async #preCommitMayCome(sid: SectorID, head: TipSet): Promise<boolean> {
    const latest = await this.#options.sending.messages.latestOf(sid, 'pre')
    if (latest === undefined) return false
    const message = await this.#options.sending.desk.check(latest, head)
    if (isInFlight(message)) return true
    const { state, height, receipt } = message
    if (state !== 'landed' || height === null || receipt?.ExitCode !== 0) return false
    return head.Height - height < this.#setup(sid.Miner).Commitment.Confidence
  }

  async #messageOf(sid: SectorID, kind: SealingKind, cid: string): Promise<ChainMessage | undefined> {
    const latest = await this.#options.sending.messages.latestOf(sid, kind)
    return latest?.cid === cid ? latest : undefined
  }

  /** Records that say they wait but are in no queue, as those that came from another database. */
  async #adoptWaiting(): Promise<void> {
    const { book, clock } = this.#options
    for (const record of await book.waitingToSend()) {
      if (record.Upgraded || record.Imported || record.NeedRebuild || record.AbortReason !== '') continue
      const kind = record.Proof !== undefined && record.MessageInfo.CommitCid === null ? 'prove' : 'pre'
      await book.transaction(trx => this.#options.queue.put(record.ID, kind, clock.now(), 0, trx))
    }
  }

  /** A worker is told at once when nobody may send for the miner; who does is chosen when there is a message. Looked up once a head. */
  async #needSender(miner: number, kind: SealingKind): Promise<void> {
    const { heads, sending } = this.#options
    const head = heads.last && tipSetKeyText(heads.last.Cids)
    const known = `${miner}/${kind}`
    const asked = this.#senderAt.get(known)
    if (asked !== undefined && asked.head === head) return void (await asked.sender)
    const sender = sending.senders.choose(miner, this.#setup(miner).Commitment[SENDER_OF[kind]])
    this.#senderAt.set(known, { head, sender })
    await sender.catch((error: unknown) => {
      this.#senderAt.delete(known)
      throw error
    })
  }

  #setup(miner: number): MinerSetup {
    const setup = this.#options.miners.get(miner)
    if (setup === undefined) throw new Error(`config for miner actor ${miner} not found`)
    return setup
  }

  #wake(miner: number, kind: SealingKind): void {
    this.#batchers.get(`${miner}/${kind}`)?.wake()
  }
}

const isNonInteractive = ({ SectorType }: SectorState): boolean => sealProof(SectorType).feature === 'nonInteractive'

/** They are neither pre-committed nor proven by the methods that are served here. */
const NOT_SERVED = rejected(
  'sectors with non-interactive proofs (NI-PoRep) are not brought to the chain by this manager: seal with the interactive proof of the size',
)

const samePreCommit = (a: PreCommitInfo, b: PreCommitInfo): boolean =>
  a.CommR.equals(b.CommR) &&
  a.CommD.equals(b.CommD) &&
  a.Ticket.Epoch === b.Ticket.Epoch &&
  bytesEqual(a.Ticket.Ticket, b.Ticket.Ticket)
