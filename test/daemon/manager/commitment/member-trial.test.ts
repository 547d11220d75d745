import { expect } from 'chai'
import type { ChainNode } from '../../../../daemon/manager/chain/chain-node.js'
import { isToBeSplit, tryMessage } from '../../../../daemon/manager/commitment/member-trial.js'
import { Address } from '../../../../rpc-schema/wire/address.js'

describe('manager: what the chain would say of a message', () => {
  let asked: number
  const node = {
    api: {
      StateCall: async () => {
        asked += 1
        return { MsgRct: { ExitCode: 0, GasUsed: 1, Return: null, EventsRoot: null }, Error: '' }
      },
    },
  } as unknown as ChainNode
  const tried = (bytes: number) =>
    tryMessage(node, Address.fromId(1), Address.fromId(1000), { method: 34, params: new Uint8Array(bytes), value: 0n })

  beforeEach(() => {
    asked = 0
  })

  it('one that the pools of nodes take is run', async () => {
    const trial = await tried(33 * 1920)
    expect(trial).to.deep.equal({ result: 'fine', gasUsed: 1 })
    expect([isToBeSplit(trial), asked]).to.deep.equal([false, 1])
  })

  it('one of more bytes than they take is to be split, though it would run', async () => {
    const trial = await tried(34 * 1920)
    expect(trial).to.include({ result: 'later', isTooBig: true })
    expect([isToBeSplit(trial), asked]).to.deep.equal([true, 0])
  })
})
