import { expect } from 'chai'
import { ON_CHAIN_STATE, SUBMIT_RESULT } from '../../../../rpc-schema/manager/commitment.js'
import { Address } from '../../../../rpc-schema/wire/address.js'
import { eventually } from '../../../harness/eventually.js'
import { utilOf } from '../cli/run-cli.js'
import { ManagerBench, MINER } from '../manager-bench.js'

const { landed } = ON_CHAIN_STATE
const LIMIT_MS = 30_000
const CONFIG = `[Miners.Commitment]
Confidence = 1
[Miners.Commitment.Pre.Batch]
Threshold = 1
CheckInterval = "1s"
`

describe('manager: when money is short', function () {
  this.timeout(90_000)
  let bench: ManagerBench

  beforeEach(async () => {
    bench = await new ManagerBench({ minerConfig: CONFIG }).start()
  })
  afterEach(() => bench.stop())

  const submitted = async () => {
    const { sector, sid, pre } = await bench.sealed()
    expect((await bench.api.SubmitPreCommit(sector, pre, false)).Res).to.equal(SUBMIT_RESULT.accepted)
    return sid
  }
  const height = async (): Promise<number> => (await bench.chain.ChainHead()).Height
  const epochsPass = async (count: number): Promise<void> => {
    const until = (await height()) + count
    await eventually(`epoch ${until}`, LIMIT_MS, async () => ((await height()) >= until ? true : undefined))
  }

  it('fault 11: the base fee rises twenty times (below our fee cap): what can wait waits, and goes when gas is cheap again', async () => {
    await bench.admin.SetBaseFee(200_000_000n)
    await epochsPass(260)
    await bench.admin.SetBaseFee(4_000_000_000n)
    await epochsPass(2)
    const sid = await submitted()
    await epochsPass(30)
    expect((await bench.api.PollPreCommitState(sid)).State).to.equal(ON_CHAIN_STATE.pending)
    expect(await bench.admin.Messages({ Miner: MINER, Method: 28 })).to.deep.equal([])
    expect((await bench.admin.Status()).Pending, 'nothing was pushed').to.equal(0)
    await bench.admin.SetBaseFee(200_000_000n)
    await bench.preCommitState(sid, landed)
    expect(await bench.landed(28, sid)).to.equal(1)
  })

  it('fault 15: the balance runs out: the sector waits, and goes once after a top-up', async () => {
    const { Owner, Worker, ControlAddresses } = await bench.chain.StateMinerInfo(Address.fromId(MINER), [])
    for (const id of new Map([Owner, Worker, ...ControlAddresses].map(one => [one.toString(), one])).values()) {
      const { Balance } = await bench.chain.StateGetActor(id, [])
      const From = await bench.chain.StateAccountKey(id, [])
      const Value = Balance - 10n ** 16n
      if (Value <= 0n) continue
      await bench.chain.MpoolPushMessage(
        {
          Version: 0,
          To: Address.fromId(99),
          From,
          Nonce: 0,
          Value,
          GasLimit: 0,
          GasFeeCap: 0n,
          GasPremium: 0n,
          Method: 0,
          Params: new Uint8Array(),
        },
        null,
      )
      await eventually(`${From} is drained`, LIMIT_MS, async () =>
        (await bench.chain.StateGetActor(id, [])).Balance <= 10n ** 16n ? true : undefined,
      )
    }
    const sid = await submitted()
    await epochsPass(60)
    expect((await bench.api.PollPreCommitState(sid)).State).to.equal(ON_CHAIN_STATE.pending)
    expect(await bench.landed(28, sid)).to.equal(0)
    const metric = async (): Promise<number> => {
      const text = await (await fetch(`http://${bench.manager.address}/metrics`)).text()
      return [...text.matchAll(/alarms\{alarm="\w+"\} (\d)/g)].reduce((sum, [, count]) => sum + Number(count), 0)
    }
    const told = await eventually('the alarm', LIMIT_MS, async () => {
      const { stdout } = await utilOf(bench)('alarms')
      return stdout === 'no alarms\n' ? undefined : stdout
    })
    expect(told).to.match(/ (refused|funds) +pre-commit of miner 1000 +\S/)
    expect(await metric()).to.equal(1)
    await bench.admin.FundAddress(Worker, 10n ** 21n)
    await bench.preCommitState(sid, landed)
    expect((await utilOf(bench)('alarms')).stdout).to.equal('no alarms\n')
    expect(await metric()).to.equal(0)
    expect(await bench.landed(28, sid)).to.equal(1)
  })
})
