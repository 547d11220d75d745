import { expect } from 'chai'
import type { SealClaim } from '../../../../../daemon/manager/commitment/seal-verifier.js'
import { ProveCommitSectors3Params } from '../../../../../rpc-schema/actors/miner-prove-commit.js'
import { ON_CHAIN_STATE, SUBMIT_RESULT } from '../../../../../rpc-schema/manager/commitment.js'
import { onEachDatabase } from '../../../../harness/on-each-database.js'
import { goodProof, ManagerBench } from '../../manager-bench.js'

const { landed } = ON_CHAIN_STATE

const batches = (threshold: number): string => `[Miners.Commitment]
Confidence = 1
[Miners.Commitment.Pre.Batch]
Threshold = ${threshold}
[Miners.Commitment.Prove]
Aggregate = "auto"
[Miners.Commitment.Prove.Batch]
Threshold = ${threshold}
MaxWait = "24h"
CheckInterval = "1s"
`

onEachDatabase('manager: aggregates', database => {
  let bench: ManagerBench
  let claims: (readonly SealClaim[])[]
  /** What the aggregator makes: the chain of these tests takes what does not begin with 0. */
  let proof: Uint8Array

  beforeEach(() => {
    claims = []
    proof = new Uint8Array(500).fill(9)
  })
  afterEach(() => bench.stop())

  const begin = async (threshold: number, more: ConstructorParameters<typeof ManagerBench>[0] = {}): Promise<void> => {
    bench = await new ManagerBench({
      database: await database.fresh(),
      minerConfig: batches(threshold),
      aggregator: {
        problem: async () => undefined,
        aggregate: async of => {
          claims.push(of)
          return proof
        },
      },
      ...more,
    }).start()
  }

  const proven = async (count: number, proofOf = (index: number): Uint8Array => goodProof(index)) => {
    const all = []
    for (let left = count; left > 0; left--) {
      const one = await bench.sealed()
      expect((await bench.api.SubmitPreCommit(one.sector, one.pre, false)).Res).to.equal(SUBMIT_RESULT.accepted)
      all.push(one)
    }
    for (const { sid } of all) await bench.preCommitState(sid, landed)
    for (const { sid } of all) await bench.seed(sid, 5)
    for (const [index, { sid }] of all.entries())
      expect((await bench.api.SubmitProof(sid, { Proof: proofOf(index) }, false)).Res).to.equal(SUBMIT_RESULT.accepted)
    return all.map(({ sid }) => sid)
  }

  /** What was sent to the chain to prove sectors. */
  const sent = async () => {
    const found = []
    for (const { Cid, Sectors } of await bench.admin.Messages({ Miner: 1000, Method: 34 })) {
      const { Params } = await bench.chain.ChainGetMessage(Cid)
      found.push({ Sectors, ...ProveCommitSectors3Params.decode(Params!) })
    }
    return found
  }

  it('of four sectors: one message with one proof over everything that the proofs are about', async () => {
    await begin(4)
    const sids = await proven(4)
    for (const sid of sids) await bench.proofState(sid, landed)
    const [message, ...others] = await sent()
    expect(others).to.deep.equal([])
    expect(message).to.deep.include({ SectorProofs: [], AggregateProof: proof, AggregateProofType: 1 })
    expect(claims[0]!.map(({ sector }) => sector.Number)).to.deep.equal(message!.Sectors)
    expect(claims[0]!.map(claim => claim.proof[0])).to.deep.equal([1, 2, 3, 4])
    expect(claims).to.have.length(1)
  })

  it('of a batch that shrinks below four: each sector has its own proof', async () => {
    await begin(4, { chainRefuses: 77 })
    const sids = await proven(4, index => (index === 1 ? new Uint8Array(192).fill(77) : goodProof(index)))
    await bench.proofState(sids[0]!, landed)
    const [message] = await sent()
    expect(message!.SectorProofs).to.have.length(3)
    expect(message).to.deep.include({ AggregateProof: new Uint8Array(), AggregateProofType: null })
    expect(claims).to.deep.equal([])
  })

  it('without the parameters for it, and when it cannot be made: each sector has its own proof', async () => {
    await begin(4, { aggregator: { problem: async () => 'the parameters of aggregation are missing' } })
    const sids = await proven(4)
    for (const sid of sids) await bench.proofState(sid, landed)
    expect((await sent()).map(({ SectorProofs }) => SectorProofs.length)).to.deep.equal([4])
  })

  it('that the chain would refuse are not sent: each sector has its own proof', async () => {
    await begin(4, { chainRefusesAggregates: true })
    const sids = await proven(4)
    for (const sid of sids) await bench.proofState(sid, landed)
    expect(claims).to.have.length(1)
    expect((await sent()).map(({ SectorProofs }) => SectorProofs.length)).to.deep.equal([4])
  })
})
