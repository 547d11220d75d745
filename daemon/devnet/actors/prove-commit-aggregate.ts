import { EXIT_CODES } from '../../../rpc-schema/actors/exit-codes.js'
import { ProveCommitAggregateParams } from '../../../rpc-schema/actors/miner-prove-commit.js'
import { miners } from '../state/records.js'
import { decodeParams, illegalArgument } from '../vm/abort.js'
import type { Call, Machine } from '../vm/machine.js'
import { activateSectors } from './activation.js'
import { payBatchFee } from './batch-fee.js'
import { checkCaller } from './precommit.js'
import { checkAggregate, checkAggregateProof, loadPreCommits, proveInputs } from './prove-inputs.js'

/**
 * Method 26: proves several sectors with one aggregated proof. It knows nothing of pieces: what was pre-committed as the data of a
 * sector counts as neither verified nor unverified space. Sectors that are too late are left out silently.
 */
export async function proveCommitAggregate(machine: Machine, call: Call): Promise<Uint8Array> {
  checkCaller(miners.get(call.draft, call.to)!, call.from)
  const { SectorNumbers, AggregateProof } = decodeParams(ProveCommitAggregateParams, call.params)
  if (SectorNumbers.isEmpty) throw illegalArgument('no sectors')
  checkAggregate(AggregateProof, SectorNumbers.count)
  const found = loadPreCommits(call, SectorNumbers.toArray())
  const { codes, seals } = await proveInputs(machine, call.to, found, false)
  await checkAggregateProof(machine, call.to, found[0]!.sealProof, seals, AggregateProof)
  const valid = found.filter((_, at) => codes[at] === EXIT_CODES.Ok)
  if (valid.length === 0) throw illegalArgument('no valid precommits specified')
  activateSectors(
    machine,
    call,
    valid.map(preCommit => ({ preCommit, verifiedBytes: 0, unverifiedBytes: 0 })),
  )
  payBatchFee(machine, call, 'gasPerProveCommit', valid.length)
  return new Uint8Array()
}
