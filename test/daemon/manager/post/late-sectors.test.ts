import { expect } from 'chai'
import { silentLog } from '../../../../daemon/kit/log.js'
import { LocalProver } from '../../../../daemon/manager/post/provers/local/local-prover.js'
import type { ProofComputer } from '../../../../daemon/manager/post/provers/local/proof-process.js'
import type { WindowProver } from '../../../../daemon/manager/post/window-prover.js'
import { HungStoreError } from '../../../../daemon/manager/storage/helper/store-helper.js'
import type { SectorProver } from '../../../../daemon/manager/storage/sector-proofs.js'
import type { WindowRecord } from '../../../../rpc-schema/manager/post-timeline.js'
import { MAINNET_DEADLINES } from '../../../../rpc-schema/wire/deadline.js'
import { simulate } from './post-simulation.js'
import type { SimulatedChain } from './simulated-chain.js'

const MINER = { id: 1000, offset: 7, partitions: 5, sectors: 2 }
const HUNG = 'hung'
/** What is in the store that hangs: one of the first message's sectors. */
const LATE_SECTOR = 1

/** A message that was proven: its window, the epoch, and the sectors in it. */
interface Proven {
  readonly open: number
  readonly at: number
  readonly partitions: string
  readonly withLate: boolean
}

/** The real poster and the real prover of this machine, on a chain and with stores that are made up. */
describe('sectors that are late', function () {
  this.timeout(120_000)

  /** `hangsAt`: whether the store hangs, by epochs from the opening of a window. */
  async function windows(hangsAt: (epoch: number) => boolean, sectorMs = 10 * 60_000) {
    const proven: Proven[] = []
    const judged: WindowRecord[] = []
    let looks = 0
    const result = await simulate({
      miners: [MINER],
      constants: { ...MAINNET_DEADLINES, WPoStPeriodDeadlines: 8, WPoStProvingPeriod: 480 },
      epochs: 400,
      seed: 1,
      calm: true,
      impose: (_, __, storage) => storage.impose({ look: 0 }),
      observer: { judged: record => void judged.push(record) },
      prover: chain => {
        const local = localProver(chain, sectorMs, () => {
          looks += 1
          return hangsAt(sinceOpening(chain))
        })
        return {
          prove: async (request, signal, progress) => {
            const made = await local.prove(request, signal, progress)
            if (made.proofs.length > 0)
              proven.push({
                open: chain.height - sinceOpening(chain),
                at: sinceOpening(chain),
                partitions: request.partitions.join(),
                withLate: request.replicas.some(({ number }) => number === LATE_SECTOR),
              })
            return made
          },
          close: () => local.close(),
        }
      },
    })
    expect(result.missed).to.deep.equal([])
    expect(result.wrong).to.deep.equal([])
    // The simulation begins in the middle of the first window, so that the second is late, too.
    const whole = judged.filter(({ Outcome }) => Outcome === 'proven').slice(2)
    expect(whole.length).to.be.greaterThan(2)
    return { proven: whole.map(({ Open }) => proven.filter(({ open }) => open === Open)), judged: whole, looks }
  }

  it('what waits behind is proven first, then they are tried again; with a store that answers by then, nothing is left out', async () => {
    const { proven, judged } = await windows(epoch => epoch < 10)
    for (const window of proven) {
      expect(window.map(({ partitions, withLate }) => [partitions, withLate])).to.deep.equal([
        ['3,4', false],
        ['0,1,2', true],
      ])
      expect(window[0]!.at, 'while the store hangs').to.be.lessThan(10)
      expect(window[1]!.at, 'as soon as it answers').to.be.within(10, 20)
    }
    expect(judged.every(({ Skipped }) => Skipped === 0)).to.equal(true)
  })

  it('they are left out when there is no time to wait for them any more, and the others land', async () => {
    const { proven, judged, looks } = await windows(() => true)
    for (const window of proven) {
      expect(window.map(({ partitions, withLate }) => [partitions, withLate])).to.deep.equal([
        ['3,4', false],
        ['0,1,2', false],
      ])
      // The first quarter of the window is over: until then they are waited for.
      expect(window[1]!.at).to.be.within(15, 45)
    }
    expect(judged.every(({ Skipped }) => Skipped === 1)).to.equal(true)
    expect(looks / judged.length, 'they were tried again and again').to.be.greaterThan(3)
  })

  it('a store that answers for some moments only is asked in them, and nothing is left out', async () => {
    const { judged } = await windows(epoch => epoch < 12 || epoch > 15, 60_000)
    expect(judged.every(({ Skipped }) => Skipped === 0)).to.equal(true)
  })
})

/** Epochs since the opening of the window whose proofs are being made: negative before it. */
function sinceOpening(chain: SimulatedChain): number {
  const { Open, Close } = chain.deadlineAt(MINER, chain.height)
  return chain.height >= Close - 20 ? chain.height - Close : chain.height - Open
}

function localProver(chain: SimulatedChain, sectorMs: number, hangs: () => boolean): WindowProver {
  const stores = [HUNG, 'good'].map(name => ({ name, root: `/${name}` }))
  const read = async (
    lane: string,
    _: string,
    { replica }: { replica: { sectorId: number } },
    { runMs }: { runMs: number },
  ): Promise<{ vanillaProof: Uint8Array }> => {
    chain.activity += 1
    if (lane.startsWith(HUNG) && hangs()) {
      await chain.clock.sleep(runMs)
      throw new HungStoreError(HUNG, 'no answer')
    }
    return { vanillaProof: Uint8Array.of(replica.sectorId) }
  }
  const compute = async (
    method: string,
    request: { sectorIds?: number[]; randomness: Uint8Array },
  ): Promise<unknown> => {
    chain.activity += 1
    if (method === 'fallbackChallenges') return request.sectorIds!.map(sectorId => ({ sectorId, challenges: [1] }))
    const proof = new Uint8Array(192)
    proof.set(request.randomness)
    return { proof }
  }
  return new LocalProver({
    places: {
      find: async ({ Number: number }) => {
        const store = stores[number === LATE_SECTOR ? 0 : 1]
        return { sealedStore: store, cacheStore: store, sealed: `sealed/${number}`, cache: `cache/${number}` } as never
      },
    },
    reads: { prove: read as unknown as SectorProver['prove'], close: () => {} },
    computer: { compute: compute as unknown as ProofComputer['compute'], close: () => {} },
    limits: { SingleCheckTimeout: sectorMs, PartitionCheckTimeout: 20 * 60_000 },
    clock: chain.clock,
    log: silentLog,
  })
}
