import { expect } from 'chai'
import { z } from 'zod'
import { ReportStateReq } from '../../../rpc-schema/manager/sector-state.js'
import { withDeclaredCase } from '../../../rpc-schema/rpc/key-case.js'
import { SectorID } from '../../../rpc-schema/wire/sector-id.js'

describe('rpc/key-case: keys in any case, as Go takes them', () => {
  it('brings them to the declared case at every depth', () => {
    const folded = withDeclaredCase(ReportStateReq, {
      worker: { INSTANCE: 'w', location: '/' },
      StateChange: { prev: 'a', Next: 'b', event: 'c' },
    })
    expect(folded).to.deep.equal({
      Worker: { Instance: 'w', Location: '/' },
      StateChange: { Prev: 'a', Next: 'b', Event: 'c' },
    })
    expect(withDeclaredCase(z.array(SectorID).nullish(), [{ miner: 1 }])).to.deep.equal([{ Miner: 1 }])
  })

  it('leaves what is right as it is, and what is unknown where it is', () => {
    const right = { Miner: 1, Number: 2, Extra: 3 }
    expect(withDeclaredCase(SectorID, right)).to.equal(right)
    for (const value of [null, undefined, 5, 'x', [1]]) expect(withDeclaredCase(SectorID, value)).to.equal(value)
  })

  it('of several that fall together the last one counts', () => {
    expect(withDeclaredCase(SectorID, { Miner: 1, miner: 2 })).to.deep.equal({ Miner: 2 })
    expect(withDeclaredCase(SectorID, { miner: 2, Miner: 1 })).to.deep.equal({ Miner: 1 })
  })

  it('a key that means something to JavaScript is a key like others', () => {
    const folded = withDeclaredCase(SectorID, JSON.parse('{"__proto__":{"Miner":7},"miner":1}'))
    expect(Object.getPrototypeOf(folded)).to.equal(Object.prototype)
    expect((folded as { Miner: number }).Miner).to.equal(1)
  })

  it('recursive schemas end', () => {
    const Tree: z.ZodType = z.object({
      Name: z.string(),
      get Children() {
        return z.array(Tree)
      },
    })
    expect(withDeclaredCase(Tree, { name: 'a', children: [{ NAME: 'b', Children: [] }] })).to.deep.equal({
      Name: 'a',
      Children: [{ Name: 'b', Children: [] }],
    })
  })
})
