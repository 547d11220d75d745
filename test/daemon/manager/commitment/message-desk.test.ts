import { expect } from 'chai'
import type { Knex } from 'knex'
import { openDatabase } from '../../../../daemon/kit/database.js'
import { silentLog } from '../../../../daemon/kit/log.js'
import { Alarms } from '../../../../daemon/manager/alarms/alarms.js'
import type { ChainApi } from '../../../../daemon/manager/chain/chain-node.js'
import type { ChainMessage } from '../../../../daemon/manager/commitment/chain-message.js'
import { MempoolCarrier } from '../../../../daemon/manager/commitment/mempool-carrier.js'
import { MessageDesk } from '../../../../daemon/manager/commitment/message-desk.js'
import type { MessageEffects } from '../../../../daemon/manager/commitment/message-effects.js'
import { MessageRepository } from '../../../../daemon/manager/commitment/message-repository.js'
import { managerMigrations } from '../../../../migrations/manager/index.js'
import { BatchReturn, batchReturn } from '../../../../rpc-schema/actors/batch-return.js'
import { RpcError, RpcTransportError } from '../../../../rpc-schema/rpc/error.js'
import { Address } from '../../../../rpc-schema/wire/address.js'
import { type SignedMessage, SignedMessageCbor, signedMessageCid } from '../../../../rpc-schema/wire/message.js'
import { onEachDatabase } from '../../../harness/on-each-database.js'
import { fastClock } from '../manager-bench.js'
import { headAt, stubNode } from './stub-chain.js'

const signed: SignedMessage = {
  Message: {
    Version: 0,
    To: Address.fromId(1000),
    From: Address.parse('f1abjxfbp274xpdqcpuaykwkfb43omjotacm2p3za'),
    Nonce: 7,
    Value: 1n,
    GasLimit: 1,
    GasFeeCap: 1n,
    GasPremium: 1n,
    Method: 34,
    Params: new Uint8Array([1, 2]),
  },
  Signature: { Type: 1, Data: new Uint8Array(65) },
}
const cid = signedMessageCid(signed).toString()

