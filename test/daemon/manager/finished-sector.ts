import { ON_CHAIN_STATE } from '../../../rpc-schema/manager/commitment.js'
import type { SectorState } from '../../../rpc-schema/manager/sector-state.js'
import { goodProof, type ManagerBench, PIECE_COMMITMENT } from './manager-bench.js'

/** A sector that is on the chain, its files in the store, its record offline. With `deals` it holds what the market offers. */
export async function finishedSector(bench: ManagerBench, { deals = false } = {}): Promise<SectorState> {
  const { api } = bench
  const { sector, sid, pre } = await bench.sealed()
  if (deals && !(await api.AcquireDeals(sid, { MaxDeals: null, MinUsedSpace: null }))?.length)
    throw new Error('the market has no deals')
  await api.SubmitPreCommit(sector, deals ? { ...pre, CommD: PIECE_COMMITMENT } : pre, false)
  await bench.preCommitState(sid, ON_CHAIN_STATE.landed)
  bench.writeFiles(sid, sector.ProofType)
  if (!(await api.SubmitPersistedEx(sid, 'persist', false))) throw new Error('files not found')
  await bench.seed(sid, sector.ProofType)
  await api.SubmitProof(sid, { Proof: goodProof(sid.Number) }, false)
  await bench.proofState(sid, ON_CHAIN_STATE.landed)
  await api.ReportFinalized(sid)
  return (await api.FindSector('offline', sid))!
}

/** A report of a step, as a worker sends it. */
export const stepReport = (worker: string, next = 'Allocated') => ({
  Worker: { Instance: worker, Location: '/s' },
  StateChange: { Prev: 'Empty', Next: next, Event: 'None' },
  Failure: null,
})

export const ANY_SECTOR = { AllowedMiners: [], AllowedProofTypes: [] }
