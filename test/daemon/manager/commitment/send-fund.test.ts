import { expect } from 'chai'
import { METHODS } from '../../../../rpc-schema/actors/actor-methods.js'
import { ON_CHAIN_STATE } from '../../../../rpc-schema/manager/commitment.js'
import { Address } from '../../../../rpc-schema/wire/address.js'
import { eventually } from '../../../harness/eventually.js'
import { goodProof, ManagerBench, MINER } from '../manager-bench.js'

const { PreCommitSectorBatch2: PRE_COMMIT, ProveCommitSectors3: PROVE_COMMIT } = METHODS.miner
const { landed } = ON_CHAIN_STATE
const LIMIT_MS = 30_000
const miner = Address.fromId(MINER)

const config = (sendFund: boolean): string => `[Miners.Commitment]
Confidence = 1
[Miners.Commitment.Pre]
SendFund = ${sendFund}
[Miners.Commitment.Pre.Batch]
Threshold = 2
CheckInterval = "1s"
[Miners.Commitment.Prove]
SendFund = ${sendFund}
[Miners.Commitment.Prove.Batch]
Threshold = 2
CheckInterval = "1s"
`

describe('manager: funds for a miner that has none', function () {
  this.timeout(60_000)
  let bench: ManagerBench
  afterEach(() => bench.stop())

  const begin = async (sendFund: boolean): Promise<void> => {
    bench = await new ManagerBench({ devnet: { minerBalance: 0n }, minerConfig: config(sendFund) }).start()
  }
  const submitted = async () => {
    const all = [await bench.sealed(), await bench.sealed()]
    for (const { sector, pre } of all) await bench.api.SubmitPreCommit(sector, pre, false)
    return all
  }
  const valueSent = async (Method: number): Promise<bigint> => {
    const [message] = await bench.admin.Messages({ Miner: MINER, Method })
    return message!.Message.Value
  }

  it('with SendFund deposits and pledges go along, as the chain asks for them', async () => {
    await begin(true)
    const all = await submitted()
    for (const { sid } of all) await bench.preCommitState(sid, landed)
    const infos = await Promise.all(all.map(({ sid }) => bench.chain.StateSectorPreCommitInfo(miner, sid.Number, [])))
    const deposits = infos.reduce((sum, info) => sum + info!.PreCommitDeposit, 0n)
    expect(deposits > 0n).to.equal(true)
    expect((await valueSent(PRE_COMMIT)) >= deposits).to.equal(true)

    for (const { sid, sector } of all) await bench.seed(sid, sector.ProofType)
    for (const { sid } of all) await bench.api.SubmitProof(sid, { Proof: goodProof(sid.Number) }, false)
    for (const { sid } of all) await bench.proofState(sid, landed)
    const sectors = await Promise.all(all.map(({ sid }) => bench.chain.StateSectorGetInfo(miner, sid.Number, [])))
    const pledges = sectors.reduce((sum, sector) => sum + sector!.InitialPledge, 0n)
    expect((await valueSent(PROVE_COMMIT)) >= pledges - deposits).to.equal(true)
    expect((await bench.chain.StateMinerAvailableBalance(miner, [])) >= 0n).to.equal(true)
  })

  it('without it nothing is sent that the miner cannot pay for, and somebody is told', async () => {
    await begin(false)
    const all = await submitted()
    const [alarm] = await eventually('an alarm', LIMIT_MS, async () => {
      const text = await (await fetch(`http://${bench.manager.address}/metrics`)).text()
      const raised = [...text.matchAll(/alarms\{alarm="(funds|refused)"\} 1/g)].map(([, kind]) => kind)
      return raised.length > 0 ? raised : undefined
    })
    expect(alarm).to.be.oneOf(['funds', 'refused'])
    expect(await bench.admin.Messages({ Miner: MINER, Method: PRE_COMMIT })).to.deep.equal([])
    for (const { sid } of all) expect((await bench.api.PollPreCommitState(sid)).State).to.equal(ON_CHAIN_STATE.pending)
  })
})
