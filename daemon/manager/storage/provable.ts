import { randomInt } from 'node:crypto'
import type { CID } from 'multiformats/cid'
import type { ExtendedSectorInfo, ProvableFaults, ProvingSectorInfo } from '../../../rpc-schema/manager/proving.js'
import type { SectorState } from '../../../rpc-schema/manager/sector-state.js'
import { proverId } from '../../../rpc-schema/processor/sector.js'
import { RpcError, RpcTransportError } from '../../../rpc-schema/rpc/error.js'
import { errorText } from '../../../rpc-schema/seal-error.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { cidToCommR } from '../../../rpc-schema/wire/cid.js'
import { postProof, sealProof } from '../../../rpc-schema/wire/proof-types.js'
import { type SectorID, sectorName } from '../../../rpc-schema/wire/sector-id.js'
import type { Clock } from '../../kit/clock.js'
import { Slots } from '../../kit/concurrency/slots.js'
import type { Logger } from '../../kit/log.js'
import type { ChainNode } from '../chain/chain-node.js'
import { DeadlineError, withDeadline } from '../concurrency/deadline.js'
import { checkLimitMs } from '../config/check-limit.js'
import type { CommonSettings } from '../config/manager-settings.js'
import type { SectorBook } from '../sectors/sector-book.js'
import { HelperGoneError, StoreError } from './helper/helper-process.js'
import { HungStoreError } from './helper/store-helper.js'
import type { PersistStore } from './persist-store.js'
import { privateInfo, type SectorPlace, type SectorPlaces } from './sector-places.js'
import type { SectorProver } from './sector-proofs.js'
import { provingCacheFiles } from './store-files.js'

export interface ProvableOptions {
  places: SectorPlaces
  book: SectorBook
  node: Pick<ChainNode, 'api'>
  prover: SectorProver
  limits: Pick<CommonSettings['Proving'], 'ParallelCheckLimit' | 'SingleCheckTimeout' | 'PartitionCheckTimeout'>
  clock: Clock
  log: Logger
  /** A whole number below a limit. */
  random?: (below: number) => number
}

/** How thorough a check is. `stateCheck` compares the chain with the records, and only when strict. */
export interface CheckDepth {
  readonly strict: boolean
  readonly stateCheck: boolean
  /** So many leaves are proven, drawn by chance; default 1. */
  readonly leaves?: number
  /** Where the prover cannot open the files, as in an object store, their sizes are enough; default: such a sector is bad. */
  readonly sizesAreEnough?: boolean
}

/** Sectors that cannot be proven, and those of which that is not known; each with the reason. */
export interface Examined {
  readonly bad: ReadonlyMap<number, string>
  readonly unknown: ReadonlyMap<number, string>
}

interface Fault {
  /** It is the sector's, and not of those who were asked. */
  readonly known: boolean
  readonly why: string
}

const OUT_OF_TIME: Fault = { known: false, why: 'waiting for check worker: context deadline exceeded' }

/** Errors of a store or a node that did not answer, or not as what it is taken for: the sector may be well. */
const isNoAnswer = (error: unknown): boolean =>
  error instanceof DeadlineError ||
  error instanceof HelperGoneError ||
  error instanceof HungStoreError ||
  error instanceof RpcError ||
  error instanceof RpcTransportError ||
  (error instanceof StoreError && error.code !== undefined)

/** A window PoSt over one partition takes minutes on a GPU and much longer without. */
const SIMULATION_LIMIT_MS = 2 * 60 * 60_000
/** One look at a store's files: beyond this the store hangs, however patient the check of a sector is. */
const LOOK_LIMIT_MS = 60_000
const LEAF_BYTES = 32

/** Looks whether sectors can be proven. Throws nothing for a sector that cannot: that is its answer. */
export class Provable {
  readonly #options: ProvableOptions
  #simulating = false

  constructor(options: ProvableOptions) {
    this.#options = options
  }

  /** A sector on the chain, and where its files are. */
  async sectorInfo(sid: SectorID): Promise<ProvingSectorInfo> {
    const { node, places } = this.#options
    const info = await node.api.StateSectorGetInfo(Address.fromId(sid.Miner), sid.Number, [])
    if (info === null) throw new Error(`${sectorName(sid)} is not on the chain`)
    return { OnChain: info, Private: privateInfo(await places.find(sid, info.SectorKeyCID !== null)) }
  }

