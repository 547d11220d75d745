import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { systemClock } from '../../../../../daemon/kit/clock.js'
import { silentLog } from '../../../../../daemon/kit/log.js'
import { ExtProverSettings } from '../../../../../daemon/manager/config/ext-prover-settings.js'
import { openWindowProver } from '../../../../../daemon/manager/post/provers/open-window-prover.js'
import { TrialGuard } from '../../../../../daemon/manager/post/provers/trial-guard.js'
import type { WindowProofRequest } from '../../../../../daemon/manager/post/window-prover.js'
import { Address } from '../../../../../rpc-schema/wire/address.js'
import { commRToCid } from '../../../../../rpc-schema/wire/cid.js'
import { PretendedWindowProver, pretendedProof } from '../pretended-window-prover.js'

const CHILD = fileURLToPath(new URL('../../../../../../test/fixtures/processors/window-child.mjs', import.meta.url))

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

  it('so it is with the processes of ext-prover.cfg', async () => {
    const store = { name: 'st', root: '/st' }
    const place = { sealedStore: store, cacheStore: store, sealed: 'sealed/1', cache: 'cache/1' } as never
    const closing: (() => unknown)[] = []
    const { windowProver, simulate } = openWindowProver({
      kind: ExtProverSettings.parse({ WdPost: [{ Bin: process.execPath, Args: [CHILD, 'child', 'hang'] }] }),
      db: undefined as never,
      places: { find: async () => place } as never,
      settings: {} as never,
      clock: systemClock,
      log: silentLog,
      closing,
    })
    const sector = { SealProof: 5, SectorNumber: 1, SealedCID: commRToCid(new Uint8Array(32)), SectorKey: null }
    const trial = {
      deadline: 0,
      partition: 0,
      miner: Address.fromId(1000),
      postProof: 10,
      sectors: [sector],
      randomness: new Uint8Array(32).fill(1),
    }
    const stop = new AbortController()
    const proof = windowProver.prove(request([1]), stop.signal).catch((error: Error) => error.message)
    expect(() => simulate!(trial)).to.throw('are being proven for the chain')
    stop.abort(new Error('the deadline is over'))
    expect(await proof).to.equal('the deadline is over')
    simulate!(trial)
    for (const close of closing) await close()
  })
})
