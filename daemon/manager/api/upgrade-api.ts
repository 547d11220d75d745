import type { sealerMethods } from '../../../rpc-schema/manager/sealer.js'
import type { sealerCliMethods } from '../../../rpc-schema/manager/sealer-cli.js'
import type { Handlers } from '../../../rpc-schema/rpc/method.js'
import type { Rooms } from './rooms.js'

/** The methods for sectors that are proven already: upgraded, rebuilt and unsealed. */
export function upgradeApi({ snapUp, rebuilds, unseals, unsealDesk, files }: Rooms) {
  const persisted = async (
    ...[sid, instance, isUpgrade]: Parameters<typeof files.submitPersisted>
  ): Promise<boolean> => {
    const found = await files.submitPersisted(sid, instance, isUpgrade)
    if (found) await rebuilds.persisted(sid)
    return found
  }
  return {
    SubmitPersisted: (sid, instance) => persisted(sid, instance, false),
    SubmitPersistedEx: persisted,
    AllocateSanpUpSector: spec => snapUp.allocation.allocate(spec),
    SubmitSnapUpProof: (sid, info) => snapUp.snapup.submit(sid, info),
    SnapUpPreFetch: (miner, deadline) => snapUp.candidates.fetch(miner, deadline),
    SnapUpCandidates: miner => snapUp.candidates.list(miner),
    SnapUpCancelCommitment: sid => snapUp.jobs.cancel(sid),
    SectorSetForRebuild: (sid, options) => rebuilds.set(sid, options),
    AllocateRebuildSector: spec => rebuilds.allocate(spec),
    AllocateUnsealSector: spec => unseals.allocate(spec),
    AcquireUnsealDest: (sid, pieceCid) => unseals.acquireDest(sid, pieceCid),
    AchieveUnsealSector: (sid, pieceCid, error) => unseals.achieve(sid, pieceCid, error),
    UnsealPiece: (sid, pieceCid, offset, size, dest, { signal }) =>
      unsealDesk.unsealPiece({ sid, pieceCid, offset, size, dest }, signal),
  } satisfies Partial<Handlers<typeof sealerMethods & typeof sealerCliMethods>>
}
