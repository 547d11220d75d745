import { expect } from 'chai'
import type { Knex } from 'knex'
import { openDatabase } from '../../../../../daemon/kit/database.js'
import { silentLog } from '../../../../../daemon/kit/log.js'
import { NEWEST_RULES } from '../../../../../daemon/manager/chain/network-version.js'
import { BaseFeeWatch } from '../../../../../daemon/manager/commitment/base-fee-watch.js'
import { QueueRepository } from '../../../../../daemon/manager/commitment/queue-repository.js'
import type { Sending } from '../../../../../daemon/manager/commitment/sending.js'
import { Terminator } from '../../../../../daemon/manager/commitment/termination/terminator.js'
import { MinerSettings } from '../../../../../daemon/manager/config/miner-settings.js'
import { SectorBook } from '../../../../../daemon/manager/sectors/sector-book.js'
import { managerMigrations } from '../../../../../migrations/manager/index.js'
import { TerminateSectorsParams } from '../../../../../rpc-schema/actors/miner-sectors.js'
import { SUBMIT_RESULT } from '../../../../../rpc-schema/manager/commitment.js'
import { RpcError } from '../../../../../rpc-schema/rpc/error.js'
import { eventually } from '../../../../harness/eventually.js'
import { onEachDatabase } from '../../../../harness/on-each-database.js'
import { fastClock } from '../../manager-bench.js'
import { FakeChain } from '../fake-chain.js'
import { onChainPreCommit } from '../stub-chain.js'

const MINER = 1000
const sid = (number: number) => ({ Miner: MINER, Number: number })

