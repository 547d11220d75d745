import { expect } from 'chai'
import { destinationOf, shownDestination } from '../../../../daemon/manager/unseal/destination.js'
import { chunksOf } from '../../../../daemon/manager/unseal/piece-stream.js'
import { type Asking, decideSet, type UnsealTask } from '../../../../daemon/manager/unseal/unseal-task.js'
import { UNSEAL_STATE, type UnsealState } from '../../../../rpc-schema/manager/unseal.js'
import { parseEndpoint } from '../../../../rpc-schema/rpc/endpoint.js'
import { zeroPieceCid } from '../../../../rpc-schema/wire/piece.js'

const task = (state: UnsealState): UnsealTask => ({
  sid: { Miner: 1000, Number: 3 },
  pieceCid: zeroPieceCid(2048),
  offset: 0,
  size: 2032,
  dests: ['file:///a'],
  state,
  error: '',
  lease: null,
  failures: 0,
  upgraded: false,
})

describe('manager: a piece is asked for', () => {
  const { setUp, unsealing, uploading, finished, failed } = UNSEAL_STATE
  // biome-ignore format: a table
  const TABLE: [UnsealState, 'same' | 'other', Asking, string][] = [
    [setUp,     'same',  'poll',   'keep'],
    [setUp,     'other', 'poll',   'append'],
    [unsealing, 'same',  'demand', 'keep'],
    [unsealing, 'other', 'demand', 'append'],
    [uploading, 'same',  'poll',   'keep'],
    [uploading, 'other', 'poll',   'refuse'],
    [finished,  'same',  'poll',   'forget'],
    [finished,  'same',  'demand', 'forget'],
    [finished,  'same',  'fetch',  'keep'],
    [finished,  'other', 'poll',   'restart'],
    [failed,    'same',  'poll',   'forget'],
    [failed,    'same',  'demand', 'restart'],
    [failed,    'same',  'fetch',  'restart'],
    [failed,    'other', 'poll',   'restart'],
  ]
  for (const [state, dest, asking, expected] of TABLE) {
    it(`${asking} of a ${state} task for ${dest === 'same' ? 'its' : 'another'} destination: ${expected}`, () => {
      const decision = decideSet(task(state), dest === 'same' ? 'file:///a' : 'file:///b', asking)
      expect(decision.do).to.equal(expected)
    })
  }

  it('a new one is made', () => {
    expect(decideSet(undefined, 'file:///a', 'poll')).to.deep.equal({ do: 'create' })
  })
  it('a finished one is not sent again to where it is', () => {
    expect(decideSet(task(finished), 'file:///b', 'poll')).to.deep.equal({ do: 'restart', dests: ['file:///b'] })
    expect(decideSet(task(failed), 'file:///b', 'poll')).to.deep.include({ dests: ['file:///a', 'file:///b'] })
  })
})

describe('manager: destinations of unsealed pieces', () => {
  const market = parseEndpoint('/ip4/10.0.0.1/tcp/41235', { defaultScheme: 'ws' })

  for (const dest of ['http://h/p?x=1', 'https://h/p', 'file:///a/b', 'store://s/p', 'store:///p'])
    it(`${dest} goes to the workers as it is`, () => expect(destinationOf(dest, undefined)).to.equal(dest))

  it('market:// gets the address and the token of the market', () => {
    const url = new URL(destinationOf('market://store/baga', { ...market, token: 'to.ke.n' }))
    expect(Object.fromEntries(url.searchParams)).to.deep.equal({
      token: 'to.ke.n',
      host: '10.0.0.1:41235',
      scheme: 'http',
    })
    expect(`${url.protocol}//${url.host}${url.pathname}`).to.equal('market://store/baga')
    const secure = { ...market, scheme: 'wss' as const }
    expect(new URL(destinationOf('market://store/baga', secure)).searchParams.get('scheme')).to.equal('https')
  })

  it('are shown without what may be secret', () => {
    expect(shownDestination('market://s/p?token=secret&host=h')).to.equal('market://s/p?…')
    expect(shownDestination('http://user:secret@h/p')).to.equal('http://h/p')
    expect(shownDestination('secret')).to.equal('…')
  })

  it('others are refused, without showing what may be secret', () => {
    for (const dest of ['ftp://user:secret@h/p', 'secret', ''])
      expect(() => destinationOf(dest, market))
        .to.throw(/accepted: http/)
        .and.not.match(/secret/)
    expect(() => destinationOf('market://s/p?token=secret', undefined)).to.throw(/Common\.API\.Market/)
  })
})

describe('manager: the stream of an unsealed piece', () => {
  async function* parts(...sizes: number[]): AsyncGenerator<Uint8Array> {
    let next = 0
    for (const size of sizes) yield Uint8Array.from({ length: size }, () => next++ % 256)
  }

  it('is cut into chunks of one size, whatever the parts that are read', async () => {
    for (const sizes of [[10], [3, 3, 3, 1], [1, 9], [0, 10, 0], [4, 4, 2]]) {
      const chunks: Uint8Array[] = []
      for await (const chunk of chunksOf(parts(...sizes), 4)) chunks.push(chunk)
      expect(chunks.map(chunk => chunk.length)).to.deep.equal([4, 4, 2])
      expect([...Buffer.concat(chunks)]).to.deep.equal([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    }
  })

  it('is read no faster than it is taken', async () => {
    let read = 0
    const source = async function* (): AsyncGenerator<Uint8Array> {
      for (;;) {
        read += 1
        yield new Uint8Array(4)
      }
    }
    const chunks = chunksOf(source(), 4)
    await chunks.next()
    await chunks.next()
    expect(read).to.equal(2)
    await chunks.return(undefined)
  })
})
