import type { SubmitResp } from '../../../rpc-schema/manager/commitment.js'
import { SUBMIT_RESULT } from '../../../rpc-schema/manager/commitment.js'
import type { SectorState } from '../../../rpc-schema/manager/sector-state.js'
import type { SnapUpOnChainInfo } from '../../../rpc-schema/manager/snapup.js'
import { type SectorID, sectorName } from '../../../rpc-schema/wire/sector-id.js'
import type { Logger } from '../../kit/log.js'
import { accepted, mismatched, rejected } from '../commitment/verdict.js'
import type { SectorBook } from '../sectors/sector-book.js'
import type { SectorFiles } from '../storage/sector-files.js'
import { type SnapUpState, STOPPED } from './job.js'
import type { JobRepository } from './job-repository.js'
import type { SnapUpJobs } from './snapup-jobs.js'
import { submissionProblem, upgradedInfo } from './submission-check.js'
import type { UpdateVerifier } from './update-verifier.js'

export interface SnapUpOptions {
  book: SectorBook
  files: Pick<SectorFiles, 'submitPersisted'>
  jobs: JobRepository
  loop: SnapUpJobs
  verifier: UpdateVerifier
  log: Logger
}

/** States in which a submission begins the sending; in the others it has begun. */
const BEGINS: ReadonlySet<SnapUpState> = new Set(['allocated', ...STOPPED])

/** Takes the results of upgrades. */
export class SnapUp {
  readonly #options: SnapUpOptions

  constructor(options: SnapUpOptions) {
    this.#options = options
  }

  /** Once it is accepted, a worker's part is over. The same submission gets the same answer, however often it comes. */
  submit(sid: SectorID, info: SnapUpOnChainInfo): Promise<SubmitResp> {
    const { book, jobs, log } = this.#options
    return book.exclusively(sid, async () => {
      const record = await book.online(sid)
      if (!record.Upgraded || record.UpgradePublic === null)
        throw new Error(`${sectorName(sid)} is not allocated for an upgrade`)
      const job = await jobs.find(sid)
      if (job?.state === 'dropping') throw new Error(`the upgrade of ${sectorName(sid)} is being given up`)
      if (job !== undefined && !BEGINS.has(job.state)) return isSame(record, info) ? accepted() : mismatched(ON_ITS_WAY)
      const answer = await this.#take(record, info)
      if (answer.Res !== SUBMIT_RESULT.accepted) {
        log.warn({ sector: sectorName(sid) }, `upgrade refused: ${answer.Desc}`)
        await book.note(sid, { actor: 'manager', event: 'upgrade refused', detail: answer.Desc ?? '' })
      }
      return answer
    })
  }

  async #take(record: SectorState, info: SnapUpOnChainInfo): Promise<SubmitResp> {
    const { book, files, verifier, loop } = this.#options
    const { ID: sid } = record
    const problem = submissionProblem(record, info)
    if (problem !== undefined) return problem
    if (!(await files.submitPersisted(sid, info.AccessInstance, true)))
      return { Res: SUBMIT_RESULT.filesMissed, Desc: `not all files persisted in ${info.AccessInstance}` }
    const valid = await verifier.verify({
      sealProofType: record.SectorType,
      commROld: record.UpgradePublic!.CommR,
      commRNew: info.CommR,
      commDNew: info.CommD,
      proof: info.Proof,
    })
    if (!valid) return rejected('invalid proof: it does not verify')
    await book.update(
      sid,
      async (online, trx) => {
        online.UpgradedInfo = upgradedInfo(info)
        online.UpgradeMessageID = null
        await loop.submitted(sid, trx)
      },
      { actor: 'manager', event: 'upgrade accepted' },
    )
    loop.wake()
    return accepted()
  }
}

const ON_ITS_WAY = 'another result was accepted before, and is on its way to the chain'

/** A proof that is made again differs, the replica that it is about does not. */
const isSame = ({ UpgradedInfo: known }: SectorState, info: SnapUpOnChainInfo): boolean =>
  known?.SealedCID?.equals(upgradedInfo(info).SealedCID) ?? false
