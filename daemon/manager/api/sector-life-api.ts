import type { sectorLifeMethods } from '../../../rpc-schema/manager/sector-life.js'
import type { Handlers } from '../../../rpc-schema/rpc/method.js'
import type { Rooms } from './rooms.js'

/** The end and the extension of sectors. */
export function sectorLifeApi({ miners, terminator, extender, expired }: Rooms) {
  const chosen = (miner: number | null): number => {
    const known = [...miners.keys()]
    if (miner !== null) return miner
    if (known.length === 1) return known[0]!
    throw new Error(`miner: expected one of ${known.join(', ') || 'none that is configured'}, found none`)
  }
  return {
    PreviewTermination: sid => terminator.preview(sid),
    ExpiringSectors: (miner, cutoff) => extender.expiring(chosen(miner), cutoff),
    ExpiredSectors: (miner, epoch) => expired.of(chosen(miner), epoch),
    PlanExtension: (miner, options) => extender.plan(chosen(miner), options),
    ExtendSectors: (miner, options) => extender.extend(chosen(miner), options),
  } satisfies Handlers<typeof sectorLifeMethods>
}
