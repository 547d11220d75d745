import { expect } from 'chai'
import { MinerFacts } from '../../../../daemon/manager/chain/miner-facts.js'
import {
  batchFee,
  NEWEST_KNOWN_VERSION,
  NEWEST_RULES,
  networkRules,
  sealProofProblem,
} from '../../../../daemon/manager/chain/network-version.js'
import { METHODS } from '../../../../rpc-schema/actors/actor-methods.js'
import { ON_CHAIN_STATE, SUBMIT_RESULT } from '../../../../rpc-schema/manager/commitment.js'
import { eventually } from '../../../harness/eventually.js'
import { headAt, stubNode } from '../commitment/stub-chain.js'
import { goodProof, ManagerBench, MINER } from '../manager-bench.js'

const { landed } = ON_CHAIN_STATE
const { miner } = METHODS
const PRICE = 5_000_000_000n

describe('manager: what a network version changes', () => {
  const ROWS = [
    { versions: [22, 23, 24], preCommitFee: (PRICE * 16_433_324n * 2n) / 20n, terminationFee: false },
    { versions: [25, 26, 27, 28, 29, 99], preCommitFee: 0n, terminationFee: true },
  ]
  for (const { versions, preCommitFee, terminationFee } of ROWS)
    for (const version of versions)
      it(`${version}: what two pre-commits together cost, what is known of terminations, and the bounds of messages`, () => {
        const rules = networkRules(version)
        expect(batchFee(rules.preCommitFee, 2, 1n)).to.equal(preCommitFee)
        expect(rules.aggregate.fee === undefined).to.equal(preCommitFee === 0n)
        expect(rules.terminationFee !== undefined).to.equal(terminationFee)
        expect(rules.methods).to.deep.equal({
          preCommit: 28,
          proveCommit: 34,
          replicaUpdate: 35,
          terminate: 9,
          extend: 32,
        })
        const { least, most, proofBytes, proof } = rules.aggregate
        expect([least, most, proofBytes, proof]).to.deep.equal([4, 819, 81_960, 1])
        expect([rules.mostPreCommits, rules.partitionsPerPoSt]).to.deep.equal([256, 3])
        expect(rules.addressed).to.deep.equal({ sectors: 25_000, declarations: 3_000 })
        expect(rules.life).to.deep.equal({ least: 518_400, mostAhead: 3_680_640, most: 5_256_000 })
      })

  it('the fee follows the base fee once that is above the least price', () => {
    const { preCommitFee } = networkRules(22)
    expect(batchFee(preCommitFee, 2, 2n * PRICE)).to.equal(2n * batchFee(preCommitFee, 2, PRICE))
  })

  it('proofs for new sectors: V1_1 and its synthetic form, nothing older, nothing that is not interactive', () => {
    for (const number of [5, 8, 9, 10, 13])
      expect(sealProofProblem(NEWEST_RULES, number), `${number}`).to.equal(undefined)
    expect(sealProofProblem(NEWEST_RULES, 3)).to.match(
      /sealed with StackedDrg32GiBV1, .*takes StackedDrg32GiBV1_1 and /,
    )
    expect(sealProofProblem({ ...NEWEST_RULES, syntheticPoRep: false }, 10)).to.match(/must be sealed anew/)
    expect(sealProofProblem(NEWEST_RULES, 15)).to.be.a('string')
  })

  it('is asked again at every head, told once, and newer ones are warned of once', async () => {
    let [height, version, asked] = [1, 24, 0]
    const node = stubNode({
      StateNetworkVersion: async () => {
        asked += 1
        return version
      },
    })
    const told: string[] = []
    const tell = (_: object, text: string): void => void told.push(text)
    const heads = {
      get last() {
        return headAt(height)
      },
    }
    const facts = new MinerFacts(node, heads as never, { info: tell, warn: tell } as never)
    const fee = async () => (await facts.rules()).preCommitFee !== undefined
    expect([await fee(), await fee(), asked]).to.deep.equal([true, true, 1])
    version = NEWEST_KNOWN_VERSION + 1
    expect([await fee(), asked], 'the same head, the same rules').to.deep.equal([true, 1])
    for (height = 2; height < 6; height++) expect(await fee()).to.equal(false)
    expect(told).to.deep.equal([
      'the network was upgraded',
      `network version 29 is newer than this program knows: served by the rules of ${NEWEST_KNOWN_VERSION}`,
    ])
  })
})

