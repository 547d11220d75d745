import type { TrialReads } from '../../../../daemon/manager/post/provers/local/trial-reads.js'
import type {
  ProofProgress,
  WindowProofRequest,
  WindowProofResult,
  WindowProver,
} from '../../../../daemon/manager/post/window-prover.js'
import type { Examined } from '../../../../daemon/manager/storage/provable.js'
import { EPOCH_MS, type SimulatedChain } from './simulated-chain.js'

/** How fast everything is, in epochs. */
export interface Pace {
  /** A look at the sectors of a message. */
  readonly look: number
  /** Reading what they are challenged for. */
  readonly read: number
  /** Making a proof of what was read. */
  readonly prove: number
}
const USUAL: Pace = { look: 0, read: 1, prove: 2 }
const SLOW: Pace = { look: 2, read: 4, prove: 2 }
const PHASE_EPOCHS = 120
/** One of so many sectors is in the store that hangs. */
const STORES = 10

/** Stores that are slow at times, one of which hangs at times; and a prover that takes its time and fails now and then. */
export class SimulatedStorage {
  readonly #chain: SimulatedChain
  readonly #random: () => number
  readonly #hangs: boolean
  readonly #sectorsOfAPartition: number
  #pace = USUAL
  #hung: number | undefined
  #until = 0
  #isImposed = false
  slowPhases = 0
  proofs = 0
  failures = 0
  /** Proofs by what they show: to make one twice is a waste. */
  readonly made = new Map<string, number>()

  constructor(chain: SimulatedChain, random: () => number, hangs: boolean) {
    this.#chain = chain
    this.#sectorsOfAPartition = Math.max(1, ...chain.miners.map(({ sectors }) => sectors))
    this.#random = random
    this.#hangs = hangs
  }

  /** How it is until further notice, whatever chance wants. */
  impose(pace: Partial<Pace>, hung?: number): void {
    this.#isImposed = true
    this.#pace = { ...USUAL, ...pace }
    this.#hung = hung
  }

  /** At every epoch. */
  turn(): void {
    if (this.#isImposed) return
    if (this.#chain.height < this.#until) return
    this.#pace = USUAL
    this.#hung = undefined
    if (this.#random() >= 0.006) return
    this.slowPhases += 1
    this.#pace = SLOW
    if (this.#hangs && this.#random() < 0.5) this.#hung = Math.floor(this.#random() * STORES)
    this.#until = this.#chain.height + Math.ceil(this.#random() * PHASE_EPOCHS)
  }

  readonly provable = {
    examine: async (
      _miner: number,
      _proof: number,
      sectors: readonly { SectorNumber: number }[],
    ): Promise<Examined> => {
      const hung = this.#hung
      await this.#take(this.#pace.look)
      const silent = sectors.filter(({ SectorNumber }) => SectorNumber % STORES === hung)
      return { bad: new Map(), unknown: new Map(silent.map(({ SectorNumber }) => [SectorNumber, 'the store hangs'])) }
    },
  }

  readonly prover: WindowProver = {
    prove: async (
      { miner, postProof, randomness, replicas, partitions }: WindowProofRequest,
      signal: AbortSignal,
      progress?: ProofProgress,
    ): Promise<WindowProofResult> => {
      this.proofs += 1
      await this.#take(this.#pace.read, signal)
      progress?.read?.()
      await this.#take(this.#pace.prove, signal)
      // Now and then a prover fails.
      if (this.#random() < 0.03) {
        this.failures += 1
        throw new Error('the prover has failed')
      }
      const name = `${miner}/${partitions.join()}/${Buffer.from(randomness).toString('hex')}`
      this.made.set(name, (this.made.get(name) ?? 0) + 1)
      const ProofBytes = new Uint8Array(192 * partitions.length)
      ProofBytes.set(randomness)
      ProofBytes[191] = replicas.length % 251
      return { proofs: [{ PoStProof: postProof, ProofBytes }], faults: [] }
    },
    close: async () => {},
  }

  /** A trial takes no time, and tells how long reading everything would take now. */
  readonly trialReads: TrialReads = {
    read: async ({ replicas }) => {
      const silent = replicas.filter(({ number }) => number % STORES === this.#hung)
      const sectorMs = (2 * this.#pace.read * EPOCH_MS) / this.#sectorsOfAPartition
      return {
        readings: replicas
          .filter(replica => !silent.includes(replica))
          .map(({ number }) => ({ sector: number, store: 'persist', tookMs: sectorMs })),
        failures: new Map(silent.map(({ number }) => [number, 'the store hangs'])),
      }
    },
  }

  async #take(epochs: number, signal?: AbortSignal): Promise<void> {
    this.#chain.activity += 1
    if (epochs > 0) await this.#chain.clock.sleep(epochs * EPOCH_MS, signal)
  }
}
