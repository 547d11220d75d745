import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { NativeVerifier } from '../../../daemon/devnet/native-verifier.js'
import type { SealToVerify, UpdateToVerify, WindowPostToVerify } from '../../../daemon/devnet/proofs.js'
import { fromHex } from '../../../rpc-schema/wire/bytes.js'
import { zeroPieceCommitment } from '../../../rpc-schema/wire/piece.js'
import { sealProofByName } from '../../../rpc-schema/wire/proof-types.js'

interface Fixture {
  seal: Record<'sealProof' | 'ticket' | 'seed' | 'commR' | 'commD' | 'proof', string> & { sectorId: number }
  window: { randomness: string; replicas: { sectorId: number; commR: string }[]; proof: string }
  update: Record<'commROld' | 'commRNew' | 'commDNew' | 'proof', string>
}

describe('devnet: the native verifier', function () {
  this.timeout(60_000)
  // A real proof of a sector of f01000.
  const { seal, window, update } = JSON.parse(
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

  it('accepts the window proof of these sectors, and of no others', async () => {
    const post: WindowPostToVerify = {
      postProof: 10,
      miner: 1000,
      randomness: fromHex(window.randomness),
      sectors: window.replicas.map(({ sectorId, commR }) => ({ number: sectorId, commR: fromHex(commR) })),
      proof: fromHex(window.proof),
    }
    expect(await verifier.verifyWindowPost(post)).to.equal(true)
    const [sector] = post.sectors
    // Whose the sectors are, only the randomness says: the proof itself does not hold the miner.
    const others: Partial<WindowPostToVerify>[] = [
      { randomness: new Uint8Array(32).fill(9) },
      { sectors: [{ ...sector!, number: 101 }] },
      { sectors: [{ ...sector!, commR: fromHex(update.commROld) }] },
      { sectors: [{ ...sector!, commR: new Uint8Array(32) }] },
      { sectors: [...post.sectors, { ...sector!, number: 101 }] },
      { proof: new Uint8Array(192) },
      { proof: Uint8Array.of(1) },
      { proof: new Uint8Array() },
    ]
    for (const [at, other] of others.entries())
      expect(await verifier.verifyWindowPost({ ...post, ...other }), `case ${at}`).to.equal(false)
  })

  it('accepts the proof of this replica update, and of no other', async () => {
    const real: UpdateToVerify = {
      updateProof: 0,
      commROld: fromHex(update.commROld),
      commRNew: fromHex(update.commRNew),
      commDNew: fromHex(update.commDNew),
      proof: fromHex(update.proof),
    }
    expect(await verifier.verifyUpdate(real)).to.equal(true)
    const others: Partial<UpdateToVerify>[] = [
      { commROld: real.commRNew },
      { commRNew: real.commROld },
      { commDNew: zeroPieceCommitment(2048) },
      { commDNew: new Uint8Array(32) },
      { proof: new Uint8Array(192) },
      { proof: Uint8Array.of(1) },
      { proof: new Uint8Array() },
    ]
    for (const [at, other] of others.entries())
      expect(await verifier.verifyUpdate({ ...real, ...other }), `case ${at}`).to.equal(false)
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
