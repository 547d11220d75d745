import { expect } from 'chai'
import type { ChainApi } from '../../../../daemon/manager/chain/chain-node.js'
import type { MinerFacts } from '../../../../daemon/manager/chain/miner-facts.js'
import { fillGas } from '../../../../daemon/manager/commitment/gas-filling.js'
import { Senders, type SendersOptions } from '../../../../daemon/manager/commitment/senders.js'
import type { StateMinerInfo } from '../../../../rpc-schema/chain/miner-info.js'
import { RpcError } from '../../../../rpc-schema/rpc/error.js'
import { Address } from '../../../../rpc-schema/wire/address.js'
import type { Message } from '../../../../rpc-schema/wire/message.js'
import { FIL } from '../../../../rpc-schema/wire/token-amount.js'
import { failure } from '../../devnet/devnet-under-test.js'
import { stubNode } from './stub-chain.js'

const id = (number: number): Address => Address.fromId(number)
const [OWNER, WORKER, CONTROL_0, CONTROL_1, STRANGER] = [100, 101, 102, 103, 199].map(id) as [
  Address,
  Address,
  Address,
  Address,
  Address,
]
const KEY = Address.parse('f1abjxfbp274xpdqcpuaykwkfb43omjotacm2p3za')

interface World {
  balances: Record<string, bigint>
  /** Ids of key addresses; one that is not there yet is unknown to the chain. */
  ids: Record<string, Address>
  slept: number
}

function senders(world: World, options: Partial<SendersOptions> = {}): Senders {
  const node = stubNode({
    StateLookupID: async address => {
      const found = world.ids[address.toString()]
      if (found === undefined) throw new RpcError(1, 'actor not found')
      return found
    },
    StateGetActor: (async (address: Address) => {
      const Balance = world.balances[address.toString()]
      if (Balance === undefined) throw new RpcError(1, 'actor not found')
      return { Balance }
    }) as unknown as ChainApi['StateGetActor'],
    WalletHas: async () => true,
  })
  const facts = {
    info: async () =>
      ({ Owner: OWNER, Worker: WORKER, ControlAddresses: [CONTROL_0, CONTROL_1] }) as unknown as StateMinerInfo,
  } as unknown as MinerFacts
  const clock = {
    now: () => 0,
    monotonic: () => 0,
    sleep: async () => {
      world.slept += 1
      // Meanwhile the chain gets to know the address.
      if (world.slept === 2) world.ids[KEY.toString()] = CONTROL_1
    },
  }
  return new Senders(node, facts, { keysAtNode: true, clock, ...options })
}

const NONE = { Sender: null, Senders: null }
const world = (): World => ({
  balances: { f0100: 90n * FIL, f0101: 50n * FIL, f0102: 5n * FIL, f0103: 7n * FIL, f0199: 900n * FIL },
  ids: {},
  slept: 0,
})

