import { expect } from 'chai'
import type { ChainApi } from '../../../../daemon/manager/chain/chain-node.js'
import type { ChainMessage, MessageContents } from '../../../../daemon/manager/commitment/chain-message.js'
import { MessagerCarrier, messagerId } from '../../../../daemon/manager/commitment/messager-carrier.js'
import { MESSAGER_STATE } from '../../../../rpc-schema/chain/messager.js'
import type { Connection } from '../../../../rpc-schema/rpc/connection.js'
import { RpcError } from '../../../../rpc-schema/rpc/error.js'
import { Address } from '../../../../rpc-schema/wire/address.js'
import { type SignedMessage, signedMessageCid } from '../../../../rpc-schema/wire/message.js'
import { headAt, stubNode } from './stub-chain.js'

const intent = {
  kind: 'pre' as const,
  miner: 1000,
  uuid: '0b5e7d9c-8a4e-4f43-9d92-7a1e1ad4e0f1',
  carrier: 'messager' as const,
  sender: 'f01001',
  receiver: 'f01000',
  method: 28,
  value: 3n,
  params: new Uint8Array([1, 2]),
  intentEpoch: 90,
  sectors: [5],
}

const message: ChainMessage & MessageContents = {
  ...intent,
  id: 1,
  state: 'pushed',
  cid: messagerId(intent),
  signed: null,
  pushedEpoch: 100,
  height: null,
  receipt: null,
  error: null,
  settled: false,
  sectorCodes: [null],
}

/** The same call as a messager has signed it. */
const signed: SignedMessage = {
  Message: {
    Version: 0,
    To: Address.parse('f01000'),
    From: Address.parse('f01001'),
    Nonce: 7,
    Value: 3n,
    GasLimit: 9,
    GasFeeCap: 1n,
    GasPremium: 1n,
    Method: 28,
    Params: intent.params,
  },
  Signature: { Type: 1, Data: new Uint8Array(65) },
}

describe('manager: messages by a messager', () => {
  const calls: [string, unknown[]][] = []
  let answers: Record<string, (...params: unknown[]) => unknown> = {}

  const carrier = (node: Partial<ChainApi> = {}): MessagerCarrier => {
    const connection = {
      call: async (method: string, params: unknown[]) => {
        calls.push([method, params])
        return answers[method.replace('Message.', '')]!(...params)
      },
    } as unknown as Connection
    return new MessagerCarrier(connection, stubNode(node), async () => false)
  }
  const inState = (State: number, change: object = {}) => ({
    GetMessageByUid: () => ({ ID: message.cid, State, Height: 120, Receipt: null, ErrorMsg: '', ...change }),
  })
  const receipt = { ExitCode: 0, Return: null, GasUsed: 5, EventsRoot: null }

  beforeEach(() => {
    calls.length = 0
    answers = {}
  })

  it('have an id of their intent: the same after a restart, another for another intent', () => {
    expect(messagerId(intent)).to.equal(messagerId({ ...intent }))
    expect(messagerId({ ...intent, uuid: 'another' })).to.not.equal(messagerId(intent))
    expect(messagerId(intent)).to.match(/^bafk/)
  })

  it('are pushed under that id, with the factors for the estimates', async () => {
    answers = { PushMessageWithId: id => id }
    const fees = { gasFeeCap: 5n, gasOverEstimation: 1.3, gasOverPremium: 2 }
    expect(await carrier().push(intent, fees, async () => {})).to.deep.equal({ cid: message.cid, signed: null })
    const [id, unsigned, spec] = calls[0]![1]
    expect(id).to.equal(message.cid)
    expect(unsigned).to.deep.include({ From: 'f01001', To: 'f01000', Method: 28, GasFeeCap: '5', Value: '3', Nonce: 0 })
    expect(spec).to.deep.equal({ expireEpoch: 0, gasOverEstimation: 1.3, maxFee: null, gasOverPremium: 2 })
  })

  it('are found when the answer to the push was lost, and only then', async () => {
    answers = { HasMessageByUid: id => id === message.cid }
    expect(await carrier().search(message)).to.deep.equal({ cid: message.cid, signed: null })
    answers = { HasMessageByUid: () => false }
    expect(await carrier().search(message)).to.equal(undefined)
  })

  for (const [name, state, change, kind] of [
    ['on the chain', MESSAGER_STATE.onChain, { Receipt: receipt }, 'landed'],
    ['landed with another fee', MESSAGER_STATE.replaced, { Receipt: receipt }, 'landed'],
    ['on the chain without a receipt yet', MESSAGER_STATE.onChain, {}, 'waiting'],
    ['not signed yet', MESSAGER_STATE.unfilled, {}, 'waiting'],
    ['in the pool', MESSAGER_STATE.filled, {}, 'waiting'],
    ['without a wallet for now', MESSAGER_STATE.noWallet, {}, 'waiting'],
    ['given up', MESSAGER_STATE.failed, { ErrorMsg: 'nonce gap' }, 'failed'],
  ] as const) {
    it(`${name}: ${kind}`, async () => {
      answers = inState(state, change)
      const place = await carrier().look(message)
      expect(place.kind).to.equal(kind)
      if (place.kind === 'landed') expect(place).to.deep.include({ height: 120, receipt })
      if (place.kind === 'failed') expect(place.why).to.equal('nonce gap')
    })
  }

  it('of which the messager says nothing: wait; one that had landed stays landed', async () => {
    answers = {
      GetMessageByUid: () => {
        throw new RpcError(1, 'record not found')
      },
    }
    expect(await carrier().look(message)).to.deep.equal({ kind: 'waiting' })
    const problem = await carrier()
      .look({ ...message, state: 'landed' })
      .catch((error: Error) => error)
    expect(problem).to.be.instanceOf(RpcError)
  })

  it('forgotten by the messager, but at the node: followed there', async () => {
    answers = { HasMessageByUid: () => false }
    const node = { MpoolPending: async () => [signed] as never }
    const reminder = await carrier(node).remind(message, headAt(200))
    expect(reminder).to.deep.include({ kind: 'found', by: 'mempool' })
    expect(reminder.kind === 'found' && reminder.as.cid).to.equal(signedMessageCid(signed).toString())
  })

  it('forgotten by the messager, and nowhere else: gone', async () => {
    answers = { HasMessageByUid: () => false }
    const node = { MpoolPending: async () => [] }
    expect((await carrier(node).remind({ ...message, intentEpoch: 200 }, headAt(200))).kind).to.equal('gone')
    answers = { HasMessageByUid: () => true }
    expect((await carrier(node).remind(message, headAt(200))).kind).to.equal('known')
  })
})
