import { blake2b } from '@noble/hashes/blake2.js'
import { expect } from 'chai'
import { CID } from 'multiformats/cid'
import { Address } from '../../../rpc-schema/wire/address.js'
import { BlockHeader, BlockHeaderCbor, blockCid } from '../../../rpc-schema/wire/block-header.js'
import { fromBase64, fromHex, toHex } from '../../../rpc-schema/wire/bytes.js'
import { CidJson } from '../../../rpc-schema/wire/cid.js'
import {
  Message,
  MessageCbor,
  messageCid,
  SignedMessage,
  SignedMessageCbor,
  signedMessageCid,
} from '../../../rpc-schema/wire/message.js'
import { Signature, SignatureCbor, signaturesEqual } from '../../../rpc-schema/wire/signature.js'
import { lotusResult, withoutNil } from './golden.js'

type Link = { '/': string }
type MessageJson = Parameters<typeof Message.decode>[0] & { CID: Link }
type SignedJson = Parameters<typeof SignedMessage.decode>[0] & { CID: Link }
type TipSetJson = { Cids: Link[]; Blocks: Parameters<typeof BlockHeader.decode>[0][] }

describe('wire/message', () => {
  for (const name of [
    'ChainGetMessage',
    'onboard.ChainGetMessage.precommit',
    'onboard.ChainGetMessage.provecommit3',
    'onboard.ChainGetMessage.wdpost',
  ]) {
    it(`computes the CID of a message of a real chain (${name})`, () => {
      const json = lotusResult<MessageJson>(name)
      const message = Message.decode(json)
      expect(messageCid(message).toString()).to.equal(json.CID['/'])
      expect(Message.encode(message)).to.deep.equal(json)
      expect(Message.encode(MessageCbor.decode(MessageCbor.encode(message), 't'))).to.deep.equal(json)
    })
  }

  for (const json of [
    lotusResult<SignedJson>('MpoolPushMessage'),
    ...lotusResult<SignedJson[]>('MpoolPending.nonempty'),
    ...lotusResult<SignedJson[]>('MpoolBatchPushMessage'),
  ]) {
    it(`computes the CID of the BLS-signed message ${json.CID['/'].slice(-8)}`, () => {
      const signed = SignedMessage.decode(json)
      expect(signedMessageCid(signed).toString()).to.equal(json.CID['/'])
      expect(SignedMessage.encode(signed)).to.deep.equal(json)
      expect(SignedMessageCbor.decode(SignedMessageCbor.encode(signed))).to.deep.equal(signed)
    })
  }

  it('knows a secp256k1-signed message by the hash of message and signature', () => {
    const message = Message.decode(lotusResult<MessageJson>('ChainGetMessage'))
    const signed = { Message: message, Signature: { Type: 1, Data: new Uint8Array(65).fill(9) } }
    // A list of two: the message, and a byte string of 66 with the type in front.
    const cbor = fromHex(`82${toHex(MessageCbor.encode(message))}584201${'09'.repeat(65)}`)
    const link = `0171a0e40220${toHex(blake2b(cbor, { dkLen: 32 }))}`
    expect(signedMessageCid(signed).equals(CID.decode(fromHex(link)))).to.equal(true)
    expect(signedMessageCid(signed).equals(messageCid(message))).to.equal(false)
  })

  it('does not believe the CID it is given, nor need one', () => {
    const json = lotusResult<MessageJson>('ChainGetMessage')
    const { CID: _, ...bare } = json
    expect(Message.encode(Message.decode(bare))).to.deep.equal(json)
    const lie = { ...json, CID: { '/': 'bafy2bzacedlsaq2yo2k3uadgagtebqxatgr7nwkgb6ucqr2p2tq4ajawvxbzo' } }
    expect(Message.encode(Message.decode(lie))).to.deep.equal(json)
  })

  it('refuses to write what the chain cannot hold', () => {
    const message = Message.decode(lotusResult<MessageJson>('ChainGetMessage'))
    const bad = Message.safeEncode({ ...message, From: Address.EMPTY })
    expect(bad.error?.issues[0]?.message).to.equal('From: expected an address, found text "<empty>"')
    expect(() => messageCid({ ...message, From: Address.EMPTY })).to.throw(
      'From: expected an address, found text "<empty>"',
    )
    expect(() => Message.decode({ ...lotusResult<MessageJson>('ChainGetMessage'), To: 'f0x' })).to.throw(
      'address \\"f0x\\"',
    )
  })
})

describe('wire/signature', () => {
  it('is a byte string with the type in front', () => {
    const signature = Signature.decode({ Type: 2, Data: 'AQID' })
    expect(toHex(SignatureCbor.encode(signature))).to.equal('4402010203')
    expect(signaturesEqual(SignatureCbor.decode(fromHex('4402010203')), signature)).to.equal(true)
    expect(() => SignatureCbor.decode(fromHex('40'))).to.throw('signature of 0 bytes, expected 1–200')
    expect(() => SignatureCbor.decode(fromHex('01'))).to.throw('expected a signature')
    expect(() => SignatureCbor.encode({ Type: 256, Data: new Uint8Array() })).to.throw(
      'signature type 256 does not fit a byte',
    )
  })
})

describe('wire/block-header', () => {
  for (const name of ['ChainHead', 'ChainGetGenesis']) {
    it(`computes the CID of a block of a real chain (${name})`, () => {
      const { Cids, Blocks } = lotusResult<TipSetJson>(name)
      const header = BlockHeader.decode(Blocks[0]!)
      expect(CidJson.encode(blockCid(header))).to.deep.equal(Cids[0])
      expect(withoutNil(BlockHeader.encode(header))).to.deep.equal(withoutNil(Blocks[0]))
    })
  }

  it('reads and writes the very bytes that the node stores', () => {
    const stored = fromBase64(lotusResult<string>('ChainReadObj'))
    const { Blocks } = lotusResult<TipSetJson>('ChainHead')
    expect(toHex(BlockHeaderCbor.encode(BlockHeader.decode(Blocks[0]!)))).to.equal(toHex(stored))
    expect(BlockHeader.encode(BlockHeaderCbor.decode(stored, 't'))).to.deep.equal(Blocks[0])
  })
})