  /** The bad ones, and why. */
  async check(
    miner: number,
    postType: number,
    sectors: readonly ExtendedSectorInfo[],
    depth: CheckDepth,
  ): Promise<ProvableFaults> {
    const { bad, unknown } = await this.examine(miner, postType, sectors, depth)
    return Object.fromEntries([...bad, ...unknown].map(([number, fault]) => [String(number), fault]))
  }

  /** The same, but those apart of which nothing could be found out. `withinMs`: where there is less time than usual. */
  async examine(
    miner: number,
    postType: number,
    sectors: readonly ExtendedSectorInfo[],
    depth: CheckDepth,
    withinMs = Number.POSITIVE_INFINITY,
  ): Promise<Examined> {
    const { limits, clock } = this.#options
    const slots = new Slots(limits.ParallelCheckLimit || sectors.length || 1)
    const end = clock.monotonic() + Math.min(checkLimitMs(limits.PartitionCheckTimeout), withinMs)
    const bad = new Map<number, string>()
    const unknown = new Map<number, string>()
    await Promise.all(
      sectors.map(async info => {
        const fault = await slots.run(
          () => this.#fault(miner, postType, info, depth, end - clock.monotonic()),
          end - clock.monotonic(),
          () => OUT_OF_TIME,
        )
        if (fault !== undefined) (fault.known ? bad : unknown).set(info.SectorNumber, fault.why)
      }),
    )
    return { bad, unknown }
  }

  /** Proves a partition for trial, in the background; the outcome is in the log. */
  simulate(miner: Address, postType: number, sectors: readonly ExtendedSectorInfo[], rand: Uint8Array): void {
    const { id } = miner
    if (rand.length !== 32)
      throw new Error(`simulate window post: expected 32 bytes of randomness, found ${rand.length}`)
    if (this.#simulating) throw new Error('simulate window post: another simulation is running')
    const { log, clock } = this.#options
    const start = clock.monotonic()
    const subject = { miner: id, sectors: sectors.length }
    this.#simulating = true
    log.info(subject, 'mock generate window post')
    this.#windowPost(id, postType, sectors, rand)
      .then(
        proofs => log.info({ ...subject, proofs, tookMs: clock.monotonic() - start }, 'mock generate window post done'),
        (error: unknown) => log.error({ ...subject, err: error }, `mock generate window post: ${errorText(error)}`),
      )
      .finally(() => {
        this.#simulating = false
      })
  }

  async #windowPost(
    miner: number,
    postType: number,
    sectors: readonly ExtendedSectorInfo[],
    randomness: Uint8Array,
  ): Promise<number> {
    const { places, prover } = this.#options
    const replicas = await Promise.all(
      sectors.map(async ({ SectorNumber, SectorKey, SealedCID }) => ({
        sectorId: SectorNumber,
        commR: cidToCommR(SealedCID),
        ...pathsOf(await places.find({ Miner: miner, Number: SectorNumber }, SectorKey !== null)),
      })),
    )
    const { wireName: proofType } = postProof(postType)
    const request = { proofType, proverId: proverId(miner), randomness, replicas }
    const limits = { runMs: SIMULATION_LIMIT_MS, waitMs: 0 }
    return (await prover.prove('simulation', 'windowPost', request, limits)).length
  }

