import { expect } from 'chai'
import { NativeTrialReads } from '../../../../../daemon/manager/post/provers/local/trial-reads.js'
import type { PlacedReplica } from '../../../../../daemon/manager/post/provers/placed-replicas.js'
import { HungStoreError } from '../../../../../daemon/manager/storage/helper/store-helper.js'
import type { SectorProver } from '../../../../../daemon/manager/storage/sector-proofs.js'
import { FakeClock } from '../../../worker/support/fake-clock.js'

const never = new AbortController().signal

describe('reading for trial', () => {
  let clock: FakeClock
  let asked: { lane: string; sector: number; challenges: number }[]

  beforeEach(() => {
    clock = new FakeClock()
    asked = []
  })

  /** The first request of a store starts a process, which takes a second; a sector takes ten ms a challenge. */
  const prove = async (
    lane: string,
    method: string,
    request: { sectorIds?: number[]; replica?: { sectorId: number }; challenges?: number[] },
    { runMs }: { runMs: number },
  ): Promise<unknown> => {
    if (method === 'fallbackChallenges')
      return request.sectorIds!.map(sectorId => ({ sectorId, challenges: [1, 2, 3] }))
    const isFirst = !asked.some(other => other.lane === lane)
    const { sectorId: sector } = request.replica!
    asked.push({ lane, sector, challenges: request.challenges!.length })
    if (lane.startsWith('hung')) {
      clock.advance(runMs)
      throw new HungStoreError('hung', 'no answer')
    }
    if (sector === 13) throw new Error('p_aux is not there')
    clock.advance((isFirst ? 1_000 : 0) + 10 * request.challenges!.length)
    return { vanillaProof: new Uint8Array() }
  }

  const replica = (number: number, store: string): PlacedReplica => {
    const place = { name: store, root: '/st' }
    return {
      number,
      commR: new Uint8Array(32),
      upgraded: false,
      place: { sealedStore: place, cacheStore: place, sealed: 's', cache: 'c' } as never,
    }
  }
  const read = (replicas: PlacedReplica[]) =>
    new NativeTrialReads({ prove, close: () => {} } as unknown as SectorProver, clock).read(
      { miner: 1_000, postProof: 10, replicas, limits: { sectorMs: 60_000, storeMs: 120_000 } },
      never,
    )

  it('measures each sector with all its challenges; the start of the process does not count', async () => {
    const { readings, failures } = await read([replica(1, 'a'), replica(2, 'a')])
    expect(readings).to.deep.equal([
      { sector: 1, store: 'a', tookMs: 30 },
      { sector: 2, store: 'a', tookMs: 30 },
    ])
    expect(failures.size).to.equal(0)
    expect(asked.map(({ sector, challenges }) => [sector, challenges])).to.deep.equal([
      [1, 1],
      [1, 3],
      [2, 3],
    ])
  })

  it('a sector that cannot be read is named, and the others are read', async () => {
    const { readings, failures } = await read([replica(13, 'a'), replica(2, 'a')])
    expect([...failures]).to.deep.equal([[13, 'p_aux is not there']])
    expect(readings.map(({ sector }) => sector)).to.deep.equal([2])
  })

  it('a store that hangs is not asked for all of its sectors', async () => {
    const { readings, failures } = await read([1, 2, 3, 4, 5].map(number => replica(number, 'hung')))
    expect(readings).to.deep.equal([])
    expect([...failures.keys()]).to.deep.equal([1, 2])
  })
})
