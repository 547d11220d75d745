import type { sealerMethods } from '../../../rpc-schema/manager/sealer.js'
import type { Handlers } from '../../../rpc-schema/rpc/method.js'
import type { Rooms } from './rooms.js'

/** The methods that a worker calls on a sector's way from its number to its proof. */
export function sealerApi(rooms: Rooms) {
  const { allocation, committer, life, stores, sealRandomness, workers, metrics } = rooms
  return {
    AllocateSector: async spec => {
      const allocated = await allocation.allocate(spec)
      if (allocated) metrics.sectorAllocated(allocated.ID.Miner)
      return allocated
    },
    AcquireDeals: (sid, spec) => allocation.acquireDeals(sid, spec),
    AssignTicket: sid => sealRandomness.assignTicket(sid),
    SubmitPreCommit: (sector, info, hardReset) => committer.submitPreCommit(sector, info, hardReset),
    PollPreCommitState: sid => committer.pollPreCommit(sid),
    WaitSeed: (sid, proofType) => sealRandomness.waitSeed(sid, proofType),
    SubmitProof: (sid, info, hardReset) => committer.submitProof(sid, info, hardReset),
    PollProofState: sid => committer.pollProof(sid),
    ReportState: (sid, report) => life.report(sid, report),
    ReportFinalized: sid => life.reportFinalized(sid),
    ReportAborted: (sid, reason) => life.reportAborted(sid, reason),
    WorkerPing: info => workers.ping(info),
    StoreReserveSpace: async (sid, size, candidates) => {
      await rooms.book.online(sid)
      return stores.reserve(sid, size, candidates)
    },
    StoreBasicInfo: instance => stores.basicInfo(instance),
  } satisfies Partial<Handlers<typeof sealerMethods>>
}