  async #fault(
    miner: number,
    postType: number,
    info: ExtendedSectorInfo,
    depth: CheckDepth,
    restMs: number,
  ): Promise<Fault | undefined> {
    const sid = { Miner: miner, Number: info.SectorNumber }
    const limitMs = Math.min(checkLimitMs(this.#options.limits.SingleCheckTimeout), restMs)
    if (limitMs <= 0) return OUT_OF_TIME
    try {
      await withDeadline(`check of ${sectorName(sid)}`, limitMs, this.#checkOne(sid, postType, info, depth, limitMs))
      return undefined
    } catch (error) {
      return { known: !isNoAnswer(error), why: errorText(error) }
    }
  }

  async #checkOne(
    sid: SectorID,
    postType: number,
    info: ExtendedSectorInfo,
    { strict, stateCheck, leaves = 1, sizesAreEnough = false }: CheckDepth,
    limitMs: number,
  ): Promise<void> {
    const place = await this.#options.places.find(sid, info.SectorKey !== null)
    const { sectorSize } = sealProof(info.SealProof)
    await checkFiles(place, sectorSize, strict, Math.min(limitMs, LOOK_LIMIT_MS))
    if (!strict) return
    const onChain = await this.#options.node.api.StateSectorGetInfo(Address.fromId(sid.Miner), sid.Number, [])
    if (onChain === null) throw new Error('the sector is not on the chain')
    if (stateCheck) await this.#compareRecord(sid, onChain.SealedCID, onChain.SectorKeyCID)
    if (sizesAreEnough && closedStore(place) !== undefined) return
    await this.#proveLeaves(sid, postType, info, place, sectorSize, leaves, limitMs)
  }

  async #compareRecord(sid: SectorID, sealed: CID, key: CID | null): Promise<void> {
    const found = await this.#options.book.find(sid)
    if (found?.store !== 'offline') throw new Error('get sector state: load state from offline: key not found')
    const why = stateDifference(found.record, sealed, key)
    if (why !== undefined) throw new Error(why)
  }

  async #proveLeaves(
    sid: SectorID,
    postType: number,
    { SealedCID }: ExtendedSectorInfo,
    place: SectorPlace,
    sectorSize: number,
    leaves: number,
    limitMs: number,
  ): Promise<void> {
    const { prover, random = randomInt } = this.#options
    const request = {
      proofType: postProof(postType).wireName,
      replica: { sectorId: sid.Number, commR: cidToCommR(SealedCID), ...pathsOf(place) },
      challenges: Array.from({ length: leaves }, () => random(sectorSize / LEAF_BYTES)),
    }
    await prover.prove(place.sealedStore.name, 'postVanillaProof', request, { runMs: limitMs, waitMs: limitMs })
  }
}

async function checkFiles(place: SectorPlace, sectorSize: number, strict: boolean, limitMs: number): Promise<void> {
  const { sealedStore, cacheStore, sealed, cache } = place
  const cacheFiles = provingCacheFiles(sectorSize).map(file => `${cache}/${file}`)
  const [[sealedFile], cached] = await Promise.all([
    sealedStore.files.stats([sealed], true, limitMs),
    cacheStore.files.stats(cacheFiles, true, limitMs),
  ])
  if (sealedFile === undefined) throw new Error(`${sealed} is not in the store ${sealedStore.name}`)
  const missing = cacheFiles.filter((_, index) => cached[index] === undefined)
  if (missing.length > 0) throw new Error(`${missing.join(', ')} not in the store ${cacheStore.name}`)
  if (strict && sealedFile.sizeBytes !== sectorSize)
    throw new Error(
      `${sealed} in the store ${sealedStore.name} has ${sealedFile.sizeBytes} bytes, expected ${sectorSize}`,
    )
}

/** One whose files no program can open. */
function closedStore(place: SectorPlace): PersistStore | undefined {
  const { SealedSectorPath: sealedPath, CacheDirPath: cacheDir } = privateInfo(place)
  return sealedPath === '' ? place.sealedStore : cacheDir === '' ? place.cacheStore : undefined
}

/** The prover opens files by their paths. */
function pathsOf(place: SectorPlace): { sealedPath: string; cacheDir: string } {
  const { SealedSectorPath: sealedPath, CacheDirPath: cacheDir } = privateInfo(place)
  const closed = closedStore(place)
  if (closed !== undefined)
    throw new Error(
      `store ${closed.name} (${closed.settings.PluginName || closed.settings.Plugin}) has no files that the prover can open`,
    )
  return { sealedPath, cacheDir }
}

/** How a record differs from the chain; undefined when they agree. */
export function stateDifference(record: SectorState, sealed: CID, key: CID | null): string | undefined {
  const { Pre, UpgradedInfo } = record
  if (!Pre) return 'the record of the sector has no pre-commit'
  const sealedFirst = key ?? sealed
  if (!Pre.CommR.equals(sealedFirst)) return `the record has CommR ${Pre.CommR}, the chain ${sealedFirst}`
  if (key === null || !UpgradedInfo?.SealedCID) return undefined
  if (!UpgradedInfo.SealedCID.equals(sealed))
    return `the record has the upgrade ${UpgradedInfo.SealedCID}, the chain ${sealed}`
  return undefined
}
