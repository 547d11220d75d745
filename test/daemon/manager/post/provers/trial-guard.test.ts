import { expect } from 'chai'
import { TrialGuard } from '../../../../../daemon/manager/post/provers/trial-guard.js'
import type { WindowProofRequest } from '../../../../../daemon/manager/post/window-prover.js'
import { PretendedWindowProver, pretendedProof } from '../pretended-window-prover.js'

const request = (numbers: readonly number[]): WindowProofRequest => ({
  miner: 1000,
  postProof: 10,
  deadline: 7,
  partitions: [2],
  replicas: numbers.map(number => ({ number, commR: new Uint8Array(32), upgraded: false })),
  randomness: new Uint8Array(32),
})

describe('trials beside real window proofs', () => {
  it('sectors that are being proven for the chain are not proven for trial meanwhile; others are, and these later', async () => {
    const prover = new PretendedWindowProver()
    const guard = new TrialGuard(prover)
    let finish = (): void => {}
    prover.answer = async of => {
      await new Promise<void>(resolve => (finish = resolve))
      return pretendedProof(of)
    }
    const proof = guard.prove(request([1, 2]), new AbortController().signal)
    expect(() => guard.admit(1000, [2, 3])).to.throw(
      'simulate window post: partitions 2 of deadline 7 of f01000 are being proven for the chain',
    )
    guard.admit(1000, [3])
    guard.admit(1001, [2])
    finish()
    expect((await proof).proofs).to.have.length(1)
    guard.admit(1000, [2, 3])
    prover.answer = () => Promise.reject(new Error('it has failed'))
    await guard.prove(request([1, 2]), new AbortController().signal).catch(() => {})
    guard.admit(1000, [1, 2])
  })
})
