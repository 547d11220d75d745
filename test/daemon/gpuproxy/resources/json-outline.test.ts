import { expect } from 'chai'
import fc from 'fast-check'
import { JsonOutline } from '../../../../daemon/gpuproxy/resources/json-outline.js'

const ALL = { depth: 400, mostBytes: 1_000_000 }

/** In portions that end anywhere. */
function outlined(text: string | Buffer, options = ALL, portion = 3): string {
  const outline = new JsonOutline(options)
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += portion) outline.write(bytes.subarray(at, at + portion))
  return outline.end()
}
const isTaken = (text: string): boolean => {
  try {
    outlined(text)
    return true
  } catch {
    return false
  }
}
const isJson = (text: string): boolean => {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

describe('the outline of a JSON document', () => {
  it('is the document, down to a depth', () => {
    const document = { a: [1, [2, { b: '[{"\\' }], []], c: { d: { e: {} } }, f: null }
    expect(outlined(JSON.stringify(document), { ...ALL, depth: 1 })).to.equal('{"a":[],"c":{},"f":null}')
    expect(outlined(JSON.stringify(document), { ...ALL, depth: 2 })).to.equal('{"a":[1,[],[]],"c":{"d":{}},"f":null}')
    expect(outlined(JSON.stringify(document))).to.equal(JSON.stringify(document))
  })

  it('is the same however the document is divided', () => {
    const document = JSON.stringify([{ a: [[[1.5e-3, 'ü\u0000', true]]] }, 'x'], null, 1)
    for (let portion = 1; portion <= document.length; portion++)
      expect(JSON.parse(outlined(document, { ...ALL, depth: 3 }, portion))).to.deep.equal([{ a: [[]] }, 'x'])
  })

  it('takes all JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.integer({ min: 0, max: 2 }), (value, indent) => {
        const text = JSON.stringify(value, null, indent)
        return outlined(text) === text
      }),
    )
  })

  const OTHERS = [
    ...['', ' ', '01', '-', '-01', '1.', '.5', '1e', '1e+', '+1', 'tru', 'nul', 'truex', 'True', "'a'", '"', '"\\x"'],
    ...[
      '"\\u12g4"',
      '"\n"',
      '[',
      ']',
      '[1',
      '[1,]',
      '[,1]',
      '[1 2]',
      '[1}',
      '{',
      '{"a"}',
      '{"a":}',
      '{"a":1,}',
      '{a:1}',
    ],
    ...['{"a":1]', '{"a" 1}', '{1:2}', '1 2', '{}{}', '[]]', '\u00a01', '\ufeff{}', '-Infinity', '[1]x', '0x1'],
  ]
  for (const text of OTHERS)
    it(`refuses ${JSON.stringify(text)}, which is none`, () => expect(isTaken(text)).to.equal(false))

  it('refuses and takes what JSON.parse does', () => {
    const pieces = fc.constantFrom(
      ...'[]{},:" \n01.-+eE\\utrfn'.split(''),
      '"a"',
      'true',
      'null',
      '"\\u00e9"',
      '1',
      'é',
    )
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 12 }), parts => {
        const text = parts.join('')
        expect(isTaken(text), text).to.equal(isJson(text))
      }),
      { numRuns: 3_000 },
    )
  })

  it('says where it is not JSON', () => {
    expect(() => outlined('{"a":[1,2,x]}')).to.throw('unexpected "x" at byte 10')
    expect(() => outlined('{"a":[1,2')).to.throw('it ends too early, after 9 bytes')
  })

  it('is not large, and nothing is nested without an end', () => {
    expect(() => outlined(`[${'1,'.repeat(600)}1]`, { depth: 3, mostBytes: 1_000 })).to.throw(
      'its upper 3 levels have more than 1000 bytes',
    )
    expect(outlined(`[[[[${'1,'.repeat(600)}1]]]]`, { depth: 3, mostBytes: 1_000 })).to.equal('[[[[]]]]')
    expect(() => outlined('['.repeat(100_000), { depth: 3, mostBytes: 1_000 })).to.throw('deeper than 500 levels')
  })
})
