import { METHODS } from '../../../rpc-schema/actors/actor-methods.js'
import { EXIT_CODES, exitCodeText } from '../../../rpc-schema/actors/exit-codes.js'
import { SubmitWindowedPoStParams } from '../../../rpc-schema/actors/miner-post.js'
import type { TipSet } from '../../../rpc-schema/chain/tipset.js'
import { errorText } from '../../../rpc-schema/seal-error.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { bytesEqual } from '../../../rpc-schema/wire/bytes.js'
import { foreseenExitCode } from '../chain/node-errors.js'
import type { ChainMessage } from '../commitment/chain-message.js'
import { feesOf } from '../commitment/fees.js'
import { feeLevel, feesAt, raiseAt } from './fee-policy.js'
import type { PosterParts } from './poster-parts.js'
import { next, SUBMIT, type SubmitEvent, windowTimes } from './schedule.js'
import { messageKey, type Submission } from './submission-repository.js'
import type { WindowRun } from './window-run.js'

/** A message of the next block lands at the earliest in the epoch after the head. */
const LAST_SEND = 1
/** Heads by which the last block of a window may be seen late. */
export const SEEN_LATE = 3

/** What is done about a message that failed on the chain. */
type Remedy = 'send again' | 'more gas' | 'prove anew'

/** A proof of which the node says so often that the chain would refuse it is made anew. It has cost nothing yet; the first times it may be the node's head that is behind. */
const MOST_FORESEEN = 3

/** By exit code and how often it has happened. Everything else is the moment's, and sent again after a pause. */
const REMEDIES: Readonly<Partial<Record<number, (failures: number) => Remedy>>> = {
  [EXIT_CODES.SysErrOutOfGas]: () => 'more gas',
  // The commit randomness of a fork that is gone, or partitions that are proven already; the second time it is the proof.
  [EXIT_CODES.ErrIllegalArgument]: failures => (failures < 2 ? 'send again' : 'prove anew'),
}

/** `failures`: how often a message of this proof has failed, with this one. */
export const remedyOf = (exitCode: number, failures: number): Remedy => REMEDIES[exitCode]?.(failures) ?? 'send again'

/** Takes kept proofs to the chain. Everything is read from the database at each head, so that a restart changes nothing. */
export class Submitter {
  readonly #parts: PosterParts

  constructor(parts: PosterParts) {
    this.#parts = parts
  }

  /** Whether everything could be looked at. */
  async step(run: WindowRun, head: TipSet): Promise<boolean> {
    const { submissions, log } = this.#parts
    let all = true
    for (const submission of await submissions.ofWindow(run.miner, run.window.Open)) {
      try {
        await this.#one(run, submission, head)
      } catch (error) {
        all = false
        log.error({ ...subject(run, submission), err: error }, `publish post message: ${errorText(error)}`)
      }
    }
    return all
  }

