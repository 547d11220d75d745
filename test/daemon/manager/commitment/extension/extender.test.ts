import { expect } from 'chai'
import type { Knex } from 'knex'
import { z } from 'zod'
import { openDatabase } from '../../../../../daemon/kit/database.js'
import { silentLog } from '../../../../../daemon/kit/log.js'
import { networkRules } from '../../../../../daemon/manager/chain/network-version.js'
import { Extender } from '../../../../../daemon/manager/commitment/extension/extender.js'
import { extensionEffects } from '../../../../../daemon/manager/commitment/extension/extension-effects.js'
import type { Sending } from '../../../../../daemon/manager/commitment/sending.js'
import { MinerSettings } from '../../../../../daemon/manager/config/miner-settings.js'
import { SectorBook } from '../../../../../daemon/manager/sectors/sector-book.js'
import { managerMigrations } from '../../../../../migrations/manager/index.js'
import { ExtendSectorExpiration2Params } from '../../../../../rpc-schema/actors/miner-sectors.js'
import { ExtensionOptions } from '../../../../../rpc-schema/manager/sector-life.js'
import { RpcError, RpcTransportError } from '../../../../../rpc-schema/rpc/error.js'
import { Bitfield } from '../../../../../rpc-schema/wire/bitfield.js'
import { onEachDatabase } from '../../../../harness/on-each-database.js'
import { fastClock } from '../../manager-bench.js'
import { FakeChain } from '../fake-chain.js'

const DAY = 2_880
const MINER = 1000

