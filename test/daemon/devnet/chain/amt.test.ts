import * as dagCbor from '@ipld/dag-cbor'
import { expect } from 'chai'
import { amtRoot, messagesRoot } from '../../../../daemon/devnet/chain/amt.js'
import { chainCid } from '../../../../rpc-schema/wire/cid.js'
import { vectorLines } from '../../../rpc-schema/rpc/recorded-calls.js'

interface Head {
  name: string
  response: { result: { Blocks: { Messages: { '/': string }; ParentMessageReceipts: { '/': string } }[] } }
}

describe('devnet/chain: roots in block headers', () => {
  it('are those of a real chain for blocks without messages', () => {
    const { response } = (vectorLines('lotus-samples/calls.jsonl') as Head[]).find(({ name }) => name === 'ChainHead')!
    const [block] = response.result.Blocks
    expect(messagesRoot([], []).toString()).to.equal(block!.Messages['/'])
    expect(amtRoot([]).toString()).to.equal(block!.ParentMessageReceipts['/'])
  })

  it('nest nodes of eight', () => {
    const leaf = (from: number, to: number) => [
      Uint8Array.of((1 << (to - from)) - 1),
      [],
      Array.from({ length: to - from }, (_, at) => from + at),
    ]
    const cid = (node: unknown) => chainCid(dagCbor.encode(node))
    const entries = Array.from({ length: 10 }, (_, at) => at)
    expect(amtRoot(entries.slice(0, 3)).equals(cid([0, 3, leaf(0, 3)]))).to.equal(true)
    expect(amtRoot(entries.slice(0, 8)).equals(cid([0, 8, leaf(0, 8)]))).to.equal(true)
    const root = [1, 10, [Uint8Array.of(0b11), [cid(leaf(0, 8)), cid(leaf(8, 10))], []]]
    expect(amtRoot(entries).equals(cid(root))).to.equal(true)
  })
})
