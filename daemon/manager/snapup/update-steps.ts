import type { SectorOnChainInfo } from '../../../rpc-schema/chain/sectors.js'
import type { TipSet } from '../../../rpc-schema/chain/tipset.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { type SectorID, sectorName } from '../../../rpc-schema/wire/sector-id.js'
import type { Clock } from '../../kit/clock.js'
import type { Logger } from '../../kit/log.js'
import { sectorPieces } from '../allocation/pieces.js'
import type { ChainNode } from '../chain/chain-node.js'
import { CHAIN_FINALITY } from '../chain/head-tracker.js'
import { type ChainMessage, isInFlight } from '../commitment/chain-message.js'
import { pieceProblem } from '../commitment/pieces-check.js'
import type { Sending } from '../commitment/sending.js'
import type { MinerSetup } from '../config/load-settings.js'
import type { SectorBook } from '../sectors/sector-book.js'
import type { JobRepository } from './job-repository.js'
import { closedUntil } from './mutable-deadline.js'
import type { OldFiles } from './old-files.js'
import type { ReadyUpdate } from './update-message.js'

export interface UpdateStepsOptions {
  miners: ReadonlyMap<number, MinerSetup>
  book: SectorBook
  node: ChainNode
  sending: Sending
  jobs: JobRepository
  oldFiles: Pick<OldFiles, 'remove'>
  clock: Clock
  log: Logger
}

export interface Ready {
  readonly kind: 'ready'
  readonly update: ReadyUpdate
}

/** `later`: not before this epoch · `again`: a failure that may pass · `failed`: one that does not. */
export type StepOutcome =
  | { readonly kind: 'done' }
  | { readonly kind: 'later'; readonly epoch: number; readonly why: string }
  | { readonly kind: 'again'; readonly why: string; readonly error?: unknown }
  | { readonly kind: 'failed'; readonly why: string }

/** How the chain has the sector: as before the upgrade, as after it, or otherwise. */
type Standing =
  | { readonly is: 'before' | 'after'; readonly onChain: SectorOnChainInfo }
  | { readonly is: 'other'; readonly why: string }

type Upgrade = Pick<ReadyUpdate, 'record' | 'upgraded'>

const DONE: StepOutcome = { kind: 'done' }
const failed = (why: string): StepOutcome => ({ kind: 'failed', why })

/** Whether the outcome of a message does not count yet. */
const isOpen = (message: ChainMessage, head: TipSet, { SnapUp }: MinerSetup): boolean =>
  isInFlight(message) || (message.state === 'landed' && head.Height - (message.height ?? 0) < SnapUp.MessageConfidence)

/** What is looked at before an upgrade is sent, and what ends it once its message is final. The caller has the sector for itself. */
export class UpdateSteps {
  readonly #options: UpdateStepsOptions

  constructor(options: UpdateStepsOptions) {
    this.#options = options
  }

  /** What is sent for an upgrade when the chain would take it now, or why it is not to be sent. */
  async prepare(sid: SectorID, head: TipSet): Promise<StepOutcome | Ready> {
    const { miners, node, sending } = this.#options
    const upgrade = await this.#upgrade(sid)
    if (upgrade === undefined) return failed('the record has no upgrade any more')
    const { record } = upgrade
    const setup = miners.get(sid.Miner)
    if (setup === undefined) return failed(`config for miner actor ${sid.Miner} not found`)
    const latest = await sending.messages.latestOf(sid, 'update')
    if (latest !== undefined && isOpen(await sending.desk.check(latest, head), head, setup)) return this.#follow(sid)
    const standing = await this.#standing(upgrade, head)
    if (standing.is === 'other') return failed(standing.why)
    if (standing.is === 'after') return this.#landed(sid, head.Height)
    if (!setup.SnapUp.Enabled) return { kind: 'again', why: 'Miners.SnapUp.Enabled is off' }
    const problem = await pieceProblem(node, sid.Miner, sectorPieces(record), head)
    if (problem !== undefined) return failed(problem)

    const miner = Address.fromId(sid.Miner)
    const [location, present] = await Promise.all([
      node.api.StateSectorPartition(miner, sid.Number, head.Cids),
      node.api.StateMinerProvingDeadline(miner, head.Cids),
    ])
    const closed = closedUntil(location.Deadline, present)
    if (closed !== undefined)
      return { kind: 'later', epoch: closed, why: `deadline ${location.Deadline} takes no changes before ${closed}` }
    return { kind: 'ready', update: { ...upgrade, onChain: standing.onChain, location } }
  }