onEachDatabase('manager: terminations', database => {
  let db: Knex
  let book: SectorBook
  let chain: FakeChain
  let sending: Sending
  let terminator: Terminator

  const setup = (threshold = 1) => ({
    ...MinerSettings.parse({
      Actor: MINER,
      Commitment: {
        Confidence: 5,
        Terminate: { Batch: { Threshold: threshold, MaxWait: '24h', CheckInterval: '20ms' } },
      },
    }),
    Actor: MINER,
  })

  const begin = async (threshold = 1, more: Parameters<FakeChain['node']>[0] = {}): Promise<void> => {
    sending = chain.sending(db)
    terminator = new Terminator({
      miners: new Map([[MINER, setup(threshold) as never]]),
      book,
      node: chain.node(more),
      sending,
      queue: new QueueRepository(db),
      heads: chain.heads,
      facts: { rules: async () => NEWEST_RULES },
      baseFees: new BaseFeeWatch(chain.node()),
      clock: fastClock(50),
      log: silentLog,
    })
    await sending.desk.start()
    terminator.start()
  }
  const end = async (): Promise<void> => {
    await terminator.stop()
    await sending.desk.stop()
  }

  beforeEach(async () => {
    const clock = fastClock(1)
    db = await openDatabase({ dsn: await database.fresh(), migrations: managerMigrations })
    book = new SectorBook(db, clock)
    chain = new FakeChain()
    for (const number of [1, 2, 3]) chain.sectors.set(number, { at: [20, 0] })
  })
  afterEach(async () => {
    await end()
    await db.destroy()
  })

  /** So many messages are at the carrier, and the desk knows it. */
  const sent = (count: number) =>
    eventually(`${count} messages`, 5_000, async () => {
      const open = await sending.messages.inState('intended')
      return chain.carrier.pushed.length >= count && open.length === 0 ? chain.carrier.pushed : undefined
    })
  const state = (number: number, test: (info: Awaited<ReturnType<Terminator['poll']>>) => boolean) =>
    eventually(`the state of ${number}`, 5_000, async () => {
      const info = await terminator.poll(sid(number))
      return test(info) ? info : undefined
    })
  const events = async (number: number): Promise<string[]> =>
    (await book.history(sid(number))).map(({ event }) => event)
  const refusal = (work: Promise<unknown>): Promise<string> =>
    work.then(
      () => 'taken',
      (error: Error) => error.message,
    )

  it('go in one message once there are enough, each sector to its partition, and count when they are deep enough', async () => {
    chain.sectors.set(4, { at: [22, 1] })
    await begin(2)
    expect(await terminator.submit(sid(1))).to.deep.equal({ Res: SUBMIT_RESULT.accepted, Desc: null })
    expect(await terminator.poll(sid(1))).to.deep.equal({ TerminateCid: null, TerminatedAt: 0, AddedHeight: 100 })
    expect(await terminator.submit(sid(1))).to.deep.equal({
      Res: SUBMIT_RESULT.duplicateSubmit,
      Desc: 'duplicate submit',
    })
    expect(chain.carrier.pushed).to.deep.equal([])
    await terminator.submit(sid(4))
    const [message] = await sent(1)
    const { Terminations } = TerminateSectorsParams.decode(message!.params)
    expect(message).to.deep.include({ kind: 'terminate', method: 9, value: 0n, sectors: [1, 4] })
    expect(
      Terminations.map(({ Deadline, Partition, Sectors }) => [Deadline, Partition, Sectors.toArray()]),
    ).to.deep.equal([
      [20, 0, [1]],
      [22, 1, [4]],
    ])
    expect((await state(1, info => info.TerminateCid !== null)).TerminateCid?.toString()).to.equal(message!.cid)
    expect((await terminator.submit(sid(1))).Res).to.equal(SUBMIT_RESULT.duplicateSubmit)
    chain.carrier.land(message!.cid, 103)
    chain.moveTo(105)
    await eventually('landed', 5_000, async () => ((await events(1)).includes('terminate landed') ? true : undefined))
    expect((await terminator.poll(sid(1))).TerminatedAt).to.equal(0)
    chain.moveTo(108)
    expect((await state(1, info => info.TerminatedAt > 0)).TerminatedAt).to.equal(103)
    expect(chain.carrier.pushed).to.have.length(1)
    expect((await book.find(sid(1)))!.store, 'a record was made where there was none').to.equal('offline')
  })

  it('of sectors in a deadline that is being proven wait, and are not forgotten', async () => {
    chain.sectors.set(4, { at: [2, 0] })
    await begin()
    await terminator.submit(sid(4))
    await terminator.submit(sid(1))
    expect((await sent(1))[0]!.sectors).to.deep.equal([1])
    await end()
    await begin()
    chain.moveTo(181)
    expect((await sent(2))[1]!.sectors).to.deep.equal([4])
  })

  it('are taken once: a restart goes on with what was asked for', async () => {
    await begin(2)
    await terminator.submit(sid(1))
    await end()
    await begin(2)
    expect((await terminator.submit(sid(1))).Res).to.equal(SUBMIT_RESULT.duplicateSubmit)
    await terminator.submit(sid(2))
    expect((await sent(1))[0]!.sectors).to.deep.equal([1, 2])
  })

  it('of what cannot be ended are refused with the reason', async () => {
    await begin(1, { StateMinerSectorAllocated: async (_, number) => number === 7 })
    expect(await refusal(terminator.submit(sid(7)))).to.equal('already terminated')
    expect(await refusal(terminator.submit(sid(8)))).to.match(/not on the chain/)
    expect(await refusal(terminator.submit({ Miner: 2000, Number: 1 }))).to.match(
      /config for miner actor 2000 not found/,
    )
    expect(await refusal(terminator.poll(sid(7)))).to.equal('key not found')
  })

  it('of a sector that is only pre-committed are refused', async () => {
    await begin(1, { StateSectorPreCommitInfo: async () => onChainPreCommit() })
    expect(await refusal(terminator.submit(sid(9)))).to.equal(
      'sector was precommitted but not proven, remove instead of terminating',
    )
  })

  for (const { what, fate, event } of [
    {
      what: 'fails on the chain',
      fate: (cid: string) => chain.carrier.land(cid, 103, 20),
      event: 'ErrIllegalState(20)',
    },
    {
      what: 'is given up by its carrier',
      fate: (cid: string) => chain.carrier.giveUp(cid, 'nonce used'),
      event: 'nonce used',
    },
  ])
    it(`whose message ${what} may be asked for again, and the history says why`, async () => {
      await begin()
      await terminator.submit(sid(1))
      const [message] = await sent(1)
      fate(message!.cid)
      chain.moveTo(108)
      await state(1, info => info.AddedHeight === 0 && info.TerminateCid === null)
      const last = (await book.history(sid(1))).at(-1)
      expect(last).to.include({ event: 'terminate failed', detail: event })
      expect((await terminator.submit(sid(1))).Res).to.equal(SUBMIT_RESULT.accepted)
      await sent(2)
    })

  it('that a reorg takes back after they counted wait again, and are not sent twice', async () => {
    await begin()
    await terminator.submit(sid(1))
    const [message] = await sent(1)
    chain.carrier.land(message!.cid, 103)
    chain.moveTo(108)
    await state(1, info => info.TerminatedAt === 103)
    chain.carrier.takeBack(message!.cid)
    chain.moveTo(109, 101)
    await state(1, info => info.TerminatedAt === 0 && info.TerminateCid !== null)
    expect((await terminator.submit(sid(1))).Res).to.equal(SUBMIT_RESULT.duplicateSubmit)
    chain.carrier.land(message!.cid, 110)
    chain.moveTo(116)
    await state(1, info => info.TerminatedAt === 110)
    expect(chain.carrier.pushed).to.have.length(1)
  })

  it('with one sector that the chain would refuse go without it', async () => {
    chain.refuse = params =>
      TerminateSectorsParams.decode(params).Terminations.some(({ Sectors }) => Sectors.has(2)) ? 16 : undefined
    await begin(3)
    for (const number of [1, 2, 3]) await terminator.submit(sid(number))
    await sent(2)
    expect(chain.carrier.pushed.flatMap(({ sectors }) => sectors)).to.deep.equal([1, 3])
    await state(2, info => info.AddedHeight === 0)
    expect((await book.history(sid(2))).at(-1)!.detail).to.match(/the chain would refuse it: ErrIllegalArgument/)
  })

  it('that lack funds wait', async () => {
    let funds = false
    chain.refuse = () => (funds ? undefined : 6)
    await begin()
    await terminator.submit(sid(1))
    await eventually('tried', 5_000, async () => (chain.calls > 1 ? true : undefined))
    expect(chain.carrier.pushed).to.deep.equal([])
    funds = true
    await sent(1)
  })

  it('of sectors that the chain has ended meanwhile are given up', async () => {
    await begin(2)
    await terminator.submit(sid(1))
    chain.sectors.delete(1)
    await terminator.submit(sid(2))
    await state(1, info => info.AddedHeight === 0)
    expect((await book.history(sid(1))).at(-1)).to.include({
      event: 'terminate failed',
      detail: 'the chain has ended it already',
    })
    expect((await sent(1))[0]!.sectors).to.deep.equal([2])
  })

  it('that the node refuses are sent later, once', async () => {
    chain.carrier.failures.push(new RpcError(-32601, 'method not found'))
    await begin()
    await terminator.submit(sid(1))
    expect((await sent(1))[0]!.sectors).to.deep.equal([1])
  })
})
