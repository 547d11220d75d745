import { expect } from 'chai'
import { ensureParameters } from '../../plugins/prover/parameters.js'
import { METHODS } from '../../rpc-schema/actors/actor-methods.js'
import { PreCommitSectorBatch2Params } from '../../rpc-schema/actors/miner-precommit.js'
import { ProveCommitSectors3Params } from '../../rpc-schema/actors/miner-prove-commit.js'
import { Address } from '../../rpc-schema/wire/address.js'
import { commRToCid } from '../../rpc-schema/wire/cid.js'
import { eventually } from '../harness/eventually.js'
import { MANUAL_MINER, ManualYard } from '../harness/manual-yard.js'
import { onEachDatabase, SQLITE, type TestDatabase } from '../harness/on-each-database.js'
import { unsealed } from '../harness/unsealed.js'

const { PreCommitSectorBatch2: PRE_COMMIT, ProveCommitSectors3: PROVE_COMMIT } = METHODS.miner
const LIMIT_MS = 1_800_000

const DATA = Buffer.from('what a client wants to have kept for years\n'.repeat(20))
const PUBLISHED = Buffer.from('what another client has had published on the chain\n'.repeat(15))
/** The message fails when the market refuses its deal. */
const REQUIRED = '[Miners.Sealing]\nRequireNotificationSuccess = true\n'
const DEALS_ONLY = 'sealing.enable_deals = true\nsealing.disable_cc = true\nsealing.seal_interval = "1s"'

const miner = ({ pre = 1, prove = 1, deals = false, aggregate = 'never', more = '' } = {}): string => `[Miners.Sector]
EnableDeals = ${deals}
[Miners.Commitment]
Confidence = 3
[Miners.Commitment.Pre.Batch]
Threshold = ${pre}
CheckInterval = "1s"
[Miners.Commitment.Prove]
Aggregate = "${aggregate}"
[Miners.Commitment.Prove.Batch]
Threshold = ${prove}
CheckInterval = "1s"
${more}`

onEachDatabase('e2e: the ways of sectors through the manager', database => theWays(database, false))
describe('e2e: the ways of sectors through the manager, by the messager', () => theWays(SQLITE, true))