onEachDatabase('manager: extensions', database => {
  let db: Knex
  let chain: FakeChain
  let extender: Extender
  let book: SectorBook
  let sending: Sending

  beforeEach(async () => {
    db = await openDatabase({ dsn: await database.fresh(), migrations: managerMigrations })
    chain = new FakeChain()
    book = new SectorBook(db, fastClock(1))
    sending = chain.sending(db)
    chain.moveTo(100_000)
    for (const number of [1, 2, 3])
      chain.sectors.set(number, { at: [number, 0], Expiration: 100_000 + number * 10 * DAY })
    extender = new Extender({
      miners: new Map([[MINER, { ...MinerSettings.parse({ Actor: MINER }), Actor: MINER } as never]]),
      book,
      node: chain.node({ StateGetClaims: async () => ({}) }),
      sending,
      heads: chain.heads,
      facts: { rules: async () => networkRules(28) } as never,
      log: silentLog,
    })
  })
  afterEach(() => db.destroy())

  const options = (change: Partial<ExtensionOptions> = {}): ExtensionOptions => ({
    ...z.decode(ExtensionOptions, {} as never),
    Extension: 540 * DAY,
    Tolerance: 7 * DAY,
    ...change,
  })
  const sent = () => chain.carrier.pushed.map(({ params }) => ExtendSectorExpiration2Params.decode(params).Extensions)

  it('of what expires within 32 days, or of the sectors that are named', async () => {
    const plan = await extender.plan(MINER, options({ To: 100_000 + 25 * DAY }))
    expect(plan.Messages.map(message => message.map(one => [one.Deadline, one.Sectors.toArray()]))).to.deep.equal([
      [
        [1, [1]],
        [2, [2]],
      ],
    ])
    const named = await extender.plan(MINER, options({ Numbers: Bitfield.of([2, 3, 9]), Exclude: Bitfield.of([2]) }))
    expect(named.Messages.flat().map(one => one.Sectors.toArray())).to.deep.equal([[3]])
    expect(named.LeftOut).to.deep.equal([{ Number: 9, Reason: 'it is not active: unproven, faulty, ended or unknown' }])
    expect(chain.carrier.pushed, 'a plan sends nothing').to.deep.equal([])
  })

  it('are sent by method 32 with the fee that was allowed; what is on its way is not sent again', async () => {
    const { Sent } = await extender.extend(MINER, options({ Numbers: Bitfield.of([1, 2]), MaxFee: 77n }))
    expect(Sent.map(one => [one.Sectors.toArray(), one.Error])).to.deep.equal([[[1, 2], '']])
    const [message] = chain.carrier.pushed
    expect(message).to.deep.include({ kind: 'extend', method: 32, value: 0n, cid: Sent[0]!.Cid })
    expect(message!.fees.maxFee).to.equal(77n)
    expect(sent()[0]!.map(one => [one.Deadline, one.NewExpiration])).to.deep.equal([
      [1, 100_000 + 550 * DAY],
      [2, 100_000 + 560 * DAY],
    ])
    const again = await extender.extend(MINER, options({ Numbers: Bitfield.of([1, 3]) }))
    expect(again.Plan.LeftOut).to.deep.equal([{ Number: 1, Reason: 'a message that extends it is on its way' }])
    expect(chain.carrier.pushed.map(({ sectors }) => sectors)).to.deep.equal([[1, 2], [3]])
  })

  it('in messages of so many sectors', async () => {
    await extender.extend(MINER, options({ Numbers: Bitfield.of([1, 2, 3]), MaxSectors: 2 }))
    expect(chain.carrier.pushed.map(({ sectors }) => sectors)).to.deep.equal([[1, 2], [3]])
  })

  it('go without the sector that the chain would refuse', async () => {
    chain.refuse = params =>
      ExtendSectorExpiration2Params.decode(params).Extensions.some(({ Sectors }) => Sectors.has(2)) ? 18 : undefined
    const { Sent } = await extender.extend(MINER, options({ Numbers: Bitfield.of([1, 2, 3]) }))
    expect(chain.carrier.pushed.flatMap(({ sectors }) => sectors)).to.deep.equal([1, 3])
    expect(Sent.find(({ Sectors }) => Sectors.has(2))!.Error).to.match(/ErrForbidden\(18\)/)
  })

  it('that the node does not take, or does not answer, are told', async () => {
    chain.carrier.failures.push(new RpcError(-32601, 'no such method'))
    const refused = await extender.extend(MINER, options({ Numbers: Bitfield.of([1]) }))
    expect(refused.Sent).to.deep.include({ Sectors: Bitfield.of([1]), Cid: null, Error: 'no such method' })
    chain.carrier.failures.push(new RpcTransportError('ws://x', 'cut'))
    const open = await extender.extend(MINER, options({ Numbers: Bitfield.of([1]) }))
    expect(open.Sent[0]!.Error).to.match(/the node has not answered/)
    const again = await extender.plan(MINER, options({ Numbers: Bitfield.of([1]) }))
    expect(again.LeftOut[0]!.Reason).to.match(/on its way/)
  })

  it('stand in the history of each sector: sent, and what became of it when that counts', async () => {
    const events = async () =>
      (await book.history({ Miner: MINER, Number: 1 })).map(({ actor, event }) => `${actor}: ${event}`)
    await extender.extend(MINER, options({ Numbers: Bitfield.of([1, 2]) }))
    expect(await events()).to.deep.equal(['operator: extension sent'])
    const [place] = await sending.messages.inState('pushed')
    const message = { ...(await sending.messages.find(place!.id))!, cid: 'bafy', height: 100_001, sectors: [1, 2] }
    const receipt = (ExitCode: number) => ({ ExitCode, Return: null, GasUsed: 1, EventsRoot: null })
    const effects = extensionEffects(book)
    await db.transaction(trx => effects.settled!({ ...message, receipt: receipt(0) }, trx))
    await db.transaction(trx => effects.settled!({ ...message, receipt: receipt(16) }, trx))
    await db.transaction(trx => effects.dropped!(message, 'replaced', trx))
    const history = await book.history({ Miner: MINER, Number: 2 })
    expect(history.map(({ event, detail }) => `${event}: ${detail}`).slice(1)).to.have.members([
      'extended: bafy at height 100001',
      'extension failed: ErrIllegalArgument(16), bafy at height 100001',
      'extension failed: replaced',
    ])
  })

  it('sectors near their end are listed, the nearest first', async () => {
    const { Sectors } = await extender.expiring(MINER, 25 * DAY)
    expect(Sectors.map(one => [one.Number, one.Expiration])).to.deep.equal([
      [1, 100_000 + 10 * DAY],
      [2, 100_000 + 20 * DAY],
    ])
    expect(Sectors[0]).to.include({ MaxExpiration: 1_825 * DAY, MaxExtendNow: 100_000 + 1_278 * DAY })
  })
})
