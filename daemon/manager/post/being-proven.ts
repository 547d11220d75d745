import type { PartitionClaims } from './partition-claims.js'
import type { WindowRecords } from './window-record.js'

export interface PartitionOfDeadline {
  readonly miner: number
  readonly deadline: number
  readonly partition: number
}

/** Whether some manager of the database is at a partition, for the chain. */
export const beingProven =
  (claims: Pick<PartitionClaims, 'windowsOf'>, records: Pick<WindowRecords, 'isOneRunning'>) =>
  async ({ miner, deadline, partition }: PartitionOfDeadline): Promise<boolean> =>
    records.isOneRunning(miner, await claims.windowsOf(miner, partition), deadline)