onEachDatabase('manager: a message on its way', database => {
  let db: Knex
  let messages: MessageRepository
  let id: number

  beforeEach(async () => {
    alarms = new Alarms(fastClock(1))
    db = await openDatabase({ dsn: await database.fresh(), migrations: managerMigrations })
    messages = new MessageRepository(db)
    const intent = {
      kind: 'prove' as const,
      miner: 1000,
      uuid: 'u',
      carrier: 'mempool' as const,
      sender: 'f01001',
      receiver: 'f01000',
      method: 34,
      value: 1n,
      params: signed.Message.Params,
      intentEpoch: 90,
      sectors: [5, 6],
    }
    id = await db.transaction(trx => messages.insert(intent, 0, trx))
    await messages.update(id, { state: 'pushed', cid, signed: SignedMessageCbor.encode(signed), pushedEpoch: 100 }, 0)
  })
  afterEach(() => db.destroy())

  let alarms: Alarms
  const deskAt = (height: number, api: Partial<ChainApi>, effects: Partial<MessageEffects> = {}): MessageDesk => {
    const desk = new MessageDesk({
      carriers: [new MempoolCarrier(stubNode(api), cid => messages.isKnown(cid))],
      carrier: 'mempool',
      heads: { last: headAt(height) } as never,
      messages,
      transaction: work => db.transaction(work),
      clock: fastClock(1),
      alarms,
      log: silentLog,
    })
    desk.register('prove', { confidence: () => 5, ...effects })
    return desk
  }
  const check = async (height: number, api: Partial<ChainApi>): Promise<ChainMessage> =>
    deskAt(height, api).check((await messages.find(id))!, headAt(height))
  const unknown: Partial<ChainApi> = { StateSearchMsg: () => Promise.reject(new RpcError(1, 'could not find it')) }
  const nowhere: Partial<ChainApi> = { ...unknown, MpoolPending: async () => [] }

  it('is left alone for a while', async () => {
    expect((await check(119, unknown)).state).to.equal('pushed')
  })

  it('is looked for in the pool when it stays away, and left there', async () => {
    const found = await check(120, { ...unknown, MpoolPending: async () => [signed] })
    expect(found).to.include({ state: 'pushed', pushedEpoch: 120 })
  })

  it('that waits for a nonce that nobody has is told of', async () => {
    const carrier = new MempoolCarrier(
      stubNode({
        MpoolPending: async () => [{ ...signed, Message: { ...signed.Message, Nonce: 5 } }, signed],
        StateGetActor: async () => ({ Nonce: 5 }) as never,
      }),
      async () => false,
    )
    const message = { ...(await messages.find(id))!, ...(await messages.contents(id)) }
    const answer = await carrier.remind(message, headAt(120))
    expect(answer.kind).to.equal('known')
    expect(answer.kind === 'known' && answer.problem).to.match(/with the nonce 6, which the pool does not have/)
  })

  it('that waits for a nonce that nobody has stands as an alarm until it is settled', async () => {
    const gap: Partial<ChainApi> = {
      ...unknown,
      MpoolPending: async () => [{ ...signed, Message: { ...signed.Message, Nonce: 5 } }, signed],
      StateGetActor: async () => ({ Nonce: 5 }) as never,
    }
    await check(120, gap)
    expect((await alarms.list()).map(({ kind, subject }) => [kind, subject])).to.deep.equal([['stuck', cid]])
    const Receipt = { ExitCode: 0, Return: null, GasUsed: 1, EventsRoot: null }
    const Message = signedMessageCid(signed)
    await check(141, { StateSearchMsg: async () => ({ Message, Receipt, TipSet: [], Height: 130, ReturnDec: null }) })
    expect(await alarms.list()).to.deep.equal([])
  })

  it('is given to the node again when that has forgotten it: the same one', async () => {
    const pushed: SignedMessage[] = []
    const MpoolPush: ChainApi['MpoolPush'] = async message => {
      pushed.push(message)
      return signedMessageCid(message)
    }
    const found = await check(120, { ...nowhere, MpoolPush })
    expect(found).to.include({ state: 'pushed', pushedEpoch: 120, cid })
    expect(pushed.map(message => signedMessageCid(message).toString())).to.deep.equal([cid])
  })

  const notTaken: Partial<ChainApi> = {
    ...nowhere,
    MpoolPush: () => Promise.reject(new RpcError(1, 'message nonce too low')),
  }
  const withNonce = (Nonce: number): Partial<ChainApi> => ({ StateGetActor: async () => ({ Nonce }) as never })
  const inBlocks = (...found: SignedMessage[]): Partial<ChainApi> => ({
    ChainGetBlockMessages: async () => ({
      BlsMessages: [],
      SecpkMessages: found,
      Cids: found.map(one => signedMessageCid(one)),
    }),
  })

  it('is dropped when the node does not take it any more and something else has landed in its place', async () => {
    expect(await check(120, { ...notTaken, ...withNonce(8), ...inBlocks() })).to.include({
      state: 'dropped',
      error: 'message nonce too low',
    })
  })

  it('is not dropped as long as its nonce is free', async () => {
    expect(await check(120, { ...notTaken, ...withNonce(7) })).to.include({ state: 'pushed', cid })
  })

  it('is not dropped when it is in the blocks', async () => {
    expect(await check(120, { ...notTaken, ...withNonce(8), ...inBlocks(signed) })).to.include({ state: 'pushed', cid })
  })

  it('is followed under its new CID when it was sent again with another fee', async () => {
    const dearer = { ...signed, Message: { ...signed.Message, GasPremium: 9n } }
    await check(120, { ...notTaken, ...withNonce(7) })
    expect((await alarms.list()).map(({ kind, subject }) => [kind, subject])).to.deep.equal([['stuck', cid]])
    const found = await check(140, { ...notTaken, ...withNonce(8), ...inBlocks(dearer) })
    expect(found).to.include({ state: 'pushed', cid: signedMessageCid(dearer).toString() })
    expect(await alarms.list(), 'under its old CID').to.deep.equal([])
  })

  it('stays as it is when the node cannot be reached', async () => {
    const StateSearchMsg = () => Promise.reject(new RpcTransportError('ws://x', 'no answer'))
    expect(await check(120, { StateSearchMsg }).catch((error: Error) => error.message)).to.equal('no answer')
    expect((await messages.find(id))!.state).to.equal('pushed')
  })

  for (const { code, outcome, state } of [
    { code: 1, outcome: 'undecided', state: 'intended' },
    { code: -32603, outcome: 'undecided', state: 'intended' },
    { code: -32601, outcome: 'refused', state: 'refused' },
  ])
    it(`an error with code ${code} leaves it ${state}, with the reason`, async () => {
      const fees: bigint[] = []
      const MpoolPushMessage: ChainApi['MpoolPushMessage'] = (_, spec) => {
        fees.push(spec!.MaxFee)
        return Promise.reject(new RpcError(code, 'not now'))
      }
      const outgoing = {
        kind: 'pre' as const,
        miner: 1000,
        sender: Address.fromId(1001),
        method: 28,
        params: new Uint8Array(1),
        value: 0n,
        fees: { gasFeeCap: 5n, gasOverEstimation: 1.2, gasOverPremium: 0 },
        sectors: [9],
      }
      const sent = await deskAt(100, { MpoolPushMessage }).send(outgoing, headAt(100), async () => {})
      expect(sent.result).to.equal(outcome)
      expect(await messages.latestOf({ Miner: 1000, Number: 9 }, 'pre')).to.include({ state, error: 'not now' })
      expect(fees, 'the cap for the whole limit').to.deep.equal([6_000_000n])
    })

  it('once landed, tells how each sector fared', async () => {
    const Receipt = { ExitCode: 0, Return: BatchReturn.encode(batchReturn([0, 16])), GasUsed: 9, EventsRoot: null }
    const StateSearchMsg = async () =>
      ({ Message: signedMessageCid(signed), Receipt, ReturnDec: null, TipSet: [], Height: 110 }) as never
    const found = await check(112, { StateSearchMsg })
    expect(found).to.deep.include({ state: 'landed', height: 110, sectors: [5, 6], sectorCodes: [0, 16] })
    expect(found.receipt).to.deep.equal(Receipt)
    expect((await messages.latestOf({ Miner: 1000, Number: 6 }, 'prove'))!.id).to.equal(id)
  })

  it('once landed, is not taken for gone because of an error of the node', async () => {
    await messages.update(id, { state: 'landed', height: 110 }, 0)
    expect(await check(112, unknown).catch((error: Error) => error.message)).to.equal('could not find it')
    expect((await messages.find(id))!.state).to.equal('landed')
    expect((await check(113, { StateSearchMsg: async () => null })).state).to.equal('pushed')
  })

  describe('and its owner', () => {
    const told: string[] = []
    const tell = (what: string) => async (message: ChainMessage) => void told.push(`${what} ${message.state}`)
    const effects: Partial<MessageEffects> = {
      pushed: tell('pushed'),
      landed: tell('landed'),
      reverted: tell('reverted'),
      settled: tell('settled'),
      dropped: async (message, why) => void told.push(`dropped ${message.state}: ${why}`),
    }
    const onChainAt = (Height: number): Partial<ChainApi> => ({
      StateSearchMsg: async () => {
        const Receipt = { ExitCode: 0, Return: null, GasUsed: 9, EventsRoot: null }
        return { Message: signedMessageCid(signed), Receipt, ReturnDec: null, TipSet: [], Height } as never
      },
    })
    const checkAs = async (height: number, api: Partial<ChainApi>): Promise<ChainMessage> =>
      deskAt(height, api, effects).check((await messages.find(id))!, headAt(height))
    beforeEach(() => void told.splice(0))

    it('who is told once that it landed, and once that it is deep enough', async () => {
      expect((await checkAs(112, onChainAt(110))).settled).to.equal(false)
      expect((await checkAs(114, onChainAt(110))).settled).to.equal(false)
      expect((await checkAs(115, onChainAt(110))).settled).to.equal(true)
      await checkAs(116, onChainAt(110))
      expect(told).to.deep.equal(['landed landed', 'settled landed'])
      expect(await messages.unsettled()).to.deep.equal([])
    })

    it('who is told when a reorg takes it back, however deep it was, and when it lands again', async () => {
      await checkAs(115, onChainAt(110))
      expect(await checkAs(116, { StateSearchMsg: async () => null })).to.include({ state: 'pushed', settled: false })
      await checkAs(130, onChainAt(117))
      expect(told.slice(2)).to.deep.equal(['reverted pushed', 'landed landed', 'settled landed'])
    })

    it('who is told when it is given up; when he fails, nothing is written', async () => {
      const gone = { ...notTaken, ...withNonce(8), ...inBlocks() }
      const failing = deskAt(120, gone, { dropped: () => Promise.reject(new Error('disk full')) })
      const outcome = failing.check((await messages.find(id))!, headAt(120))
      expect(await outcome.catch((error: Error) => error.message)).to.equal('disk full')
      expect((await messages.find(id))!.state).to.equal('pushed')
      await checkAs(120, gone)
      expect(told).to.deep.equal(['dropped dropped: message nonce too low'])
    })

    it('one that is final is not looked for at the node again', async () => {
      await messages.update(id, { state: 'landed', height: 110 }, 0)
      expect((await checkAs(1_200, {})).settled).to.equal(true)
    })
  })

  it('without sectors, under a key of its own: is sent once however often it is asked for', async () => {
    let pushes = 0
    const MpoolPushMessage: ChainApi['MpoolPushMessage'] = async message => {
      pushes += 1
      return { ...signed, Message: { ...message, Nonce: 9 } }
    }
    const outgoing = {
      kind: 'operator' as const,
      miner: 0,
      receiver: Address.fromId(1001),
      sender: Address.fromId(1002),
      method: 0,
      params: new Uint8Array(),
      value: 5n,
      fees: { gasFeeCap: 5n, gasOverEstimation: 1.2, gasOverPremium: 0 },
      sectors: [],
      uuid: 'withdraw-1',
    }
    const desk = deskAt(100, { MpoolPushMessage })
    const first = await desk.send(outgoing, headAt(100))
    expect(first.result).to.equal('pushed')
    expect(await deskAt(101, { MpoolPushMessage }).send(outgoing, headAt(101))).to.deep.include({
      result: 'known',
      id: first.id,
    })
    expect(pushes).to.equal(1)
    expect(await messages.find(first.id)).to.deep.include({ receiver: 'f01001', miner: 0, sectors: [], value: 5n })
  })
})
