import type { sealerCliMethods } from '../../../rpc-schema/manager/sealer-cli.js'
import type { storeCareMethods } from '../../../rpc-schema/manager/store-care.js'
import type { Handlers } from '../../../rpc-schema/rpc/method.js'
import type { Rooms } from './rooms.js'

/** What is in the stores, and whether it can be proven. */
export function storageApi({ provable, removal, simulate }: Rooms) {
  return {
    CheckProvable: (miner, postProofType, sectors, strict, stateCheck) =>
      provable.check(miner, postProofType, sectors, { strict, stateCheck }),
    SimulateWdPoSt: (deadline, partition, miner, postProof, sectors, randomness) =>
      simulate === undefined
        ? provable.simulate(miner, postProof, sectors, randomness)
        : simulate({ deadline, partition, miner, postProof, sectors, randomness }),
    ProvingSectorInfo: sid => provable.sectorInfo(sid),
    RemoveSector: sid => removal.remove(sid),
  } satisfies Partial<Handlers<typeof sealerCliMethods>>
}

/** The `Sealyard.*` methods about stores. */
export function storeCareApi({ stores, removal, scrub }: Rooms): Handlers<typeof storeCareMethods> {
  return {
    PreviewRemoval: async sid => {
      const { paths, whyNot = null, done } = await removal.preview(sid)
      return { Paths: paths.map(({ store, path }) => ({ Store: store, Path: path })), WhyNot: whyNot, Done: done }
    },
    RemoveSectorFiles: (sid, forced) => removal.remove(sid, forced),
    ScrubReport: async () => {
      const { roundBegunAt, looked, total, last, lookedAt, findings } = await scrub.state()
      return {
        PeriodMs: scrub.periodMs,
        RoundBegunAt: roundBegunAt,
        Looked: looked,
        Total: total,
        Last: last,
        LookedAt: lookedAt,
        Findings: findings.map(({ sid, why, since, seenAt }) => ({
          Sector: sid,
          Why: why,
          Since: since,
          SeenAt: seenAt,
        })),
      }
    },
    ScrubSector: async sid => {
      const look = await scrub.lookAt(sid)
      return { Result: look.is, Why: 'why' in look ? look.why : '' }
    },
    StoreConditions: () => stores.conditions(),
    AcceptStore: name => stores.get(name).identity.accept(),
  }
}
