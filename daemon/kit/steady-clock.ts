import type { Clock } from './clock.js'

/** What the time of day was when a clock's steady one was first asked for, less its monotonic time then. */
const BASES = new WeakMap<Clock, number>()

/**
 * The clock whose time of day nobody can set: it began with that of `clock` and goes on as time passes. For pauses and limits that are written down as
 * moments; records are dated with the clock itself. All that ask for the steady one of the same clock get the same time.
 */
export function steadyClock(clock: Clock): Clock {
  const base = BASES.get(clock) ?? clock.now() - clock.monotonic()
  BASES.set(clock, base)
  return {
    now: () => Math.round(base + clock.monotonic()),
    monotonic: () => clock.monotonic(),
    sleep: (ms, signal) => clock.sleep(ms, signal),
  }
}