  async #one(run: WindowRun, submission: Submission, head: TipSet): Promise<void> {
    const message = await this.#message(submission, head)
    const event = this.#event(run, submission, message, head)
    if (event === undefined) return
    const step = next(SUBMIT, submission.state, event)
    if (step === undefined) return
    if (step.act === 'send') return this.#send(run, submission, head)
    if (step.act === 'raise') return this.#raise(run, submission, message!, head)
    if (event === 'failed') return this.#failed(run, submission, message!, head)
    if (event === 'lost' && isForeseen(submission, message))
      return this.#anew(run, submission, `the node will not send the proof: ${message?.error}`, head)
    const { submissions, log } = this.#parts
    if (!(await submissions.update(submission, { state: step.to }))) return
    if (event === 'landed') {
      run.notes.step('landed', head.Height, `partitions ${submission.partitions.join(' ')}, epoch ${message?.height}`)
      log.info(
        { ...subject(run, submission), height: message?.height },
        `window post message succeeded: ${message?.cid}`,
      )
    } else {
      log.warn(subject(run, submission), `window post message: ${event}`)
      if (event === 'closed')
        run.notes.step('trouble', head.Height, `partitions ${submission.partitions.join(' ')} missed`)
    }
  }

  #event(
    run: WindowRun,
    submission: Submission,
    message: ChainMessage | undefined,
    head: TipSet,
  ): SubmitEvent | undefined {
    const { window } = run
    const times = windowTimes(window, this.#parts.settings(run.miner))
    if (submission.state === 'ready') {
      if (head.Height + LAST_SEND >= window.Close) return 'closed'
      return head.Height >= Math.max(times.submit, submission.notBefore) ? 'open' : undefined
    }
    switch (message?.state) {
      case 'landed':
        return message.receipt?.ExitCode === EXIT_CODES.Ok ? 'landed' : 'failed'
      case 'refused':
      case 'lost':
      case 'dropped':
      case undefined:
        return 'lost'
      default:
        if (submission.state === 'landed') return 'reverted'
        if (head.Height >= window.Close + SEEN_LATE) return 'closed'
        return message?.state === 'pushed' &&
          head.Height + LAST_SEND < window.Close &&
          feeLevel(head.Height, times.submit, window.Close) > submission.feeLevel
          ? 'late'
          : undefined
    }
  }

  async #send(run: WindowRun, submission: Submission, head: TipSet): Promise<void> {
    const { submissions, randomness, sending, log, settings } = this.#parts
    const { miner, window } = run
    const useless = await this.#useless(run, submission, head)
    if (useless !== undefined) {
      log.warn(subject(run, submission), `a proof is not sent: ${useless}`)
      await submissions.discard(submission, useless)
      return run.lookAgain(head)
    }
    const setting = settings(miner)
    const commit = await randomness.windowPoStCommit(window.Challenge, head.Cids)
    const params = await submissions.params(submission.id)
    const level = feeLevel(head.Height, windowTimes(window, setting).submit, window.Close)
    const key = messageKey(submission.id, submission.attempt + 1)
    const sender = await sending.senders.choose(miner, setting)
    const outcome = await sending.desk.send(
      {
        kind: 'post',
        miner,
        sender,
        method: METHODS.miner.SubmitWindowedPoSt,
        params: SubmitWindowedPoStParams.encode({
          ...params,
          ChainCommitEpoch: commit.Epoch,
          ChainCommitRand: commit.Rand,
        }),
        value: 0n,
        fees: feesAt(level, feesOf(setting), baseFee(head), submission.failures),
        sectors: [],
        uuid: key,
      },
      head,
      async trx => {
        const sent = { state: 'sent', attempt: submission.attempt + 1, messageKey: key, feeLevel: level } as const
        if (!(await submissions.update(submission, sent, trx))) throw new Error('another manager has sent it')
      },
    )
    run.notes.step('sent', head.Height, `partitions ${submission.partitions.join(' ')}: ${outcome.result}`)
    if (outcome.result === 'pushed') log.info(subject(run, submission), `Submitted window post: ${outcome.cid}`)
  }

  /** Why a proof must not be sent; undefined when it may. */
  async #useless(
    run: WindowRun,
    { partitions, randomness: own }: Submission,
    head: TipSet,
  ): Promise<string | undefined> {
    const { node, randomness } = this.#parts
    const { Rand } = await randomness.windowPoStChallenge(run.miner, run.window.Challenge, head.Cids)
    if (!bytesEqual(Rand, own)) return 'a reorg has changed the challenge'
    const deadlines = await node.api.StateMinerDeadlines(Address.fromId(run.miner), head.Cids)
    const posted = deadlines[run.window.Index]?.PostSubmissions
    const known = partitions.filter(index => posted?.has(index))
    return known.length === 0 ? undefined : `the chain has proofs of partitions ${known.join(', ')} already`
  }

  async #raise(run: WindowRun, submission: Submission, message: ChainMessage, head: TipSet): Promise<void> {
    const { submissions, sending, log, settings } = this.#parts
    const setting = settings(run.miner)
    const level = feeLevel(head.Height, windowTimes(run.window, setting).submit, run.window.Close)
    // Written down first: a raise that fails is not tried at every head.
    if (!(await submissions.update(submission, { feeLevel: level }))) return
    if (!(await sending.desk.raise(message.id, raiseAt(level, feesOf(setting), baseFee(head)), head))) return
    log.warn(subject(run, submission), 'a window post does not land: it was sent again with a higher premium')
    run.notes.step('raised', head.Height, `partitions ${submission.partitions.join(' ')}`)
  }

  async #failed(run: WindowRun, submission: Submission, message: ChainMessage, head: TipSet): Promise<void> {
    const { submissions, log } = this.#parts
    const code = message.receipt!.ExitCode
    const failures = submission.failures + 1
    const remedy = remedyOf(code, failures)
    const why = `the chain refused the proof: ${exitCodeText(code)}`
    log.error({ ...subject(run, submission), remedy }, why)
    run.notes.step('failed', head.Height, `${exitCodeText(code)}: ${remedy}`)
    const isChanged = await submissions.update(submission, {
      state: 'ready',
      failures,
      notBefore: head.Height + (remedy === 'more gas' ? 0 : failures),
      note: why,
    })
    if (isChanged && remedy === 'prove anew') await this.#anew(run, { ...submission, state: 'ready' }, why, head)
  }

  async #anew(run: WindowRun, submission: Submission, why: string, head: TipSet): Promise<void> {
    this.#parts.log.warn(subject(run, submission), `a proof is made anew: ${why}`)
    await this.#parts.submissions.discard(submission, why)
    run.lookAgain(head)
  }

  /** The last message of a submission as it stands at this head. */
  async #message({ messageKey, state }: Submission, head: TipSet): Promise<ChainMessage | undefined> {
    const { messages, desk } = this.#parts.sending
    if (messageKey === null || state === 'ready' || state === 'discarded') return undefined
    const message = await messages.withUuid(messageKey)
    return message && desk.check(message, head)
  }
}

/** Messages of it were never sent, the last one because the chain would refuse the proof itself. */
const isForeseen = ({ attempt, failures }: Submission, message: ChainMessage | undefined): boolean =>
  attempt - failures >= MOST_FORESEEN && foreseenExitCode(message?.error ?? '') === EXIT_CODES.ErrIllegalArgument

const baseFee = (head: TipSet): bigint => head.Blocks[0]?.ParentBaseFee ?? 0n

const subject = ({ miner, window }: WindowRun, { partitions }: Submission) => ({
  miner,
  deadline: window.Index,
  open: window.Open,
  partitions,
})
