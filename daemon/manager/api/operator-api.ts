import type { minerMethods } from '../../../rpc-schema/manager/miner.js'
import type { randomnessMethods } from '../../../rpc-schema/manager/randomness.js'
import type { sealerCliMethods } from '../../../rpc-schema/manager/sealer-cli.js'
import type { Handlers } from '../../../rpc-schema/rpc/method.js'
import { keyNotFound, recordStore } from '../sectors/sector-record.js'
import type { Rooms } from './rooms.js'

/** The methods behind the command line. */
export function operatorApi(rooms: Rooms) {
  const { book, life, stores, files, workers, committer, terminator, version } = rooms
  return {
    FindSector: (store, sid) => book.inStore(store, sid),
    ImportSector: (store, record, override) =>
      record !== null && book.import(record, recordStore(store), override, { actor: 'operator', event: 'imported' }),
    FindSectorInAllStates: async sid => {
      const found = await book.find(sid)
      if (found === undefined) throw keyNotFound()
      return found.record
    },
    RestoreSector: (sid, forced) => life.restore(sid, forced),
    FinalizeSector: sid => life.finalize(sid, () => committer.isProven(sid)),
    TerminateSector: sid => terminator.submit(sid),
    PollTerminateSectorState: sid => terminator.poll(sid),
    WorkerGetPingInfo: name => workers.find(name),
    WorkerPingInfoList: () => workers.list(),
    WorkerPingInfoRemove: name => workers.remove(name),
    SectorIndexerFind: (kind, sid) => files.find(kind, sid),
    StoreReleaseReserved: sid => stores.release(sid),
    StoreList: () => stores.list(),
    Version: () => version,
  } satisfies Partial<Handlers<typeof sealerCliMethods>>
}

/** What the chain says, as the manager reads it. */
export function chainApi({ randomness, facts, miners }: Rooms) {
  const synthetic = (miner: number): boolean => miners.get(miner)?.Sealing.UseSyntheticPoRep ?? false
  return {
    GetTicket: (tsk, epoch, miner) => randomness.ticket(miner, epoch, tsk),
    GetSeed: (tsk, epoch, miner) => randomness.seed(miner, epoch, tsk),
    GetWindowPoStChanlleengeRand: (tsk, epoch, miner) => randomness.windowPoStChallenge(miner, epoch, tsk),
    GetWindowPoStCommitRand: (tsk, epoch) => randomness.windowPoStCommit(epoch, tsk),
    GetInfo: miner => facts.describe(miner, synthetic(miner)),
    GetMinerConfig: miner => {
      const setup = miners.get(miner)
      if (setup === undefined) throw new Error(`config for miner actor ${miner} not found`)
      return setup
    },
  } satisfies Handlers<typeof randomnessMethods & typeof minerMethods>
}
