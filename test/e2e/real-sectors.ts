import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { NativeVerifier } from '../../daemon/devnet/native-verifier.js'
import type { ProofVerifier } from '../../daemon/devnet/proofs.js'
import { ON_CHAIN_STATE } from '../../rpc-schema/manager/commitment.js'
import { Address } from '../../rpc-schema/wire/address.js'
import { sectorName } from '../../rpc-schema/wire/sector-id.js'
import { goodProof, type ManagerBench, MINER } from '../daemon/manager/manager-bench.js'
import { eventually } from '../harness/eventually.js'
import { SectorOnDisk } from '../plugins/prover/sealed-sector.js'

const TICK_MS = 50

/** Looks at window proofs only; all others are taken unseen. */
export function windowVerifier(): ProofVerifier {
  const native = new NativeVerifier()
  return {
    verifySeal: async () => true,
    verifyAggregate: async () => true,
    verifyUpdate: async () => true,
    verifyWindowPost: post => native.verifyWindowPost(post),
    pieceCommitment: piece => native.pieceCommitment(piece),
    close: () => native.close(),
  }
}

type Sealed = Awaited<ReturnType<ManagerBench['sealed']>> & { readonly onDisk: SectorOnDisk }

/** Sectors with real replicas on the chain of a bench whose epochs are made by hand. Their seal proofs are pretended. */
export class RealSectors {
  readonly sectors: SectorOnDisk[] = []
  readonly #bench: ManagerBench
  readonly #epochsAtOnce: number
  #stopped = false
  #ticking: Promise<void> | undefined

  constructor(bench: ManagerBench, epochsAtOnce = 1) {
    this.#bench = bench
    this.#epochsAtOnce = epochsAtOnce
  }

  /** So many sectors, sealed and on the chain; epochs pass from now on. */
  async prove(count: number): Promise<void> {
    const sealed: Sealed[] = []
    for (let made = 0; made < count; made++) sealed.push(await this.#sealedOnDisk())
    this.#ticking ??= this.#tick()
    await Promise.all(sealed.map(one => this.#proven(one)))
  }

  /** The chain has had window proofs of so many. */
  async active(count: number, limitMs: number): Promise<void> {
    await eventually(`${count} active sectors`, limitMs, async () => {
      const { Active } = await this.#bench.chain.StateMinerSectorCount(Address.fromId(MINER), [])
      return Active === count || undefined
    })
  }

  /** No epochs any more. */
  async stopEpochs(): Promise<void> {
    this.#stopped = true
    await this.#ticking
  }

  async close(): Promise<void> {
    await this.stopEpochs()
    for (const sector of this.sectors) sector.remove()
  }

  /** Epochs pass quickly, but none while a proof is being made: how fast this machine is does not matter. */
  async #tick(): Promise<void> {
    while (!this.#stopped) {
      const windows = await this.#bench.own.PostTimeline(MINER, 4)
      const isProving = windows.some(({ Outcome, Partitions, Steps }) => {
        const steps = Steps.map(({ Step }) => Step)
        return Outcome === 'running' && Partitions > 0 && steps.includes('begun') && !steps.includes('verified')
      })
      if (!isProving) await this.#bench.admin.Advance(this.#epochsAtOnce)
      await new Promise(resolve => setTimeout(resolve, TICK_MS))
    }
  }

  async #sealedOnDisk(): Promise<Sealed> {
    const sealed = await this.#bench.sealed()
    const onDisk = new SectorOnDisk(sealed.sid.Number).preCommit()
    this.sectors.push(onDisk)
    for (const [dir, path] of Object.entries({ sealed: onDisk.sealedPath, cache: onDisk.cacheDir })) {
      mkdirSync(join(this.#bench.storeDir, dir), { recursive: true })
      symlinkSync(path, join(this.#bench.storeDir, dir, sectorName(sealed.sid)))
    }
    return { ...sealed, onDisk }
  }

  async #proven({ sector, sid, pre, onDisk }: Sealed): Promise<void> {
    const { api } = this.#bench
    await api.SubmitPreCommit(sector, { ...pre, CommR: onDisk.commR }, false)
    await this.#bench.preCommitState(sid, ON_CHAIN_STATE.landed)
    if (!(await api.SubmitPersistedEx(sid, 'persist', false))) throw new Error('files not found')
    await this.#bench.seed(sid, sector.ProofType)
    await api.SubmitProof(sid, { Proof: goodProof(sid.Number) }, false)
    await this.#bench.proofState(sid, ON_CHAIN_STATE.landed)
    await api.ReportFinalized(sid)
  }
}