function theWays(database: TestDatabase, messager: boolean): void {
  let ways: ManualYard

  before(async function () {
    this.timeout(LIMIT_MS)
    await ensureParameters({ sectorSize: 2048 })
    ways = await ManualYard.start({ database, messager, minerConfig: miner() })
  })
  after(() => ways?.stop())

  const minerAddress = Address.fromId(MANUAL_MINER)
  const onChain = (number: number) => ways.yard.chain.StateSectorGetInfo(minerAddress, number, [])

  it('a sector without data, alone', async function () {
    this.timeout(LIMIT_MS)
    const worker = await ways.worker('alone', 1)
    await ways.inPool(PRE_COMMIT)
    await ways.advance(30)
    await ways.inPool(PROVE_COMMIT)
    await ways.advance(10)
    const [record] = await ways.finished(1)
    expect((await onChain(1))!.SealedCID.equals(record!.Pre!.CommR)).to.equal(true)
    expect(await ways.landed(PRE_COMMIT, 1)).to.equal(1)
    expect(await ways.landed(PROVE_COMMIT, 1)).to.equal(1)
    expect(ways.persisted('sealed', 's-t01000-1')).to.equal(true)
    await worker.kill('SIGTERM')
  })

  it('a batch of eight, one of which somebody else has spoilt: seven go together', async function () {
    this.timeout(LIMIT_MS)
    await ways.yard.reconfigureManager(miner({ pre: 99, prove: 7 }))
    const worker = await ways.worker('batch', 8)
    const numbers = [2, 3, 4, 5, 6, 7, 8, 9]
    await eventually('eight sectors that wait for their batch', 120_000, async () => {
      const waiting = (await ways.yard.managerApi.ListSectors('online', 0))!.filter(
        ({ MessageInfo }) => MessageInfo.NeedSend,
      )
      return waiting.length === 8 || undefined
    })
    await preCommitElsewhere(5)
    await ways.yard.reconfigureManager(miner({ pre: 8, prove: 7 }))
    await ways.inPool(PRE_COMMIT)
    await ways.advance(30)
    await ways.inPool(PROVE_COMMIT)
    await ways.advance(10)
    const good = numbers.filter(number => number !== 5)
    await ways.finished(...good)
    const [batch] = (await ways.yard.admin.Messages({ Miner: MANUAL_MINER, Method: PROVE_COMMIT })).slice(-1)
    expect([...batch!.Sectors].sort((a, b) => a - b)).to.deep.equal(good)
    for (const number of good) expect(await onChain(number), `sector ${number}`).to.not.equal(null)
    expect(await onChain(5)).to.equal(null)
    await worker.kill('SIGTERM')
  })

  it('four proofs in one aggregate', async function () {
    this.timeout(LIMIT_MS)
    await ways.yard.reconfigureManager(miner({ pre: 4, prove: 4, aggregate: 'always' }))
    const worker = await ways.worker('aggregate', 4)
    await ways.inPool(PRE_COMMIT)
    await ways.advance(30)
    await ways.inPool(PROVE_COMMIT)
    await ways.advance(10)
    const numbers = [10, 11, 12, 13]
    await ways.finished(...numbers)
    const [message] = (await ways.yard.admin.Messages({ Miner: MANUAL_MINER, Method: PROVE_COMMIT })).slice(-1)
    expect([...message!.Sectors].sort((a, b) => a - b)).to.deep.equal(numbers)
    const params = ProveCommitSectors3Params.decode(message!.Message.Params)
    expect(params.SectorProofs).to.deep.equal([])
    expect(params.AggregateProof.length).to.be.greaterThan(1_000)
    for (const number of numbers) expect(await onChain(number), `sector ${number}`).to.not.equal(null)
    await worker.kill('SIGTERM')
  })

  it('a piece of a direct deal is sealed, its allocation claimed, and unsealed as it was', async function () {
    this.timeout(LIMIT_MS)
    await ways.yard.reconfigureManager(miner({ deals: true }))
    const deal = await ways.yard.admin.ImportDeal({ Miner: MANUAL_MINER, Data: DATA })
    const worker = await ways.worker('deals', 1, { sealing: DEALS_ONLY })
    await ways.inPool(PRE_COMMIT)
    await ways.advance(30)
    await ways.inPool(PROVE_COMMIT)
    await ways.advance(10)
    const [record] = await ways.finished(14)
    expect(record!.Pieces!.map(({ Piece }) => `${Piece.PieceCID}`)).to.include(`${deal.PieceCID}`)
    const status = (await ways.yard.admin.Status()).Deals.find(({ AllocationID }) => AllocationID === deal.AllocationID)
    expect(status).to.deep.include({ State: 'active', Sector: 14 })
    expect(Buffer.compare(await unsealed(ways.yard, record!, DATA.length), DATA)).to.equal(0)
    await worker.kill('SIGTERM')
  })

  it('a deal of the built-in market is sealed and active', async function () {
    this.timeout(LIMIT_MS)
    await ways.yard.reconfigureManager(miner({ deals: true, more: REQUIRED }))
    const deal = await ways.yard.admin.ImportDeal({ Miner: MANUAL_MINER, Data: PUBLISHED, Builtin: true })
    const worker = await ways.worker('published', 1, { sealing: DEALS_ONLY })
    await ways.inPool(PRE_COMMIT)
    await ways.advance(30)
    await ways.inPool(PROVE_COMMIT)
    await ways.advance(10)
    const [record] = await ways.finished(15)
    const info = record!.Pieces!.map(({ DealInfo }) => DealInfo).find(found => found?.DealID === deal.DealID)!
    expect(info.IsBuiltinMarket).to.equal(true)
    expect(`${info.PublishCid}`).to.equal(`${deal.PublishCid}`)
    const { Proposal, State } = await ways.yard.chain.StateMarketStorageDeal(deal.DealID, [])
    expect([State.SectorNumber, `${Proposal.PieceCID}`]).to.deep.equal([15, `${deal.PieceCID}`])
    expect(State.SectorStartEpoch).to.equal((await onChain(15))!.Activation)
    await worker.kill('SIGTERM')
  })

  /** What another program with the keys of the miner might do. */
  async function preCommitElsewhere(number: number): Promise<void> {
    const { chain } = ways.yard
    const head = await chain.ChainHead()
    const { Worker } = await chain.StateMinerInfo(minerAddress, [])
    const Params = PreCommitSectorBatch2Params.encode({
      Sectors: [
        {
          SealProof: 5,
          SectorNumber: number,
          SealedCID: commRToCid(new Uint8Array(32).fill(1)),
          SealRandEpoch: head.Height - 900,
          DealIDs: [],
          Expiration: head.Height + 1_500_000,
          UnsealedCid: null,
        },
      ],
    })
    await chain.MpoolPushMessage(
      {
        Version: 0,
        To: minerAddress,
        From: Worker,
        Nonce: 0,
        Value: 10n ** 18n,
        GasLimit: 0,
        GasFeeCap: 0n,
        GasPremium: 0n,
        Method: PRE_COMMIT,
        Params,
      },
      null,
    )
    await ways.advance(2)
  }
}
