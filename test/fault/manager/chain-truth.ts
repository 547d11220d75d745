import { expect } from 'chai'
import { METHODS } from '../../../rpc-schema/actors/actor-methods.js'
import { PreCommitSectorBatch2Params } from '../../../rpc-schema/actors/miner-precommit.js'
import type { LandedMessage } from '../../../rpc-schema/devnet/index.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { type ManagerBench, MINER } from '../../daemon/manager/manager-bench.js'
import { eventually } from '../../harness/eventually.js'

export const PRE_COMMIT = METHODS.miner.PreCommitSectorBatch2
export const PROVE_COMMIT = METHODS.miner.ProveCommitSectors3
export const TERMINATE = METHODS.miner.TerminateSectors
export const PROVE_UPDATES = METHODS.miner.ProveReplicaUpdates3

const LIMIT_MS = 20_000
const MINER_ADDRESS = Address.fromId(MINER)
const succeeded = ({ Receipt }: LandedMessage): boolean => Receipt === null || Receipt.ExitCode === 0

/** Every message about the miner on the present fork. */
export const messagesOf = (bench: ManagerBench, method?: number): Promise<LandedMessage[]> =>
  bench.admin.Messages({ Miner: MINER, ...(method !== undefined && { Method: method }) })

/**
 * What must hold whatever went wrong, as the chain tells it: no number and no CommR twice among pre-commits (I1, I2), nothing done twice or sent
 * twice for nothing (I6: every failed message must be one that the test knows of), and nothing left behind in the pool.
 */
export async function expectOnceEach(bench: ManagerBench, failures = 0): Promise<void> {
  const messages = await messagesOf(bench)
  const commRs = new Map<number, Set<string>>()
  for (const { Method, Message } of messages) {
    if (Method !== PRE_COMMIT) continue
    for (const { SectorNumber, SealedCID } of PreCommitSectorBatch2Params.decode(Message.Params).Sectors)
      commRs.set(SectorNumber, (commRs.get(SectorNumber) ?? new Set()).add(SealedCID.toString()))
  }
  for (const [number, of] of commRs) expect(of.size, `different CommRs for sector ${number}`).to.equal(1)
  for (const method of [PRE_COMMIT, PROVE_COMMIT, TERMINATE, PROVE_UPDATES]) {
    const numbers = messages.filter(one => one.Method === method && succeeded(one)).flatMap(({ Sectors }) => Sectors)
    expect(numbers.length, `sectors of method ${method}: ${numbers}`).to.equal(new Set(numbers).size)
  }
  const failed = messages.filter(one => !succeeded(one))
  expect(
    failed.length,
    `failed: ${failed.map(({ Method, Sectors, Receipt }) => `${Method}/${Sectors}: ${Receipt?.ExitCode}`)}`,
  ).to.be.at.most(failures)
  expect((await bench.admin.Status()).Pending, 'messages left in the pool').to.equal(0)
}

/** So many messages wait in the pool of the node. */
export const pooled = (bench: ManagerBench, count = 1): Promise<true> =>
  eventually(`${count} messages in the pool`, LIMIT_MS, async () =>
    (await bench.admin.Status()).Pending >= count ? true : undefined,
  )

/** The CommR of a sector on the chain, once it is proven. */
export const sealedCid = async (bench: ManagerBench, number: number): Promise<string | undefined> =>
  (await bench.chain.StateSectorGetInfo(MINER_ADDRESS, number, []))?.SealedCID.toString()

/** Moves a chain that stands still, a few epochs at a time, until there is something to see. */
export const advanceUntil = <T>(
  bench: ManagerBench,
  what: string,
  look: () => Promise<T | undefined>,
  step = 2,
): Promise<T> =>
  eventually(what, LIMIT_MS, async () => {
    const seen = await look()
    if (seen === undefined) await bench.admin.Advance(step)
    return seen
  })

/** The state of a sector's pre-commit or proof, on a chain that stands still by itself. */
export const reaches = (
  bench: ManagerBench,
  kind: 'pre' | 'prove',
  sid: { Miner: number; Number: number },
  ...states: readonly number[]
): Promise<number> =>
  advanceUntil(bench, `${kind} of ${sid.Number} in state ${states}`, async () => {
    const { State } = await (kind === 'pre' ? bench.api.PollPreCommitState(sid) : bench.api.PollProofState(sid))
    return states.includes(State) ? State : undefined
  })