const batches = (threshold: number, more = ''): string => `[Miners.Commitment]
Confidence = 1
[Miners.Commitment.Pre]
SendFund = true
[Miners.Commitment.Pre.Batch]
Threshold = ${threshold}
MaxWait = "24h"
CheckInterval = "1s"
[Miners.Commitment.Prove]
SendFund = true
${more}
[Miners.Commitment.Prove.Batch]
Threshold = ${threshold}
MaxWait = "24h"
CheckInterval = "1s"
`

describe('manager: an upgrade of the network', function () {
  this.timeout(60_000)
  let bench: ManagerBench

  afterEach(() => bench.stop())

  const upgrade = async (Version: number): Promise<void> => {
    const { Height } = await bench.admin.Status()
    await bench.admin.UpgradeNetwork({ Version, Epoch: Height + 20 })
    await eventually(`version ${Version}`, 10_000, async () => {
      const version = await bench.chain.StateNetworkVersion([])
      return version === Version ? true : undefined
    })
  }
  const begin = async (networkVersion: number, threshold: number, more = ''): Promise<void> => {
    bench = await new ManagerBench({ devnet: { networkVersion }, minerConfig: batches(threshold, more) }).start()
  }
  const submit = async (count: number) => {
    const all = []
    for (let left = count; left > 0; left--) {
      const one = await bench.sealed()
      expect((await bench.api.SubmitPreCommit(one.sector, one.pre, false)).Res).to.equal(SUBMIT_RESULT.accepted)
      all.push(one.sid)
    }
    return all
  }
  const prove = async (sids: Awaited<ReturnType<typeof submit>>): Promise<void> => {
    for (const sid of sids) {
      await bench.seed(sid, 5)
      expect((await bench.api.SubmitProof(sid, { Proof: goodProof(sid.Number) }, false)).Res).to.equal(
        SUBMIT_RESULT.accepted,
      )
    }
    for (const sid of sids) await bench.proofState(sid, landed)
  }
  /** Every message of a method that was put on the chain, and how much it carried. */
  const sent = async (method: number) => {
    const found = []
    for (const { Cid, Sectors, Receipt } of await bench.admin.Messages({ Miner: MINER, Method: method }))
      found.push({ Sectors, ExitCode: Receipt?.ExitCode, ...(await bench.chain.ChainGetMessage(Cid)) })
    return found
  }

  it('between PC2 and the pre-commit', async () => {
    await begin(24, 1)
    const { sector, sid, pre } = await bench.sealed()
    await upgrade(28)
    expect((await bench.api.SubmitPreCommit(sector, pre, false)).Res).to.equal(SUBMIT_RESULT.accepted)
    await bench.preCommitState(sid, landed)
    await prove([sid])
    expect((await sent(miner.ProveCommitSectors3)).map(({ ExitCode }) => ExitCode)).to.deep.equal([0])
  })

  it('between the pre-commit and the prove-commit, to a version that is newer than this program', async () => {
    await begin(28, 1)
    const sids = await submit(1)
    await bench.preCommitState(sids[0]!, landed)
    await upgrade(30)
    await prove(sids)
    expect((await sent(miner.ProveCommitSectors3)).map(({ ExitCode }) => ExitCode)).to.deep.equal([0])
  })

  it('in the middle of a waiting batch: it goes by the rules of the day on which it goes', async () => {
    await begin(24, 2)
    const two = await submit(2)
    for (const sid of two) await bench.preCommitState(sid, landed)
    const third = await submit(1)
    await upgrade(25)
    for (const sid of [...third, ...(await submit(1))]) await bench.preCommitState(sid, landed)
    const [before, after] = await sent(miner.PreCommitSectorBatch2)
    expect([before!.ExitCode, after!.ExitCode]).to.deep.equal([0, 0])
    expect(before!.Sectors).to.have.length(2)
    expect(after!.Sectors).to.have.length(2)
    const fee = batchFee(networkRules(24).preCommitFee, 2, 1n)
    expect(before!.Value >= fee, 'with the fee of the batch').to.equal(true)
    expect(after!.Value < fee, 'without it').to.equal(true)
  })

  it('to one on which nothing can be sealed: nothing is sent, and everything goes on with the next', async () => {
    await begin(21, 1)
    expect(await bench.api.AllocateSector({ AllowedMiners: [], AllowedProofTypes: [] })).to.equal(null)
    await upgrade(22)
    const sids = await submit(1)
    await bench.preCommitState(sids[0]!, landed)
  })
})
