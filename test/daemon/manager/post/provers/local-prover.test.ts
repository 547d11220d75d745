import { expect } from 'chai'
import { silentLog } from '../../../../../daemon/kit/log.js'
import { LocalProver } from '../../../../../daemon/manager/post/provers/local/local-prover.js'
import type { ProofComputer } from '../../../../../daemon/manager/post/provers/local/proof-process.js'
import type { WindowProofRequest, WindowProofResult } from '../../../../../daemon/manager/post/window-prover.js'
import { HungStoreError } from '../../../../../daemon/manager/storage/helper/store-helper.js'
import { NoPlaceError, type SectorPlace } from '../../../../../daemon/manager/storage/sector-places.js'
import type { SectorProver } from '../../../../../daemon/manager/storage/sector-proofs.js'
import { ProofsError, type ProofsErrorCode } from '../../../../../plugins/prover/errors.js'
import type { SectorID } from '../../../../../rpc-schema/wire/sector-id.js'
import { FakeClock } from '../../../worker/support/fake-clock.js'

const MINUTE = 60_000
const HUNG = 'hung'
const GOOD = 'good'

describe('local prover', () => {
  let clock: FakeClock
  let prover: LocalProver
  /** Sectors of the store that hangs. */
  let hung: Set<number>
  /** Sectors that take most of their time to be read. */
  let slow: Set<number>
  /** What reading a sector fails with, and how often. */
  let broken: Map<number, { code: ProofsErrorCode; times: number }>
  let reads: number[]
  let computed: { method: string; vanillas: number; partition: number }[]
  let ends: AbortController

  beforeEach(() => {
    clock = new FakeClock()
    hung = new Set()
    slow = new Set()
    broken = new Map()
    reads = []
    computed = []
    ends = new AbortController()
    prover = new LocalProver({
      places: { find },
      reads: { prove: read as unknown as SectorProver['prove'], close: () => {} },
      computer: { compute: compute as unknown as ProofComputer['compute'], close: () => {} },
      limits: { SingleCheckTimeout: 10 * MINUTE, PartitionCheckTimeout: 20 * MINUTE },
      clock,
      log: silentLog,
    })
  })

  async function find({ Number: number }: SectorID): Promise<SectorPlace> {
    if (number === 404) throw new NoPlaceError('nowhere')
    const store = { name: hung.has(number) ? HUNG : GOOD, root: '/st' }
    return { sealedStore: store, cacheStore: store, sealed: `sealed/${number}`, cache: `cache/${number}` } as never
  }

  async function read(
    lane: string,
    _: string,
    { replica }: { replica: { sectorId: number } },
    { runMs }: { runMs: number },
  ): Promise<{ vanillaProof: Uint8Array }> {
    const { sectorId } = replica
    reads.push(sectorId)
    if (lane.startsWith(HUNG) && hung.has(sectorId)) {
      await clock.sleep(runMs)
      throw new HungStoreError(HUNG, 'no answer')
    }
    if (slow.has(sectorId)) await clock.sleep(45_000)
    const trouble = broken.get(sectorId)
    if (trouble === undefined || trouble.times-- <= 0) return { vanillaProof: Uint8Array.of(sectorId) }
    throw new ProofsError({ code: trouble.code, message: 'p_aux is not there', causes: [] })
  }

  async function compute(
    method: string,
    request: { sectorIds?: number[]; vanillaProofs?: Uint8Array[]; partitionIndex?: number },
  ): Promise<unknown> {
    if (method === 'fallbackChallenges') return request.sectorIds!.map(sectorId => ({ sectorId, challenges: [1] }))
    computed.push({ method, vanillas: request.vanillaProofs!.length, partition: request.partitionIndex! })
    return { proof: Uint8Array.from(request.vanillaProofs!.map(([sector]) => sector!)) }
  }

  const request = (numbers: readonly number[], changes: Partial<WindowProofRequest> = {}): WindowProofRequest => ({
    miner: 1000,
    postProof: 10,
    deadline: 1,
    partitions: [0],
    replicas: numbers.map(number => ({ number, commR: new Uint8Array(32), upgraded: false })),
    randomness: new Uint8Array(32),
    ...changes,
  })

  /** Turns time on whenever all wait for it. */
  async function proven(of: WindowProofRequest): Promise<WindowProofResult> {
    let over = false
    const result = prover.prove(of, ends.signal).finally(() => {
      over = true
    })
    result.catch(() => undefined)
    while (!over) {
      await new Promise(setImmediate)
      clock.turn()
    }
    return result
  }

  it('proves partition by partition, in the order of the sectors', async () => {
    const { proofs, faults } = await proven(request([1, 2, 3, 4, 5], { partitions: [0, 1, 2] }))
    expect(faults).to.deep.equal([])
    expect(proofs).to.deep.equal([{ PoStProof: 10, ProofBytes: Buffer.from([1, 2, 3, 4, 5]) }])
    expect(computed.map(({ vanillas, partition }) => [partition, vanillas])).to.deep.equal([
      [0, 2],
      [1, 2],
      [2, 1],
    ])
  })

  it('a store that hangs costs its own sectors, after the time for them, and no others', async () => {
    hung = new Set([1, 3])
    const start = clock.now()
    expect(await proven(request([1, 2, 3, 4]))).to.deep.equal({ proofs: [], faults: [1, 3] })
    expect(clock.now() - start).to.be.within(19 * MINUTE, 20 * MINUTE)
    expect(reads.filter(sector => sector === 2)).to.have.length(1)
    expect(reads.filter(sector => sector === 1).length).to.be.greaterThan(5)
  })

  it('reading leaves the greater part of the time until the deadline closes to the proof', async () => {
    hung = new Set([1])
    const start = clock.now()
    const closesAt = start + 10 * MINUTE
    expect((await proven(request([1, 2], { closesAt }))).faults).to.deep.equal([1])
    expect(clock.now() - start).to.be.within(3 * MINUTE, 4 * MINUTE)
  })

  it('what waits behind it has its own part of the time for reading', async () => {
    hung = new Set([1])
    const start = clock.now()
    const closesAt = start + 30 * MINUTE
    expect(await proven(request([1, 2], { closesAt, behind: 2 }))).to.deep.equal({ proofs: [], faults: [], late: [1] })
    expect(clock.now() - start).to.be.within(3 * MINUTE, 4 * MINUTE)
    expect((await proven(request([1, 2], { closesAt }))).faults, 'nothing waits any more').to.deep.equal([1])
    expect(clock.now() - start).to.be.within(13 * MINUTE, 15 * MINUTE)
  })

  it('a store that is slow, and gives one sector after the other, is read from for longer than a silent one', async () => {
    const numbers = Array.from({ length: 40 }, (_, index) => index + 1)
    slow = new Set(numbers)
    const start = clock.now()
    const closesAt = start + 30 * MINUTE
    expect((await proven(request(numbers, { closesAt, behind: 2 }))).proofs).to.have.length(1)
    expect(clock.now() - start, 'the share of a silent store is 4 minutes').to.be.within(7 * MINUTE, 8 * MINUTE)
  })

  it('a bad sector is a fault beside one that is late', async () => {
    hung = new Set([1])
    broken.set(2, { code: 'IO', times: 9 })
    const closesAt = clock.now() + 30 * MINUTE
    const result = await proven(request([1, 2, 3], { closesAt, behind: 2 }))
    expect(result).to.deep.equal({ proofs: [], faults: [2], late: [1] })
  })

  it('what was read is not read again for the proof without the bad ones, but for another challenge it is', async () => {
    broken.set(1, { code: 'IO', times: 9 })
    expect((await proven(request([1, 2, 3]))).faults).to.deep.equal([1])
    const looks = () => reads.filter(sector => sector !== 1)
    expect(looks()).to.have.members([2, 3])
    expect((await proven(request([2, 3]))).proofs[0]!.ProofBytes).to.deep.equal(Buffer.from([2, 3]))
    expect(looks()).to.have.length(2)

    await proven(request([1, 2, 3]))
    expect(looks(), 'it was given once').to.have.length(4)
    await proven(request([2, 3], { randomness: new Uint8Array(32).fill(1) }))
    expect(looks()).to.have.length(6)

    await proven(request([1, 2, 3]))
    const upgraded = [2, 3].map(number => ({ number, commR: new Uint8Array(32).fill(number), upgraded: true }))
    await proven(request([], { replicas: upgraded }))
    expect(looks(), 'an upgrade has landed').to.have.length(10)
  })

  it('a store that answers again in time costs nothing', async () => {
    hung = new Set([1])
    const result = proven(request([1, 2]))
    while (reads.filter(sector => sector === 1).length < 2) await new Promise(setImmediate)
    hung.clear()
    expect((await result).faults).to.deep.equal([])
  })

  it('a sector that is bad is looked at twice, then it is a fault', async () => {
    broken.set(1, { code: 'IO', times: 1 }).set(2, { code: 'PROOFS', times: 9 })
    expect(await proven(request([1, 2, 3]))).to.deep.equal({ proofs: [], faults: [2] })
    expect(reads.filter(sector => sector === 2)).to.have.length(2)
    expect(reads.filter(sector => sector === 3)).to.have.length(1)
    expect(computed).to.deep.equal([])
  })

  it('what is not the fault of a sector makes no sector faulty', async () => {
    broken.set(1, { code: 'NOT_BUILT', times: 9 })
    const error = await proven(request([1, 2])).catch((reason: ProofsError) => reason)
    expect(error).to.have.property('code', 'NOT_BUILT')
  })

  it('S003-82: a sector that was neither attached nor sealed here is nowhere, and a fault at once', async () => {
    expect(await proven(request([1, 404]))).to.deep.equal({ proofs: [], faults: [404] })
    expect(reads).to.deep.equal([])
  })

  it('ends with its signal at once, in the middle of a read that hangs', async () => {
    hung = new Set([1])
    const result = prover.prove(request([1, 2]), ends.signal).catch((reason: Error) => reason.message)
    while (reads.length < 2) await new Promise(setImmediate)
    ends.abort(new Error('the deadline has closed'))
    expect(await result).to.equal('the deadline has closed')
  })
})
