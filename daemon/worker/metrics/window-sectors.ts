import type { WindowReads } from '../wdpost/reading/window-reads.js'

/** What became of a sector that was to be read for a window: `unread` says nothing of the sector. */
export type WindowSectorOutcome = 'read' | 'faulty' | 'unread'

/** The same reads; what became of the sectors is counted. */
export const measuredReads = (
  reads: WindowReads,
  told: (outcome: WindowSectorOutcome, sectors: number) => void,
): WindowReads => ({
  read: async (job, stores, onRead, signal) => {
    const counted = (sector: number, vanilla: Uint8Array): void => {
      told('read', 1)
      onRead(sector, vanilla)
    }
    const reading = await reads.read(job, stores, counted, signal)
    told('faulty', reading.faults.length)
    told('unread', reading.unread.length)
    return reading
  },
})
