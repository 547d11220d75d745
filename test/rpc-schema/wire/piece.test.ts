import { expect } from 'chai'
import { CID } from 'multiformats/cid'
import { toHex } from '../../../rpc-schema/wire/bytes.js'
import { cidToCommD, commDToCid } from '../../../rpc-schema/wire/cid.js'
import {
  computeUnsealedCid,
  computeUnsealedCommitment,
  joinCommitments,
  type PieceInfo,
  zeroPieceCid,
  zeroPieceCommitment,
} from '../../../rpc-schema/wire/piece.js'

const piece = (size: number, fill: number): PieceInfo => ({
  Size: size,
  PieceCID: commDToCid(new Uint8Array(32).fill(fill)),
})
const root = (of: PieceInfo) => cidToCommD(of.PieceCID)

describe('wire/piece', () => {
  it('knows the zero commitments that the network publishes', () => {
    expect(zeroPieceCid(2048).toString()).to.equal('baga6ea4seaqpy7usqklokfx2vxuynmupslkeutzexe2uqurdg5vhtebhxqmpqmy')
    expect(zeroPieceCid(2 ** 35).toString()).to.equal(
      'baga6ea4seaqao7s73y24kcutaosvacpdjgfe5pw76ooefnyqw4ynr3d2y6x2mpq',
    )
    expect(zeroPieceCid(2 ** 36).toString()).to.equal(
      'baga6ea4seaqomqafu276g53zko4k23xzh4h4uecjwicbmvhsuqi7o4bhthhm4aq',
    )
    expect(() => zeroPieceCid(0)).to.throw(RangeError, 'piece size 0 is not a power of two of at least 128 bytes')
    expect(() => zeroPieceCid(3 * 128)).to.throw(RangeError, 'piece size 384')
  })

  it('gives an empty sector the zero commitment', () => {
    expect(toHex(computeUnsealedCommitment(2048, []))).to.equal(toHex(zeroPieceCommitment(2048)))
    expect(computeUnsealedCid(2048, [{ Size: 128, PieceCID: zeroPieceCid(128) }]).equals(zeroPieceCid(2048))).to.equal(
      true,
    )
  })

  it('does not change a piece that fills the sector', () => {
    const whole = piece(2048, 7)
    expect(computeUnsealedCid(2048, [whole]).equals(whole.PieceCID)).to.equal(true)
  })

  it('aligns pieces and fills the gaps with zeros', () => {
    const [a, b, c] = [piece(128, 1), piece(256, 2), piece(512, 3)]
    // 128 a | 128 zero | 256 b | 512 c | 1024 zero
    const left = joinCommitments(joinCommitments(root(a), zeroPieceCommitment(128)), root(b))
    const expected = joinCommitments(joinCommitments(left, root(c)), zeroPieceCommitment(1024))
    expect(toHex(computeUnsealedCommitment(2048, [a, b, c]))).to.equal(toHex(expected))
  })

  it('keeps the order of pieces', () => {
    const [a, b] = [piece(1024, 1), piece(1024, 2)]
    expect(toHex(computeUnsealedCommitment(2048, [a, b]))).to.equal(toHex(joinCommitments(root(a), root(b))))
    expect(toHex(computeUnsealedCommitment(2048, [b, a]))).to.equal(toHex(joinCommitments(root(b), root(a))))
  })

  it('agrees with itself when gaps are spelled out', () => {
    const zero = (size: number): PieceInfo => ({ Size: size, PieceCID: zeroPieceCid(size) })
    const [a, b] = [piece(128, 1), piece(1024, 2)]
    const spelled = [a, zero(128), zero(256), zero(512), b]
    expect(toHex(computeUnsealedCommitment(4096, [a, b]))).to.equal(toHex(computeUnsealedCommitment(4096, spelled)))
  })

  it('clears the two top bits of every node', () => {
    expect(joinCommitments(new Uint8Array(32).fill(1), new Uint8Array(32).fill(2))[31]! >> 6).to.equal(0)
  })

  it('refuses pieces that do not fit or are none', () => {
    expect(() => computeUnsealedCommitment(2048, [piece(1024, 1), piece(2048, 2)])).to.throw(
      RangeError,
      'piece 1: the pieces need 4096 bytes, the sector has 2048',
    )
    expect(() => computeUnsealedCommitment(2048, [piece(100, 1)])).to.throw('piece 0: size 100 is not a power of two')
    expect(() => computeUnsealedCommitment(1000, [])).to.throw('sector size 1000 is not a power of two')
    const sealed = CID.parse('bagboea4b5abcakfzb4jxpmmsrfzwd6nsfmofmws4dxhfnia4q7vanbuywoxvlpbw')
    expect(() => computeUnsealedCommitment(2048, [{ Size: 128, PieceCID: sealed }])).to.throw(
      'is not the CID of an unsealed',
    )
  })
})
