import { expect } from 'chai'
import { z } from 'zod'
import { ByteSize } from '../../../../daemon/kit/config/byte-size.js'
import { Duration } from '../../../../daemon/kit/config/duration.js'
import { defaultInFile, noteOf, optional, required, typeText } from '../../../../daemon/kit/config/key.js'
import { hint, nearName } from '../../../../daemon/kit/config/near-name.js'
import { parseToml } from '../../../../daemon/kit/config/toml-file.js'
import { tomlKey, tomlText } from '../../../../daemon/kit/config/toml-text.js'

describe('kit/config: what is known of a key', () => {
  it('keeps its note, and its default as it would stand in a file', () => {
    const wait = optional(Duration, 'How long.', { default: 90_000 })
    expect(noteOf(wait)).to.deep.equal({ about: 'How long.', default: 90_000 })
    expect(defaultInFile(wait)).to.equal('1m30s')
    const name = optional(z.string(), 'Who.', { absent: 'nobody', secret: true })
    expect(noteOf(name)).to.deep.equal({ about: 'Who.', absent: 'nobody', secret: true })
    expect(defaultInFile(name)).to.equal(undefined)
    expect(noteOf(required(z.string(), 'Where.'))).to.deep.equal({ about: 'Where.' })
    expect(noteOf(Duration)).to.equal(undefined)
  })

  it('names types', () => {
    const types = [z.string(), z.int(), z.number(), z.boolean(), Duration, ByteSize.optional()]
    expect(types.map(typeText)).to.deep.equal(['string', 'integer', 'number', 'boolean', 'duration', 'size'])
    expect(typeText(z.array(Duration))).to.equal('array of duration')
    expect(typeText(z.record(z.string(), z.int()))).to.equal('table of integer')
    expect(typeText(z.enum(['a', 'b']))).to.equal('"a" | "b"')
  })
})

describe('kit/config: names that were probably meant', () => {
  const known = ['max_deals', 'max_retries', 'location', 'pc1', 'pc2', 'concurrent']
  for (const [name, near] of [
    ['maxDeals', 'max_deals'],
    ['locaton', 'location'],
    ['loaction', 'location'],
    ['concurrency', 'concurrent'],
    ['PC1', 'pc1'],
    ['pc3', undefined],
    ['something', undefined],
  ] as const) {
    it(`${name}: ${near ?? 'none'}`, () => expect(nearName(name, known)).to.equal(near))
  }
  it('as a remark', () =>
    expect([hint('locaton', known), hint('x', known)]).to.deep.equal([' (did you mean location?)', '']))
})

describe('kit/config: values as TOML', () => {
  it('read back as the same', () => {
    const values = {
      text: 'a "b"\n\\ ü \x7f \u0001',
      number: 12,
      yes: true,
      list: ['a', 'b'],
      empty: {},
      table: { RUST_LOG: 'info', 'a.b': 'x', '': 'none' },
    }
    const text = Object.entries(values)
      .map(([key, value]) => `${tomlKey(key)} = ${tomlText(value)}`)
      .join('\n')
    expect(parseToml(text, 'x').value).to.deep.equal(values)
  })
})
