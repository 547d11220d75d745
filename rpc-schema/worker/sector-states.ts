/** States of a sector in a worker. The place in the list is the number in the sector record; never reorder. */
export const SECTOR_STATES = [
  'Empty',
  'Allocated',
  'DealsAcquired',
  'PieceAdded',
  'TreeDBuilt',
  'TicketAssigned',
  'PC1Done',
  'PC2Done',
  'SyntheticPoRepNeeded',
  'PCSubmitted',
  'PCLanded',
  'Persisted',
  'PersistanceSubmitted',
  'SeedAssigned',
  'C1Done',
  'C2Done',
  'ProofSubmitted',
  'Finished',
  'Aborted',
  'SnapEncoded',
  'SnapProved',
  'SealedChecked',
  'SnapPieceAdded',
  'SnapTreeDBuilt',
  'SnapDone',
  'Unsealed',
] as const
export type SectorStateName = (typeof SECTOR_STATES)[number]

export const isSectorState = (name: string): name is SectorStateName =>
  (SECTOR_STATES as readonly string[]).includes(name)

/** States of a WindowPoSt job; they live in memory only. */
export const WDPOST_STATES = ['Empty', 'Allocated', 'Generated', 'Finished', 'Aborted'] as const
export type WdPoStStateName = (typeof WDPOST_STATES)[number]