  /** Ends an upgrade that no reorg takes back any more. */
  async finish(sid: SectorID, head: TipSet): Promise<StepOutcome> {
    const { miners, book, jobs, oldFiles, log } = this.#options
    const upgrade = await this.#upgrade(sid)
    if (upgrade === undefined) return failed('the record has no upgrade any more')
    const { record } = upgrade
    const settings = miners.get(sid.Miner)?.SnapUp
    const final = (record.UpgradeLandedEpoch ?? head.Height) + CHAIN_FINALITY + (settings?.ReleaseConfidence ?? 0)
    if (head.Height < final) return { kind: 'later', epoch: final, why: `waits for finality at epoch ${final}` }
    const standing = await this.#standing(upgrade, head)
    if (standing.is === 'other') return failed(standing.why)
    if (standing.is === 'before')
      return failed('the message has landed, but the chain does not have the upgraded sector')
    const kept = settings?.CleanupCCData ? await oldFiles.remove(sid, record.SectorType) : 'CleanupCCData is off'
    if (kept !== undefined) log.info({ sector: sectorName(sid) }, `the files from before the upgrade stay: ${kept}`)
    const detail = kept === undefined ? 'the files from before are deleted' : `the files from before stay: ${kept}`
    await book.finalize(sid, { actor: 'manager', event: 'upgrade final', detail }, async (_, trx) => {
      await jobs.remove(sid, trx)
      return true
    })
    return DONE
  }

  async #upgrade(sid: SectorID): Promise<Upgrade | undefined> {
    const found = await this.#options.book.find(sid)
    if (found?.store !== 'online' || !found.record.Upgraded) return undefined
    const { UpgradedInfo } = found.record
    return UpgradedInfo === null || UpgradedInfo.SealedCID === null
      ? undefined
      : { record: found.record, upgraded: UpgradedInfo }
  }

  async #standing({ record, upgraded }: Upgrade, head: TipSet): Promise<Standing> {
    const { ID: sid, UpgradePublic: before } = record
    const onChain = await this.#options.node.api.StateSectorGetInfo(Address.fromId(sid.Miner), sid.Number, head.Cids)
    if (onChain === null) return { is: 'other', why: 'the sector is not on the chain: it was terminated, or has ended' }
    if (upgraded.SealedCID!.equals(onChain.SealedCID)) return { is: 'after', onChain }
    if (before?.SealedCID.equals(onChain.SealedCID)) return { is: 'before', onChain }
    return { is: 'other', why: `the chain has the sector with the sealed CID ${onChain.SealedCID}` }
  }

  async #follow(sid: SectorID): Promise<StepOutcome> {
    await this.#options.jobs.update(
      sid,
      { state: 'waiting', note: 'the message is on its way' },
      this.#options.clock.now(),
    )
    return DONE
  }

  /** The chain has it already, by whatever message. */
  async #landed(sid: SectorID, epoch: number): Promise<StepOutcome> {
    const { book, jobs, clock } = this.#options
    await book.update(
      sid,
      async (record, trx) => {
        record.UpgradeLandedEpoch = epoch
        await jobs.update(sid, { state: 'landed', note: '' }, clock.now(), trx)
      },
      { actor: 'manager', event: 'upgrade landed', detail: `seen on the chain at epoch ${epoch}` },
    )
    return DONE
  }
}
