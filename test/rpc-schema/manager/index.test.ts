import { expect } from 'chai'
import { z } from 'zod'
import { managerService } from '../../../rpc-schema/manager/index.js'
import {
  declarationOf,
  decodeParams,
  jsonText,
  type RecordedCall,
  roundTrip,
  vectorLines,
} from '../rpc/recorded-calls.js'

/** Calls that our declarations refuse as damocles does, and two that it takes and we do not. */
const REFUSED = new Map([
  ['proto/too-few-params', 'the number of parameters is exact'],
  ['proto/too-many-params', 'the number of parameters is exact'],
  ['proto/params-object', 'parameters are positional'],
  ['proto/wrong-type', 'a sector id is an object'],
  ['proto/wrong-field-type', 'numbers are not text'],
  ['proto/negative-uint', 'ids are not negative'],
  ['FindSectorWithPiece/cid-as-string', 'a CID is a link object'],
  ['proto/big-uint', 'ours alone: numbers beyond 2^53−1 are refused instead of rounded'],
])

/** Answers that we would write in another way than they were recorded. */
const NORMALISED = new Map([['mock ProvingSectorInfo', 'Go’s "<nil>" amounts become "0"']])

const UNKNOWN_METHODS = ['Venus.Nope', 'Foo.Version', 'venus.version']

const calls = [...vectorLines('rpc/manager.jsonl'), ...vectorLines('rpc/worker-to-manager.jsonl')] as (RecordedCall & {
  peer: string
})[]
const known = calls.filter(call => !UNKNOWN_METHODS.includes(call.method))

describe('manager service', () => {
  it('has the 60 methods of the Venus API', () => {
    expect(Object.keys(managerService.methods)).to.have.lengthOf(60)
    expect(managerService.namespace).to.equal('Venus')
  })

  it('declares every method that was recorded, and every method was recorded', () => {
    const recorded = new Set(known.map(call => call.method))
    const declared = new Set(Object.keys(managerService.methods).map(name => `Venus.${name}`))
    expect([...recorded].filter(name => !declared.has(name))).to.deep.equal([])
    expect([...declared].filter(name => !recorded.has(name))).to.deep.equal([])
  })

  it('only UnsealPiece is a channel', () => {
    const channels = Object.entries(managerService.methods).filter(([, declaration]) => declaration.channel)
    expect(channels.map(([name]) => name)).to.deep.equal(['UnsealPiece'])
  })

  describe('recorded parameters', () => {
    for (const call of known) {
      const reason = REFUSED.get(call.tag)
      if (reason !== undefined) {
        it(`${call.peer} ${call.tag} are refused: ${reason}`, () => {
          const { params } = call
          expect(() => {
            if (!Array.isArray(params)) throw new TypeError('not an array')
            decodeParams(declarationOf(managerService, call.method)!, params)
          }).to.throw()
        })
      } else {
        it(`${call.peer} ${call.tag} decode, and encode to something that decodes to the same`, () => {
          const declaration = declarationOf(managerService, call.method)!
          const values = decodeParams(declaration, call.params ?? [])
          const wire = declaration.params.map(({ schema }, index) => z.encode(schema, values[index]))
          expect(decodeParams(declaration, JSON.parse(JSON.stringify(wire)) as unknown[])).to.deep.equal(values)
        })
      }
    }
  })

  describe('recorded results', () => {
    for (const call of known.filter(call => call.error === undefined)) {
      const { result } = declarationOf(managerService, call.method)!
      const name = `${call.peer} ${call.tag}`
      const reason = NORMALISED.get(name)
      if (reason !== undefined) {
        it(`${name} is normalised: ${reason}`, () => {
          const once = roundTrip(result, call.result)
          expect(once).to.not.deep.equal(call.result)
          expect(jsonText(once)).to.equal(jsonText(call.result).replaceAll('<nil>', '0'))
        })
      } else {
        it(`${name} is written as it was read, keys in the same order`, () => {
          expect(jsonText(roundTrip(result, call.result))).to.equal(jsonText(call.result))
        })
      }
    }
  })
})
