import { expect } from 'chai'
import fc from 'fast-check'
import {
  ActorId,
  ChainEpoch,
  Int64,
  isPaddedPieceSize,
  isUnpaddedPieceSize,
  padded,
  Uint64,
  unpadded,
} from '../../../rpc-schema/wire/numbers.js'

describe('wire/numbers', () => {
  it('takes safe integers of the right sign only', () => {
    expect(Uint64.decode(2 ** 53 - 1)).to.equal(2 ** 53 - 1)
    expect(Uint64.safeDecode(-1).success).to.equal(false)
    expect(Uint64.safeDecode(1.5).success).to.equal(false)
    expect(Uint64.safeDecode(2 ** 53).success).to.equal(false)
    expect(Int64.decode(-5)).to.equal(-5)
    expect(ChainEpoch.decode(-1)).to.equal(-1)
    expect(ActorId.safeDecode(-1).success).to.equal(false)
  })

  it('converts between padded and unpadded sizes', () => {
    expect(padded(127)).to.equal(128)
    expect(padded(2032)).to.equal(2048)
    expect(unpadded(34359738368)).to.equal(34091302912)
    fc.assert(fc.property(fc.nat(2 ** 40), n => void expect(unpadded(padded(n * 127))).to.equal(n * 127)))
    expect(() => padded(128)).to.throw(RangeError, 'unpadded size 128 is not a multiple of 127 bytes')
    expect(() => unpadded(127)).to.throw(RangeError, 'padded size 127 is not a multiple of 128 bytes')
    expect(() => padded(-127)).to.throw(RangeError, 'unpadded size -127')
  })

  it('knows which sizes a piece can have', () => {
    expect([128, 2048, 2 ** 36].every(isPaddedPieceSize)).to.equal(true)
    expect([0, 1, 64, 129, 384, -128, 128.5].some(isPaddedPieceSize)).to.equal(false)
    expect([127, 254, 2032].every(isUnpaddedPieceSize)).to.equal(true)
    expect([0, 128, 381, 126].some(isUnpaddedPieceSize)).to.equal(false)
  })
})
