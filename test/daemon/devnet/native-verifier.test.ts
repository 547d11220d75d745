import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { NativeVerifier } from '../../../daemon/devnet/native-verifier.js'
import type { SealToVerify } from '../../../daemon/devnet/proofs.js'
import { fromHex } from '../../../rpc-schema/wire/bytes.js'
import { zeroPieceCommitment } from '../../../rpc-schema/wire/piece.js'
import { sealProofByName } from '../../../rpc-schema/wire/proof-types.js'

interface Fixture {
  seal: Record<'sealProof' | 'ticket' | 'seed' | 'commR' | 'commD' | 'proof', string> & { sectorId: number }
}

describe('devnet: the native verifier', function () {
  this.timeout(60_000)
  // A real proof of a sector of f01000.
  const { seal } = JSON.parse(
    readFileSync(new URL('../../../../test/vectors/development-proofs.json', import.meta.url), 'utf8'),
  ) as Fixture
  const real: SealToVerify = {
    sealProof: sealProofByName(seal.sealProof).number,
    miner: 1000,
    number: seal.sectorId,
    ticket: fromHex(seal.ticket),
    seed: fromHex(seal.seed),
    commR: fromHex(seal.commR),
    commD: fromHex(seal.commD),
    proof: fromHex(seal.proof),
  }
  const verifier = new NativeVerifier()
  const dir = mkdtempSync(join(tmpdir(), 'devnet-native-'))
  after(async () => {
    await verifier.close()
    rmSync(dir, { recursive: true, force: true })
  })

  it('accepts the proof of this sector, and of no other', async () => {
    expect(await verifier.verifySeal(real)).to.equal(true)
    const others: Partial<SealToVerify>[] = [
      { number: 101 },
      { miner: 1001 },
      { ticket: new Uint8Array(32) },
      { seed: new Uint8Array(32) },
      { commD: zeroPieceCommitment(2048).map((byte, at) => (at === 0 ? byte ^ 1 : byte)) },
      { proof: new Uint8Array(192) },
      { proof: new Uint8Array(192).fill(1) },
      { proof: Uint8Array.of(1) },
      { proof: new Uint8Array() },
    ]
    for (const other of others)
      expect(await verifier.verifySeal({ ...real, ...other }), Object.keys(other).join()).to.equal(false)
  })

  it('takes commitments that are none for wrong ones', async () => {
    for (const bytes of [new Uint8Array(32), new Uint8Array(32).fill(0xff)]) {
      expect(await verifier.verifySeal({ ...real, commR: bytes })).to.equal(false)
      expect(await verifier.verifySeal({ ...real, commD: bytes })).to.equal(false)
    }
  })

  it('computes piece commitments, the rest of the piece filled with zeros', async () => {
    const path = join(dir, 'piece')
    const commitment = (bytes: Uint8Array, paddedBytes: number) => {
      writeFileSync(path, bytes)
      return verifier.pieceCommitment({ path, payloadBytes: bytes.length, paddedBytes })
    }
    for (const size of [256, 2048]) {
      expect(await commitment(new Uint8Array(100), size)).to.deep.equal(zeroPieceCommitment(size))
    }
    const some = await commitment(new Uint8Array(100).fill(1), 256)
    expect(some).to.not.deep.equal(zeroPieceCommitment(256))
    expect(
      await commitment(Uint8Array.from([...new Uint8Array(100).fill(1), ...new Uint8Array(154)]), 256),
    ).to.deep.equal(some)
  })
})
