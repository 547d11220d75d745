import { UNSEAL_STATE } from '../../../../rpc-schema/manager/unseal.js'
import { sectorName } from '../../../../rpc-schema/wire/sector-id.js'
import type { SealyardClient } from '../talk.js'

export interface ThreadWork {
  readonly sector: string
  readonly why: string
  readonly change: string
}

const thread = (plan: string): string => `a damocles-worker with a \`[[sealing_thread]]\` of \`plan = "${plan}"\``

/** What waits and is no task of stage workers, and who would do it. */
export async function threadWork(own: Pick<SealyardClient, 'RebuildQueue' | 'UnsealTasks'>): Promise<ThreadWork[]> {
  const [rebuilds, unseals] = await Promise.all([own.RebuildQueue(), own.UnsealTasks()])
  return [
    ...rebuilds
      .filter(({ TakenAt }) => TakenAt === null)
      .map(({ Sector }) => ({
        sector: sectorName(Sector),
        why: 'it is to be rebuilt, which stage workers do not do',
        change: `run ${thread('rebuild')}`,
      })),
    ...unseals
      .filter(({ TakenAt, State }) => TakenAt === null && State === UNSEAL_STATE.setUp)
      .map(({ Sector, Note }) => ({
        sector: sectorName(Sector),
        why: `a piece of it is to be read back${Note === '' ? '' : ` (${Note})`}`,
        change: `a \`venus-worker run\` with \`--unseal\` and the store of the sector attached, or ${thread('unseal')}`,
      })),
  ]
}

export const threadWorkText = ({ sector, why, change }: ThreadWork): string =>
  `${sector}: ${why}. What helps: ${change}.`
