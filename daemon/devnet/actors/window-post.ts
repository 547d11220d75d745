import { type PoStPartition, SubmitWindowedPoStParams } from '../../../rpc-schema/actors/miner-post.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import { bytesEqual } from '../../../rpc-schema/wire/bytes.js'
import { address } from '../../../rpc-schema/wire/cbor.js'
import { cidToCommR } from '../../../rpc-schema/wire/cid.js'
import { type DeadlineInfo, isOpen, lastEpoch } from '../../../rpc-schema/wire/deadline.js'
import { DomainSeparationTag } from '../../../rpc-schema/wire/randomness.js'
import { POLICY } from '../chain/policy.js'
import { type MinerRecord, miners, sectors } from '../state/records.js'
import { type TrustedPost, trustedPosts } from '../state/trusted-posts.js'
import { decodeParams, illegalArgument, illegalState } from '../vm/abort.js'
import type { Call, Machine } from '../vm/machine.js'
import { loadPartition } from './addressed-partitions.js'
import { proven, withFaults } from './partition.js'
import { checkCaller } from './precommit.js'
import { currentDeadline } from './proving-period.js'
import { deadlineOf, endOfSector, putDeadline, putPartition } from './proving-set.js'

/** Length of the proof of one partition, of every kind. */
const PARTITION_PROOF_BYTES = 192

/**
 * Method 5: proves partitions of the open deadline. A network takes a proof without recovering sectors on trust, and lets others dispute it; here that
 * is the choice of who makes the chain (`trustsPosts`), and every proof is verified at once otherwise.
 */
export async function submitWindowedPoSt(machine: Machine, call: Call): Promise<Uint8Array> {
  const params = decodeParams(SubmitWindowedPoStParams, call.params)
  const { draft, to, from } = call
  const miner = miners.get(draft, to)!
  checkCaller(miner, from)
  const proof = onlyProof(params, miner.windowPoStProof)
  const deadline = currentDeadline(miner, machine.epoch, machine.deadlines)
  await checkTime(machine, params, deadline)
  checkPartitions(params.Partitions, deadlineOf(draft, to, deadline.Index).posted)

  const { shown, recovers } = recordProven(machine, call, deadline, params.Partitions)
  const post: TrustedPost = {
    challenge: deadline.Challenge,
    last: lastEpoch(deadline),
    partitions: params.Partitions.map(({ Index }) => Index),
    replicas: shown.toArray().map(number => ({ number, sealedCid: sectors.get(draft, to, number)!.sealedCid })),
    proof,
  }
  if (machine.trustsPosts && !recovers) {
    const { open, closed } = trustedPosts.get(draft, to, deadline.Index)
    trustedPosts.put(draft, { open: [...open, post], closed }, to, deadline.Index)
  } else if (!(await isRightPost(machine, miner, to, post)))
    throw illegalArgument('invalid post: window post verification failed')
  return new Uint8Array()
}

/** Whether a proof shows what it is about. */
export async function isRightPost(
  { randomness, verifier }: Pick<Machine, 'randomness' | 'verifier'>,
  { windowPoStProof }: MinerRecord,
  miner: number,
  { challenge, replicas, proof }: TrustedPost,
): Promise<boolean> {
  const tag = DomainSeparationTag.WindowedPoStChallengeSeed
  return verifier.verifyWindowPost({
    postProof: windowPoStProof,
    miner,
    randomness: await randomness.fromBeacon(tag, challenge, address.encode(Address.fromId(miner))),
    sectors: replicas.map(({ number, sealedCid }) => ({ number, commR: cidToCommR(sealedCid) })),
    proof,
  })
}

function onlyProof({ Proofs, Partitions }: SubmitWindowedPoStParams, expected: number): Uint8Array {
  if (Proofs.length !== 1) throw illegalArgument(`expected exactly one proof, got ${Proofs.length}`)
  const [{ PoStProof, ProofBytes }] = Proofs as [SubmitWindowedPoStParams['Proofs'][number]]
  if (PoStProof !== expected)
    throw illegalArgument(`expected proof of type ${expected}, got proof of type ${PoStProof}`)
  const most = PARTITION_PROOF_BYTES * Partitions.length
  if (ProofBytes.length > most) {
    throw illegalArgument(`expected proof to be smaller than ${most} bytes, got ${ProofBytes.length}`)
  }
  return ProofBytes
}

/** The deadline is open, and the message belongs to this fork and to this window. */
async function checkTime(
  { epoch, randomness }: Machine,
  { Deadline, ChainCommitEpoch, ChainCommitRand }: SubmitWindowedPoStParams,
  deadline: DeadlineInfo,
): Promise<void> {
  if (!isOpen(deadline)) throw illegalState(`proving period ${deadline.PeriodStart} not yet open at ${epoch}`)
  if (Deadline !== deadline.Index) {
    throw illegalArgument(`invalid deadline ${Deadline} at epoch ${epoch}, expected ${deadline.Index}`)
  }
  if (ChainCommitEpoch < deadline.Challenge) {
    throw illegalArgument(`expected chain commit epoch ${ChainCommitEpoch} to be after ${deadline.Challenge}`)
  }
  if (ChainCommitEpoch >= epoch) {
    throw illegalArgument(`chain commit epoch ${ChainCommitEpoch} must be less than the current epoch ${epoch}`)
  }
  const drawn = await randomness.fromTickets(DomainSeparationTag.PoStChainCommit, ChainCommitEpoch, new Uint8Array())
  if (!bytesEqual(drawn, ChainCommitRand)) throw illegalArgument('post commit randomness mismatched')
}

function checkPartitions(named: readonly PoStPartition[], posted: Bitfield): void {
  if (named.length > POLICY.maxPoStPartitions) {
    throw illegalArgument(`too many partitions ${named.length}, limit ${POLICY.maxPoStPartitions}`)
  }
  const indices = Bitfield.of(named.map(({ Index }) => Index))
  if (indices.count !== named.length) throw illegalArgument('duplicate partitions proven')
  const again = indices.intersect(posted)
  if (!again.isEmpty) throw illegalArgument(`partition already proven: ${again.toArray().join(', ')}`)
}

/** Marks these partitions as proven; tells the sectors that the proof must be about, and whether faulty ones come back by it. */
function recordProven(
  machine: Machine,
  { draft, to, ...call }: Call,
  deadline: DeadlineInfo,
  named: readonly PoStPartition[],
): { shown: Bitfield; recovers: boolean } {
  const index = deadline.Index
  const faultsEnd = lastEpoch(deadline) + POLICY.faultMaxPeriods * machine.deadlines.WPoStProvingPeriod
  const endOf = endOfSector(draft, to, machine.deadlines)
  let shown = Bitfield.EMPTY
  let recovers = false
  for (const { Index, Skipped } of named) {
    const partition = loadPartition({ draft, to, ...call }, index, Index)
    if (!Skipped.subtract(partition.sectors).isEmpty) {
      throw illegalArgument('skipped faults contains sectors outside partition')
    }
    const rest = withFaults(partition, Skipped, faultsEnd)
    recovers ||= !rest.recovering.isEmpty
    const next = proven(rest, endOf)
    shown = shown.union(next.sectors.subtract(next.faulty).subtract(next.terminated))
    putPartition(draft, to, index, Index, next)
  }
  if (shown.isEmpty) throw illegalArgument('cannot prove partitions with no active sectors')
  const { posted } = deadlineOf(draft, to, index)
  putDeadline(draft, to, index, { posted: posted.union(Bitfield.of(named.map(({ Index }) => Index))) })
  return { shown, recovers }
}