describe('manager: senders', () => {
  it('S003-19, S003-24, S003-30: the richest of the configured ones that may act for the miner; a stranger never', async () => {
    const chosen = await senders(world()).choose(1000, { Sender: CONTROL_1, Senders: [CONTROL_0, STRANGER] })
    expect(chosen.toString()).to.equal('f0103')
    const stranger = await failure(senders(world()).choose(1000, { Sender: STRANGER, Senders: null }))
    expect(stranger.message).to.include('of f0199 none is its owner, worker or a control address')
  })

  it('balances are asked for each message', async () => {
    const changing = world()
    const both = { Sender: null, Senders: [CONTROL_0, CONTROL_1] }
    const subject = senders(changing)
    expect((await subject.choose(1000, both)).id).to.equal(103)
    changing.balances.f0102 = 8n * FIL
    expect((await subject.choose(1000, both)).id).to.equal(102)
  })

  it('without configured ones, those of window PoSt are left alone, unless there is no other', async () => {
    const reserved = () => [WORKER, CONTROL_1]
    expect((await senders(world()).choose(1000, NONE)).id).to.equal(101)
    expect((await senders(world(), { reserved }).choose(1000, NONE)).id).to.equal(102)
    const all = () => [WORKER, CONTROL_0, CONTROL_1]
    expect((await senders(world(), { reserved: all }).choose(1000, NONE)).id).to.equal(101)
    expect((await senders(world(), { reserved }).choose(1000, { Sender: WORKER, Senders: null })).id).to.equal(101)
  })

  it('an address that the chain does not know for a moment is asked for again, not for ever', async () => {
    const waiting = world()
    expect((await senders(waiting).choose(1000, { Sender: KEY, Senders: null })).id).to.equal(103)
    expect(waiting.slept).to.equal(2)
    const other = Address.fromActorData(new Uint8Array([1]))
    const never = await failure(senders(world()).choose(1000, { Sender: other, Senders: null }))
    expect(never.message).to.include(`the chain does not know ${other}`)
    // One that is known is not kept waiting by one that is not.
    const mixed = world()
    expect((await senders(mixed).choose(1000, { Sender: other, Senders: [CONTROL_0] })).id).to.equal(102)
    expect(mixed.slept).to.equal(0)
  })

  it('S002-23, S002-24: worker, then owner stand in for senders that cannot pay, only where that is allowed', async () => {
    const only = { Sender: null, Senders: [CONTROL_0] }
    const of = (Worker: boolean, Owner: boolean) => senders(world(), { fallback: () => ({ Worker, Owner }) })
    expect((await of(true, true).choose(1000, only, 1n * FIL)).id).to.equal(102)
    expect((await of(true, true).choose(1000, only, 10n * FIL)).id).to.equal(101)
    expect((await of(true, true).choose(1000, only, 60n * FIL)).id).to.equal(100)
    expect((await of(false, true).choose(1000, only, 10n * FIL)).id).to.equal(100)
    expect((await of(false, true).choose(1000, { Sender: STRANGER, Senders: null })).id).to.equal(100)
    for (const [subject, needed] of [
      [of(false, false), 10n],
      [of(true, false), 60n],
      [of(true, true), 91n],
    ] as const)
      expect((await failure(subject.choose(1000, only, needed * FIL))).message).to.include('the richest, f0102')
  })

  it('says who has how much when nobody has enough', async () => {
    const poor = await failure(
      senders(world()).choose(1000, { Sender: null, Senders: [CONTROL_0, CONTROL_1] }, 10n * FIL),
    )
    expect(poor.message).to.equal(
      'no sender for miner 1000 has the 10 FIL that are needed: the richest, f0103, has 7 FIL; send it more',
    )
  })
})

describe('manager: gas of messages', () => {
  const message: Message = {
    Version: 0,
    To: id(1000),
    From: WORKER,
    Nonce: 0,
    Value: 3n,
    GasLimit: 0,
    GasFeeCap: 5n,
    GasPremium: 0n,
    Method: 28,
    Params: new Uint8Array(),
  }
  const node = stubNode({
    GasEstimateGasLimit: async ({ GasLimit }) => 1_000_000 + GasLimit,
    GasEstimateGasPremium: async () => 1_000n,
    GasEstimateFeeCap: async ({ GasPremium }) => 90_000n + GasPremium,
  })
  const fees = { gasFeeCap: 0n, gasOverEstimation: 1.2, gasOverPremium: 0 }
  const gas = async (change: Partial<typeof fees>) => {
    const { GasLimit, GasFeeCap, GasPremium } = await fillGas(node.api, message, { ...fees, ...change })
    return [GasLimit, GasFeeCap, GasPremium]
  }

  it('S003-20, S003-31: factors on limit and premium; a cap of 0 is the estimate, another one holds', async () => {
    expect(await gas({})).to.deep.equal([1_200_000, 91_000n, 1_000n])
    expect(await gas({ gasOverEstimation: 2, gasOverPremium: 1.5 })).to.deep.equal([2_000_000, 91_500n, 1_500n])
    expect(await gas({ gasFeeCap: 600n })).to.deep.equal([1_200_000, 600n, 600n])
    expect(await gas({ gasFeeCap: 60_000n, gasOverPremium: 2 })).to.deep.equal([1_200_000, 60_000n, 2_000n])
  })

  it('a factor below 1, which would run out of gas, is 1; a limit beyond a block is that of the block', async () => {
    expect((await gas({ gasOverEstimation: 0 }))[0]).to.equal(1_000_000)
    expect((await gas({ gasOverEstimation: 1e9 }))[0]).to.equal(10_000_000_000)
  })
})
