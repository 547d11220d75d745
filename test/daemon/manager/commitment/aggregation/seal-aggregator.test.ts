import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { nativeSealAggregator } from '../../../../../daemon/manager/commitment/aggregation/seal-aggregator.js'
import type { SealClaim } from '../../../../../daemon/manager/commitment/seal-verifier.js'
import { ensureParameters } from '../../../../../plugins/prover/parameters.js'
import { fromHex } from '../../../../../rpc-schema/wire/bytes.js'

const { seal } = JSON.parse(
  readFileSync(new URL('../../../../../../test/vectors/development-proofs.json', import.meta.url), 'utf8'),
) as { seal: Record<'ticket' | 'seed' | 'commR' | 'commD' | 'proof', string> & { sectorId: number } }

describe('manager: the native aggregator', function () {
  this.timeout(120_000)
  const aggregator = nativeSealAggregator()
  before(() => ensureParameters({ sectorSize: 2048, sets: ['srs'] }))
  after(() => aggregator.close())

  const claim: SealClaim = {
    sector: { Miner: 1000, Number: seal.sectorId },
    sealProofType: 5,
    ticket: fromHex(seal.ticket),
    seed: fromHex(seal.seed),
    commR: fromHex(seal.commR),
    commD: fromHex(seal.commD),
    proof: fromHex(seal.proof),
  }

  it('makes one proof of four, which verifies', async () => {
    expect(await aggregator.problem()).to.equal(undefined)
    expect(await aggregator.aggregate([claim, claim, claim, claim])).to.have.length(8_212)
  })

  it('does not hand out one that does not verify', async () => {
    const wrong = { ...claim, seed: new Uint8Array(32).fill(1) }
    const failure = await aggregator.aggregate([claim, claim, claim, wrong]).catch((error: Error) => error.message)
    expect(failure).to.match(/does not verify/)
  })
})
