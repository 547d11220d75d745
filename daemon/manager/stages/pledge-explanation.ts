import { explain } from './scheduler/explain.js'
import type { TaskView, World } from './scheduler/world.js'

/** What bounds the sectors of a miner. */
export interface PledgeFacts {
  readonly waiting: number
  readonly sealing: number
  /** 0: as many as there is room for. */
  readonly maxSealing: number
  readonly sectorSize: number
}

/** Why sectors that were asked for are not begun, and what would change that; undefined when none waits. */
export function explainPledges(
  { waiting, sealing, maxSealing, sectorSize }: PledgeFacts,
  world: World,
): { readonly why: string; readonly change: string } | undefined {
  if (waiting === 0) return undefined
  if (maxSealing > 0 && sealing >= maxSealing)
    return {
      why: `${sealing} sectors are being sealed, and MaxSealingSectors is ${maxSealing}`,
      change: 'nothing: the next is begun when one of them is finished; or raise MaxSealingSectors',
    }
  const first: TaskView = { id: '', kind: 'AP', sectorSize, place: null, sector: '', readyAt: world.now }
  return explain(first, { ...world, waiting: [...world.waiting, first] })
}
