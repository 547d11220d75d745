import { expect } from 'chai'
import { silentLog } from '../../../../../daemon/kit/log.js'
import { WinningDesk } from '../../../../../daemon/manager/post/winning/winning-desk.js'
import { FakeClock } from '../../../worker/support/fake-clock.js'
import { challenged, firstByteVerifier, PretendedWinningProver, RANDOMNESS } from './pretended-winning.js'

const asked = (SectorInfos: ReturnType<typeof challenged>[], Rand = RANDOMNESS) => ({
  SectorInfos,
  Rand,
  Height: 100,
  NWVersion: 22,
})

describe('winning proofs', () => {
  let clock: FakeClock
  let prover: PretendedWinningProver
  let told: [number, string][]
  let desk: WinningDesk
  let ends: AbortController

  beforeEach(() => {
    clock = new FakeClock()
    prover = new PretendedWinningProver()
    told = []
    ends = new AbortController()
    desk = new WinningDesk({
      prover,
      verifier: firstByteVerifier,
      clock,
      log: silentLog,
      answered: (miner, outcome) => void told.push([miner, outcome]),
    })
  })

  const refusal = (of: ReturnType<typeof asked>): Promise<string> =>
    desk.prove(1000, of, ends.signal).then(
      () => 'proven',
      (error: Error) => error.message,
    )

  it('are of the type that the seal proof of the sector says; an upgraded sector is proven with its new files', async () => {
    expect(await desk.prove(1000, asked([challenged(7, 8, true)]), ends.signal)).to.deep.equal([
      { PoStProof: 3, ProofBytes: Uint8Array.of(7) },
    ])
    expect(prover.requests[0]).to.deep.include({ miner: 1000, postProof: 3, randomness: RANDOMNESS })
    expect(prover.requests[0]!.replicas.map(({ number, upgraded }) => [number, upgraded])).to.deep.equal([[7, true]])
    expect(told).to.deep.equal([[1000, 'proven']])
    expect(clock.sleepers, 'nothing is left behind').to.equal(0)
  })

  const REFUSED: readonly [string, ReturnType<typeof asked>, RegExp][] = [
    ['without sectors', asked([]), /must provide sectors for winning post/],
    ['with a short randomness', asked([challenged(7)], new Uint8Array(31)), /Rand: expected 32 bytes, found 31/],
    ['for sectors of two sizes', asked([challenged(7, 5), challenged(8, 8)]), /7 and 8 are not of the same size/],
  ]
  for (const [what, request, why] of REFUSED)
    it(`a request ${what} is refused, with the reason, and nobody is asked`, async () => {
      expect(await refusal(request)).to.match(why)
      expect(prover.requests).to.deep.equal([])
      expect(told).to.deep.equal([[1000, 'failed']])
    })

  it('a proof that does not verify is not given', async () => {
    expect(await refusal(asked([challenged(0)]))).to.equal('the proof is not right: it is not given')
    expect(told).to.deep.equal([[1000, 'failed']])
  })

  it('no proof, and more than one, are an error', async () => {
    prover.answer = async () => []
    expect(await refusal(asked([challenged(1)]))).to.include('expected one proof, the prover gave 0')
    prover.answer = async () => [1, 2].map(byte => ({ PoStProof: 0, ProofBytes: Uint8Array.of(byte) }))
    expect(await refusal(asked([challenged(1)]))).to.include('expected one proof, the prover gave 2')
  })

  it('what hangs is given up after 30 s, and the prover is told', async () => {
    let isTold = false
    prover.answer = (_, signal) =>
      new Promise(() => {
        signal.addEventListener('abort', () => {
          isTold = true
        })
      })
    const answer = refusal(asked([challenged(1)]))
    clock.advance(29_999)
    await new Promise(setImmediate)
    expect(told).to.deep.equal([])
    clock.advance(1)
    expect(await answer).to.equal('winning proof of f01000: not done within 30000 ms')
    expect(isTold).to.equal(true)
  })

  it('the end of the manager ends them', async () => {
    prover.answer = () => new Promise(() => {})
    const answer = refusal(asked([challenged(1)]))
    ends.abort(new Error('the manager stops'))
    expect(await answer).to.equal('the manager stops')
  })
})
