import { expect } from 'chai'
import { silentLog } from '../../../../../daemon/kit/log.js'
import { warmUp } from '../../../../../daemon/manager/post/winning/warm-up.js'
import { WinningDesk } from '../../../../../daemon/manager/post/winning/winning-desk.js'
import type { FileState, ParameterSet } from '../../../../../plugins/prover/calls.js'
import { ProofsError } from '../../../../../plugins/prover/errors.js'
import { Bitfield } from '../../../../../rpc-schema/wire/bitfield.js'
import { commRToCid } from '../../../../../rpc-schema/wire/cid.js'
import { FakeClock } from '../../../worker/support/fake-clock.js'
import { stubNode } from '../../commitment/stub-chain.js'
import { firstByteVerifier, PretendedWinningProver } from './pretended-winning.js'

const COMM_R = commRToCid(new Uint8Array(32).fill(7))

describe('warming up for winning proofs', () => {
  let prover: PretendedWinningProver
  /** Active sectors, by miner and deadline. */
  let active: Map<number, number[][]>
  let state: FileState
  let looked: [number, readonly ParameterSet[]][]

  beforeEach(() => {
    prover = new PretendedWinningProver()
    active = new Map([[1000, [[], [], [4, 5, 6, 7]]]])
    state = 'ok'
    looked = []
  })

  const node = stubNode({
    StateMinerProvingDeadline: async () => ({ WPoStPeriodDeadlines: 4 }) as never,
    StateMinerPartitions: async ({ id }, index) => {
      const ActiveSectors = Bitfield.of(active.get(id)?.[index] ?? [])
      return [{ ActiveSectors }] as never
    },
    StateMinerSectors: async (_, numbers) =>
      numbers!
        .toArray()
        .map(SectorNumber => ({ SectorNumber, SealProof: 5, SealedCID: COMM_R, SectorKeyCID: null })) as never,
  })

  async function warm(
    miners: readonly number[] = [1000],
    sets: readonly ParameterSet[] = ['winning'],
    clock = new FakeClock(),
  ): Promise<string> {
    const desk = new WinningDesk({ prover, verifier: firstByteVerifier, clock, log: silentLog })
    const parameters = (sectorSize: number, of: readonly ParameterSet[]) => {
      looked.push([sectorSize, of])
      const file = (path: string) => ({ path, state, bytes: 1 })
      return of.map(set => ({ set, sectorSize, params: file(`${set}.params`), vk: file(`${set}.vk`) }))
    }
    const facts = { sectorSize: async (miner: number) => (miner < 2000 ? 2048 : 8 << 20) }
    const options = { miners, node, facts, desk, sets, parameters, clock, log: silentLog }
    return warmUp(options, new AbortController().signal).then(
      () => 'warm',
      (error: Error) => error.message,
    )
  }
  const tried = () => prover.requests.map(({ miner, replicas }) => `${miner}/${replicas[0]!.number}`)

  it('proves one own sector of each size, and looks at the parameters that this machine needs', async () => {
    active.set(2000, [[9]])
    expect(await warm([1000, 1001, 2000], ['winning', 'window'])).to.equal('warm')
    expect(tried()).to.deep.equal(['1000/4', '2000/9'])
    expect(looked).to.deep.equal([
      [2048, ['winning', 'window']],
      [8 << 20, ['winning', 'window']],
    ])
  })

  it('a sector that cannot be read gives way to the next; when none can, it goes on without', async () => {
    prover.answer = async ({ replicas }) => {
      if (replicas[0]!.number < 6) throw new Error('its store is away')
      return [{ PoStProof: 0, ProofBytes: Uint8Array.of(1) }]
    }
    expect(await warm()).to.equal('warm')
    expect(tried()).to.deep.equal(['1000/4', '1000/5', '1000/6'])
    prover.answer = async () => Promise.reject(new ProofsError({ code: 'IO', message: 'no p_aux', causes: [] }))
    expect(await warm()).to.equal('warm')
  })

  it('proofs that hang do not hold up the start for longer than three minutes, however many there are', async () => {
    active.set(1001, [[8, 9]])
    prover.answer = () => new Promise(() => {})
    const clock = new FakeClock()
    const start = clock.now()
    let isWarm = false
    const warming = warm([1000, 1001], ['winning'], clock).finally(() => {
      isWarm = true
    })
    while (!isWarm) {
      await new Promise(setImmediate)
      clock.turn()
    }
    expect(await warming).to.equal('warm')
    expect(clock.now() - start).to.equal(180_000)
    expect(tried()).to.deep.equal(['1000/4', '1000/5'])
  })

  it('a miner without active sectors has nothing to prove', async () => {
    expect(await warm([1001])).to.equal('warm')
    expect(tried()).to.deep.equal([])
  })

  it('parameters that are missing or damaged stop the start, by their names', async () => {
    state = 'missing'
    expect(await warm()).to.match(/^warmup proof: parameters of 2KiB sectors: winning: winning.params is missing/)
    expect(tried()).to.deep.equal([])
    expect(await warm([1000], [])).to.equal('warm')
  })

  it('so does a prover that cannot prove', async () => {
    prover.answer = async () => Promise.reject(new ProofsError({ code: 'NOT_BUILT', message: 'no addon', causes: [] }))
    expect(await warm()).to.equal('warmup proof: no addon')
  })
})
