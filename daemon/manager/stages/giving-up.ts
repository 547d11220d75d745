import { RPC_ERROR, RpcError } from '../../../rpc-schema/rpc/error.js'
import { errorText } from '../../../rpc-schema/seal-error.js'
import { type SectorID, sectorName } from '../../../rpc-schema/wire/sector-id.js'
import type { ChainNode } from '../chain/chain-node.js'
import { type ChainMessage, isInFlight } from '../commitment/chain-message.js'
import { onChain } from '../commitment/on-chain.js'
import type { Sending } from '../commitment/sending.js'
import type { SectorBook } from '../sectors/sector-book.js'
import type { MayBeGivenUp, SectorLife } from '../sectors/sector-life.js'
import type { SectorFiles } from '../storage/sector-files.js'
import type { SectorRemoval } from '../storage/sector-removal.js'
import type { StageDesk } from './stage-desk.js'

/**
 * How far the chain is with a sector that is being sealed.
 *
 * | standing  | meaning                                                              |
 * |-----------|----------------------------------------------------------------------|
 * | free      | no message of it has been sent                                       |
 * | deposited | its pre-commit is on its way or on the chain, which waits for a proof |
 * | proving   | its proof is on its way                                              |
 * | proven    | the chain has it, and asks for it in its windows                     |
 */
export type Standing = 'free' | 'deposited' | 'proving' | 'proven'

/** What giving it up costs, or why it cannot be given up any more. */
export const GIVING_UP: Readonly<Record<Standing, { readonly cost: string } | { readonly whyNot: string }>> = {
  free: { cost: 'the work that was done; nothing of it is on the chain' },
  deposited: { cost: 'the work that was done, and the deposit of its pre-commit, which is burnt when that expires' },
  proving: { whyNot: 'its proof is on its way to the chain; once that has landed the sector can be terminated' },
  proven: { whyNot: 'it is proven on the chain, which asks for it in its windows: `sectors terminate` ends it' },
}

export interface StandingParts {
  readonly node: ChainNode
  readonly messages: Pick<Sending['messages'], 'latestOf' | 'undecided'>
}

const hasWorked = (message: ChainMessage | undefined, { Number: number }: SectorID): boolean => {
  if (message?.state !== 'landed' || message.receipt?.ExitCode !== 0) return false
  const code = message.sectorCodes[message.sectors.indexOf(number)]
  return code === null || code === undefined || code === 0
}

/** By our own messages, which a node may not show yet, and by the chain, which may know of somebody else's. */
export async function standingOf(sid: SectorID, { node, messages }: StandingParts): Promise<Standing> {
  const [pre, prove, chain] = await Promise.all([
    messages.latestOf(sid, 'pre'),
    messages.latestOf(sid, 'prove'),
    onChain(node, sid, []),
  ])
  if (chain.stage === 'proven' || hasWorked(prove, sid)) return 'proven'
  if (prove !== undefined && isInFlight(prove)) return 'proving'
  const isCommitted = pre !== undefined && (isInFlight(pre) || hasWorked(pre, sid))
  return chain.stage === 'preCommitted' || isCommitted ? 'deposited' : 'free'
}

export interface GivingUpParts extends StandingParts {
  readonly desk: Pick<StageDesk, 'carries' | 'abandon'>
  readonly book: Pick<SectorBook, 'online'>
  readonly life: Pick<SectorLife, 'giveUp'>
  readonly files: Pick<SectorFiles, 'find'>
  readonly removal: Pick<SectorRemoval, 'remove'>
}

/** What an operator is told before he gives a sector up: one of the two is empty. */
export interface GivingUpPreview {
  readonly cost: string
  readonly whyNot: string
}

/** Ends sectors that stage workers carry, unless the chain has, or is about to have, a proof of them. */
export class GivingUp {
  readonly #parts: GivingUpParts

  constructor(parts: GivingUpParts) {
    this.#parts = parts
  }

  async preview(sid: SectorID): Promise<GivingUpPreview> {
    await this.#needCarried(sid)
    return { cost: '', whyNot: '', ...GIVING_UP[await standingOf(sid, this.#parts)] }
  }

  /** May be repeated after a crash. The number is never given again. */
  async giveUp(sid: SectorID, reason: string): Promise<void> {
    const { desk, life } = this.#parts
    await this.#needCarried(sid)
    await life.giveUp(sid, reason, this.#guard()).catch((error: unknown) => {
      // Given up already: only the files are left.
      if (!isOffline(error)) throw error
    })
    await desk.abandon(sid)
    await this.#removeStored(sid)
  }

  async #needCarried(sid: SectorID): Promise<void> {
    const { desk, book } = this.#parts
    if (await desk.carries(sid)) return
    const worker = await book.online(sid).then(
      ({ LatestState }) => LatestState?.Worker.Instance || 'a thread that has not told of it yet',
      (error: unknown) => {
        if (isOffline(error))
          throw new Error(`${sectorName(sid)} is not being sealed: it is finished, given up or unknown`)
        throw error
      },
    )
    throw new Error(`${sectorName(sid)} is not carried by stage workers: ${worker} has it, where it is given up, too`)
  }

  #guard(): MayBeGivenUp {
    const { messages } = this.#parts
    let proof: string | undefined
    return {
      before: async ({ ID, MessageInfo }) => {
        proof = MessageInfo.CommitCid?.toString()
        const { whyNot } = await this.preview(ID)
        if (whyNot !== '') throw new Error(`${sectorName(ID)} is not given up: ${whyNot}`)
      },
      // A batch may have taken the sector meanwhile.
      still: async ({ ID, MessageInfo }, trx) => {
        const isTaken = (await messages.undecided(ID.Miner, 'prove', trx)).has(ID.Number)
        if (!isTaken && MessageInfo.CommitCid?.toString() === proof) return
        throw new Error(`${sectorName(ID)} is not given up: its proof was sent just now`)
      },
    }
  }

  /** What has come to a store before its proof was sent. */
  async #removeStored(sid: SectorID): Promise<void> {
    const { files, removal } = this.#parts
    const { Found } = await files.find('normal', sid)
    if (!Found) return
    await removal.remove(sid, true).catch((error: unknown) => {
      throw new Error(`${sectorName(sid)} is given up, but its files in the store stay: ${errorText(error)}`, {
        cause: error,
      })
    })
  }
}

const isOffline = (error: unknown): boolean => error instanceof RpcError && error.code === RPC_ERROR.sectorStateNotFound
