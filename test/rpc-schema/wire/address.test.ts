import { expect } from 'chai'
import fc from 'fast-check'
import { ADDRESS_PROTOCOLS, Address, AddressError, AddressJson } from '../../../rpc-schema/wire/address.js'
import { fromHex, toHex } from '../../../rpc-schema/wire/bytes.js'
import { address } from '../../../rpc-schema/wire/cbor.js'
import { golden } from './golden.js'

const VECTORS = golden<{ bytes: string; cbor: string; network: string; string: string }[]>('addresses.json')

const anyAddress = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }).map(id => Address.fromId(id)),
  fc.uint8Array({ minLength: 65, maxLength: 65 }).map(key => Address.fromSecp256k1Key(key)),
  fc.uint8Array().map(data => Address.fromActorData(data)),
  fc.uint8Array({ minLength: 48, maxLength: 48 }).map(key => Address.fromBlsKey(key)),
  fc.tuple(fc.maxSafeNat(), fc.uint8Array({ maxLength: 54 })).map(([space, sub]) => Address.fromDelegated(space, sub)),
)

describe('wire/address', () => {
  for (const { bytes, cbor, network, string } of VECTORS) {
    it(`reads and writes ${string}`, () => {
      const prefix = network === 'mainnet' ? 'f' : 't'
      const parsed = Address.parse(string)
      expect(toHex(parsed.bytes)).to.equal(bytes)
      expect(parsed.toString(prefix)).to.equal(string)
      expect(parsed.toJSON()).to.equal(string)
      expect(toHex(address.encode(parsed))).to.equal(cbor)
      expect(Address.fromBytes(fromHex(bytes)).toString(prefix)).to.equal(string)
      expect(address.decode(fromHex(cbor), prefix).toJSON()).to.equal(string)
      expect(AddressJson.encode(AddressJson.decode(string))).to.equal(string)
    })
  }

  it('round trips every kind of address through text and bytes', () => {
    fc.assert(
      fc.property(anyAddress, fc.constantFrom('f' as const, 't' as const), (value, prefix) => {
        expect(Address.parse(value.toString(prefix)).equals(value)).to.equal(true)
        expect(Address.fromBytes(value.bytes).equals(value)).to.equal(true)
      }),
    )
  })

  it('remembers its prefix and ignores it when comparing', () => {
    const [main, test] = [Address.parse('f01000'), Address.parse('t01000')]
    expect(main.equals(test)).to.equal(true)
    expect(main).to.deep.equal(test)
    expect(main).not.to.deep.equal(Address.parse('f01001'))
    expect(test.toString()).to.equal('f01000')
    expect(JSON.stringify({ a: test, b: Address.fromId(7) })).to.equal('{"a":"t01000","b":"f07"}')
  })

  it('tells the parts of an address', () => {
    const id = Address.parse('f09223372036854775807')
    expect(id.isId).to.equal(true)
    expect(id.idBig).to.equal(2n ** 63n - 1n)
    expect(() => id.id).to.throw(AddressError, 'actor id of f09223372036854775807 is beyond 2^53−1')
    expect(Address.parse('t01234').id).to.equal(1234)
    const bls = Address.parse('f3jn33xq3vc7n3cg7icmz5hgvsyqqjsx3jcb5pn3egldqbvju432k7cp7ichlsvkeovbgfg6rbywmgmwc7y3jq')
    expect(bls.protocol).to.equal(ADDRESS_PROTOCOLS.bls)
    expect(bls.payload).to.have.length(48)
    expect(() => bls.id).to.throw(AddressError, 'is not an ID address')
  })

  it('does not change when the bytes it was made of do', () => {
    const bytes = fromHex('00e807')
    const made = Address.fromBytes(bytes)
    bytes[1] = 0
    expect(made.toString()).to.equal('f01000')
  })

  it('knows the empty address', () => {
    expect(Address.EMPTY.toString()).to.equal('<empty>')
    expect(Address.parse('<empty>')).to.equal(Address.EMPTY)
    expect(AddressJson.decode('<empty>')).to.equal(Address.EMPTY)
    expect(AddressJson.decode('')).to.equal(Address.EMPTY)
    expect(AddressJson.encode(Address.EMPTY)).to.equal('<empty>')
    expect(Address.EMPTY.isId).to.equal(false)
    expect(() => address.encode(Address.EMPTY)).to.throw('expected an address, found text "<empty>"')
    expect(() => Address.EMPTY.protocol).to.throw('the empty address has no protocol')
  })

  for (const [text, reason] of [
    ['', 'too short'],
    ['f', 'too short'],
    ['x01000', "unknown network prefix 'x', expected f or t"],
    ['f5abcdef', "unknown protocol '5'"],
    ['f01000a', 'an ID address is a decimal number without leading zeros'],
    ['f0001', 'an ID address is a decimal number without leading zeros'],
    ['f0-1', 'an ID address is a decimal number without leading zeros'],
    ['f09223372036854775808', 'actor id beyond 2^63−1'],
    ['f099999999999999999999999', 'actor id beyond 2^63−1'],
    ['f1qfcp6lzfatt473bpl7hdvbzli7tw5dq4s5pah3a', 'bad checksum'],
    ['f1QFCP6lzfatt473bpl7hdvbzli7tw5dq4s5pah3q', 'not lower-case base32'],
    ['f1qfcp6lzf', 'wrong length: secp256k1 address has 1 payload bytes, expected 20'],
    ['f2aa', 'wrong length: shorter than its checksum'],
    ['f2aaa', 'wrong length: its base32 ends inside a byte'],
    ['f3qfcp6lzfatt473bpl7hdvbzli7tw5dq4s5pah3q', 'wrong length: BLS address has 20 payload bytes, expected 48'],
    ['f410', 'a delegated address is <namespace>f<base32>'],
    ['f410ftktokaj5o472tiyzr7top2444iwytonkg6cr6gb', 'wrong length: its base32 ends inside a byte'],
    ['f410ftktokaj5o472tiyzr7top2444iwytonkg6cr6qa', 'bad checksum'],
  ] as const) {
    it(`refuses ${JSON.stringify(text)}: ${reason}`, () => {
      expect(() => Address.parse(text)).to.throw(AddressError, `address ${JSON.stringify(text)}: ${reason}`)
    })
  }

  for (const [hex, reason] of [
    ['05aa', 'unknown protocol 5'],
    ['00', 'actor id cut short'],
    ['0080', 'actor id cut short'],
    ['008000', 'actor id not minimally encoded'],
    ['000101', 'bytes after the actor id'],
    ['0080808080808080808001', 'actor id beyond 2^63−1'],
    ['01aabb', 'wrong length: secp256k1 address has 2 payload bytes, expected 20'],
    ['04', 'address namespace is not a varint of at most 53 bits'],
    [`040a${'11'.repeat(55)}`, 'wrong length: sub-address has 55 bytes, at most 54'],
  ] as const) {
    it(`refuses the bytes ${hex.slice(0, 24)}: ${reason}`, () => {
      expect(() => Address.fromBytes(fromHex(hex))).to.throw(AddressError, `address bytes ${hex}: ${reason}`)
    })
  }

  it('refuses ids and hashes that cannot be', () => {
    expect(() => Address.fromBytes(new Uint8Array())).to.throw('address of no bytes')
    expect(() => Address.fromId(-1)).to.throw('actor id -1 is outside 0…2^63−1')
    expect(() => Address.fromId(1.5)).to.throw('actor id 1.5 is not a safe integer')
    expect(() => Address.fromActorHash(new Uint8Array(19))).to.throw('actor address has 19 payload bytes, expected 20')
    expect(() => Address.fromSecp256k1Key(new Uint8Array(33))).to.throw('has 33 bytes, expected 65')
    expect(() => Address.fromDelegated(-1, new Uint8Array())).to.throw('address namespace -1 is not an actor id')
  })

  it('reports a bad address through the codec', () => {
    const result = AddressJson.safeDecode('f01000a')
    expect(result.success).to.equal(false)
    expect(result.error?.issues[0]?.message).to.equal(
      'address "f01000a": an ID address is a decimal number without leading zeros',
    )
  })
})
