import { z } from 'zod'
import { ActorId, SectorNumber } from './numbers.js'

export const SectorID = z.object({ Miner: ActorId, Number: SectorNumber })
export type SectorID = z.infer<typeof SectorID>

/** The name that files, logs and stores know a sector by: `s-t01000-3`. Always with t, on every network. */
export const sectorName = (sector: SectorID): string => `s-t0${sector.Miner}-${sector.Number}`

const NAME = /^s-[tf]0(0|[1-9]\d*)-(0|[1-9]\d*)$/

/** Throws a RangeError for anything else than `s-t0<miner>-<number>`. */
export function parseSectorName(name: string): SectorID {
  const match = NAME.exec(name)
  if (match === null) {
    throw new RangeError(`not a sector name: ${JSON.stringify(name)}, expected s-t0<miner>-<number> as in s-t01000-3`)
  }
  const [Miner, Number_] = [Number(match[1]), Number(match[2])]
  if (!Number.isSafeInteger(Miner) || !Number.isSafeInteger(Number_)) {
    throw new RangeError(`sector name ${JSON.stringify(name)}: number beyond 2^53 − 1`)
  }
  return { Miner, Number: Number_ }
}
