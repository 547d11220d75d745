import { expect } from 'chai'
import fc from 'fast-check'
import { CID } from 'multiformats/cid'
import { fromHex, toHex } from '../../../rpc-schema/wire/bytes.js'
import {
  CidJson,
  cidToCommD,
  cidToCommR,
  commDToCid,
  commRToCid,
  isPieceCid,
  isSealedCid,
} from '../../../rpc-schema/wire/cid.js'
import { TipSetKey, tipSetKeysEqual, tipSetKeyText } from '../../../rpc-schema/wire/tipset-key.js'
import { golden } from './golden.js'

const VECTORS = golden<{ commitment: string; sealedCid: string; unsealedCid: string }[]>('commitment-cids.json')
const MESSAGE_CID = 'bafy2bzacechhogoikc2zwoti5o7q7q4b44ty25tob3vrjn3ofx4zrpncf3kvk'

describe('wire/cid', () => {
  for (const { commitment, sealedCid, unsealedCid } of VECTORS) {
    it(`turns ${commitment.slice(0, 12)}… into its CIDs and back`, () => {
      expect(commRToCid(fromHex(commitment)).toString()).to.equal(sealedCid)
      expect(commDToCid(fromHex(commitment)).toString()).to.equal(unsealedCid)
      expect(toHex(cidToCommR(CID.parse(sealedCid)))).to.equal(commitment)
      expect(toHex(cidToCommD(CID.parse(unsealedCid)))).to.equal(commitment)
      expect(CidJson.encode(CidJson.decode({ '/': sealedCid }))).to.deep.equal({ '/': sealedCid })
    })
  }

  it('round trips any commitment', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), commitment => {
        expect(cidToCommR(commRToCid(commitment))).to.deep.equal(commitment)
        expect(cidToCommD(CID.parse(commDToCid(commitment).toString()))).to.deep.equal(commitment)
      }),
    )
  })

  it('tells pieces, replicas and other objects apart', () => {
    const [sealed, piece] = [CID.parse(VECTORS[0]!.sealedCid), CID.parse(VECTORS[0]!.unsealedCid)]
    expect([isPieceCid(piece), isPieceCid(sealed), isSealedCid(sealed), isSealedCid(piece)]).to.deep.equal([
      true,
      false,
      true,
      false,
    ])
    expect(() => cidToCommR(piece)).to.throw(RangeError, `${piece} is not the CID of a sealed commitment (comm_r)`)
    expect(() => cidToCommD(CID.parse(MESSAGE_CID))).to.throw('is not the CID of an unsealed commitment (comm_d)')
    expect(() => commDToCid(new Uint8Array(31))).to.throw('an unsealed commitment (comm_d) has 31 bytes, expected 32')
  })

  it('names what is no CID', () => {
    const issue = CidJson.safeDecode({ '/': 'bafynot' }).error?.issues[0]
    expect(issue?.path).to.deep.equal(['/'])
    expect(issue?.message).to.match(/^not a CID: "bafynot"/)
    expect(CidJson.safeDecode({} as never).success).to.equal(false)
    expect(CidJson.safeEncode('x' as never).error?.issues[0]?.message).to.equal('expected a CID')
  })
})

describe('wire/tipset-key', () => {
  it('is a list of CIDs, empty for the head', () => {
    expect(TipSetKey.decode(null)).to.deep.equal([])
    const json = [{ '/': MESSAGE_CID }, { '/': VECTORS[0]!.sealedCid }]
    const key = TipSetKey.decode(json)
    expect(TipSetKey.encode(key)).to.deep.equal(json)
    expect(tipSetKeyText(key)).to.equal(`{${MESSAGE_CID},${VECTORS[0]!.sealedCid}}`)
    expect(tipSetKeysEqual(key, TipSetKey.decode(json))).to.equal(true)
    expect(tipSetKeysEqual(key, key.slice(1))).to.equal(false)
    expect(tipSetKeysEqual(key, key.toReversed())).to.equal(false)
  })
})
