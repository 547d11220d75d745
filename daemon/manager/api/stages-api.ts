import type { stageMethods } from '../../../rpc-schema/manager/stages.js'
import type { Handlers } from '../../../rpc-schema/rpc/method.js'
import { rulesOf } from '../allocation/sector-allocation.js'
import type { Rooms } from './rooms.js'

/** Stage workers, and those who look after them. */
export function stagesApi({
  stages,
  stageView,
  givingUp,
  book,
  miners,
  pledges,
  facts,
}: Rooms): Handlers<typeof stageMethods> {
  return {
    ReportStageWorker: report => stages.report(report),
    ClaimStageTask: (worker, boot) => stages.claim(worker, boot),
    SaveStageRecord: (claim, record) => stages.save(claim, record),
    PlaceStageSector: (claim, path) => stages.place(claim, path),
    FinishStageTask: (claim, end) => stages.finish(claim, end),
    FailStageTask: (claim, error, forGood) => stages.fail(claim, error, forGood),
    ReleaseStageTask: claim => stages.release(claim),
    BeginStageRemoval: (worker, boot, leftover) => stages.beginRemoval(worker, boot, leftover),
    StageFilesRemoved: leftover => stages.removed(leftover),
    AdoptStageSector: async (sector, state, record, path) => {
      // One that is finished or given up has nothing left to be carried.
      await book.online(sector.ID)
      await stages.adopt(sector, { state, record, path })
    },
    StageTasks: () => stageView.tasks(),
    StageWorkers: () => stageView.workers(),
    ExplainStageTasks: task => stageView.explain(task),
    ExplainPledges: async miner => {
      const setup = miners.get(miner)
      if (setup === undefined) throw new Error(`config for miner actor ${miner} not found`)
      const [waiting, sealing, { SectorSize }] = await Promise.all([
        pledges.countWaiting(miner),
        book.countSealing(miner),
        facts.info(miner),
      ])
      const { maxSealing } = rulesOf(setup)
      return stageView.explainPledges({ waiting, sealing, maxSealing, sectorSize: SectorSize })
    },
    RetryStageTasks: tasks => stages.retry(tasks),
    AbortStageTask: (task, reason) => stages.abort(task, reason),
    PreviewAbandonStageSector: async sector => {
      const { cost, whyNot } = await givingUp.preview(sector)
      return { Cost: cost, WhyNot: whyNot }
    },
    AbandonStageSector: (sector, reason) => givingUp.giveUp(sector, reason || 'given up by an operator'),
  }
}
