import { expect } from 'chai'
import { silentLog } from '../../../../../daemon/kit/log.js'
import type { ProofComputer } from '../../../../../daemon/manager/post/provers/local/proof-process.js'
import { LocalWinningProver } from '../../../../../daemon/manager/post/winning/local-winning-prover.js'
import { HungStoreError } from '../../../../../daemon/manager/storage/helper/store-helper.js'
import { NoPlaceError, type SectorPlace } from '../../../../../daemon/manager/storage/sector-places.js'
import type { SectorProver } from '../../../../../daemon/manager/storage/sector-proofs.js'
import { ProofsError } from '../../../../../plugins/prover/errors.js'
import type { SectorID } from '../../../../../rpc-schema/wire/sector-id.js'
import { FakeClock } from '../../../worker/support/fake-clock.js'

const LIMIT_MS = 30_000

describe('local winning prover', () => {
  let clock: FakeClock
  let prover: LocalWinningProver
  /** Reads that hang, of each sector. */
  let hangs: Map<number, number>
  let reads: number
  let ends: AbortController

  beforeEach(() => {
    clock = new FakeClock()
    hangs = new Map()
    reads = 0
    ends = new AbortController()
    prover = new LocalWinningProver({
      places: { find },
      reads: { prove: read as unknown as SectorProver['prove'], close: () => {} },
      computer: { compute: compute as unknown as ProofComputer['compute'], close: () => {} },
      clock,
      log: silentLog,
    })
  })

  async function find({ Number: number }: SectorID, upgraded: boolean): Promise<SectorPlace> {
    if (number === 404) throw new NoPlaceError('nowhere')
    const store = { name: 'store', root: upgraded ? '/upgraded' : '/st' }
    return { sealedStore: store, cacheStore: store, sealed: `${number}`, cache: `c/${number}` } as never
  }

  async function read(
    _: string,
    method: string,
    { replica }: { replica: { sectorId: number; sealedPath: string } },
    { runMs }: { runMs: number },
  ): Promise<{ vanillaProof: Uint8Array }> {
    expect(method).to.equal('postVanillaProof')
    reads += 1
    const left = hangs.get(replica.sectorId) ?? 0
    if (left > 0) {
      hangs.set(replica.sectorId, left - 1)
      await clock.sleep(runMs)
      throw new HungStoreError('store', 'no answer')
    }
    if (replica.sectorId === 13) throw new ProofsError({ code: 'IO', message: 'p_aux is not there', causes: [] })
    return { vanillaProof: Uint8Array.of(replica.sealedPath.startsWith('/upgraded') ? 100 : replica.sectorId) }
  }

  async function compute(
    method: string,
    request: { proofType: string; sectorIds?: number[]; vanillaProofs?: Uint8Array[] },
  ): Promise<unknown> {
    if (method === 'fallbackChallenges') return request.sectorIds!.map(sectorId => ({ sectorId, challenges: [1] }))
    expect(method).to.equal('winningPostWithVanilla')
    expect(request.proofType).to.equal('StackedDrgWinning2KiBV1')
    return [{ proofType: request.proofType, proof: Uint8Array.from(request.vanillaProofs!.map(([byte]) => byte!)) }]
  }

  /** Turns time on whenever all wait for it. */
  async function proven(number: number, upgraded = false): Promise<Uint8Array | string> {
    const replicas = [{ number, commR: new Uint8Array(32), upgraded }]
    const randomness = new Uint8Array(32)
    const request = { miner: 1000, postProof: 0, replicas, randomness, limitMs: LIMIT_MS }
    let answer: Uint8Array | string | undefined
    prover.prove(request, ends.signal).then(
      ([proof]) => {
        answer = proof!.ProofBytes
      },
      (error: Error) => {
        answer = error.message
      },
    )
    while (answer === undefined) {
      await new Promise(setImmediate)
      clock.turn()
    }
    return answer
  }

  it('proves from the files of the sector, and of its upgrade', async () => {
    expect(await proven(7)).to.deep.equal(Uint8Array.of(7))
    expect(await proven(7, true)).to.deep.equal(Uint8Array.of(100))
  })

  it('a store that hangs is asked again while there is time', async () => {
    hangs.set(7, 1)
    const start = clock.now()
    expect(await proven(7)).to.deep.equal(Uint8Array.of(7))
    expect(reads).to.equal(2)
    expect(clock.now() - start).to.be.lessThan(LIMIT_MS / 2)
  })

  it('and given up so early that the answer still comes in time', async () => {
    hangs.set(7, Number.POSITIVE_INFINITY)
    const start = clock.now()
    expect(await proven(7)).to.match(/^sector 7 cannot be read: .*no answer/)
    expect(clock.now() - start).to.be.lessThan(LIMIT_MS)
    expect(reads).to.be.greaterThan(1)
  })

  it('a sector that is bad, or nowhere, is told of', async () => {
    expect(await proven(13)).to.equal('sector 13 cannot be read: p_aux is not there')
    expect(await proven(404)).to.equal('no files of sector 404 are known')
  })

  it('ends with its signal at once, in the middle of a read that hangs', async () => {
    hangs.set(7, 1)
    const answer = proven(7)
    ends.abort(new Error('too late'))
    expect(await answer).to.equal('too late')
  })
})
