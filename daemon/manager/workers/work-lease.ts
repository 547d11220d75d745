/** Work that was given to a worker: when, and what was heard of it since; times in ms since the Unix epoch. */
export interface WorkLease {
  readonly takenAt: number
  /** The worker that reported of it last; null until one did. */
  readonly holder: string | null
  readonly heardAt: number | null
}

const MINUTE = 60_000

/**
 * How long nothing may be heard before the work is taken to be lost. A worker reports a step at once when it has got work, and then
 * again after every stage, which may take most of a day; in between its pings say that it lives.
 */
export const LEASE_MS = {
  /** Nobody has ever reported of it: the answer was lost. */
  unreported: 10 * MINUTE,
  /** Its worker used to ping. */
  silent: 60 * MINUTE,
  /** Its worker never pings. */
  withoutPings: 48 * 60 * MINUTE,
} as const

/**
 * Whether work has to be given out again. `lastPing`: of its holder, undefined when it never pinged. `listeningSince`: nothing could be
 * heard before this manager was there.
 */
export function isLost(
  lease: WorkLease,
  lastPing: number | undefined,
  { now, listeningSince }: { now: number; listeningSince: number },
): boolean {
  // What is dated later than now was heard before the clock was set back.
  const silentFor = (heard: number): number => now - (heard > now ? listeningSince : Math.max(heard, listeningSince))
  if (lease.holder === null || lease.heardAt === null) return silentFor(lease.takenAt) >= LEASE_MS.unreported
  if (lastPing === undefined) return silentFor(lease.heardAt) >= LEASE_MS.withoutPings
  return silentFor(Math.max(lease.heardAt, lastPing)) >= LEASE_MS.silent
}
