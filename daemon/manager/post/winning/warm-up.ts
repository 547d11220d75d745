import { randomBytes } from 'node:crypto'
import type { ParameterSet, ParameterSetReport } from '../../../../plugins/prover/calls.js'
import { ProofsError, sectorsTrouble } from '../../../../plugins/prover/errors.js'
import { errorText } from '../../../../rpc-schema/seal-error.js'
import { Address } from '../../../../rpc-schema/wire/address.js'
import { Bitfield } from '../../../../rpc-schema/wire/bitfield.js'
import { cidToCommR } from '../../../../rpc-schema/wire/cid.js'
import { postProof, sealProof, sectorSizeLabel } from '../../../../rpc-schema/wire/proof-types.js'
import type { Clock } from '../../../kit/clock.js'
import type { Logger } from '../../../kit/log.js'
import type { ChainNode } from '../../chain/chain-node.js'
import type { MinerFacts } from '../../chain/miner-facts.js'
import { DeadlineError } from '../../concurrency/deadline.js'
import type { WinningDesk } from './winning-desk.js'
import type { WinningProofRequest } from './winning-prover.js'

export interface WarmUpOptions {
  readonly miners: readonly number[]
  readonly node: Pick<ChainNode, 'api'>
  readonly facts: Pick<MinerFacts, 'sectorSize'>
  readonly desk: Pick<WinningDesk, 'proveInTime'>
  /** Parameters that this machine needs; none when the proofs are made elsewhere. */
  readonly sets: readonly ParameterSet[]
  /** Default: what the prover finds in its directory. */
  readonly parameters?: (sectorSize: number, sets: readonly ParameterSet[]) => readonly ParameterSetReport[]
  /** For each sector, ms; default: two minutes, since a slow disk may take one to read the parameters. */
  readonly limitMs?: number | undefined
  /** For all of it, ms; default: three minutes, or what one sector may take. */
  readonly allMs?: number | undefined
  readonly clock: Clock
  readonly log: Logger
}

const LIMIT_MS = 120_000
const ALL_MS = 180_000
/** Sectors that are tried: the store of one may be away. */
const MOST_SECTORS = 3

/**
 * What the first block would otherwise wait for: looks at the parameter files of the miners' sector sizes, and proves an own sector of each size, so that
 * its parameters are in memory. Rejects when parameters are missing or damaged, or the prover cannot prove; what takes too long is left out.
 */
export async function warmUp(options: WarmUpOptions, signal: AbortSignal): Promise<void> {
  const { clock, log, limitMs = LIMIT_MS, allMs = Math.max(ALL_MS, limitMs) } = options
  const late = new AbortController()
  const over = new AbortController()
  const timer = clock.sleep(allMs, over.signal).then(
    () => late.abort(new DeadlineError('warmup', allMs)),
    () => {},
  )
  try {
    await warmedUp(options, AbortSignal.any([signal, late.signal]))
    if (late.signal.aborted)
      log.warn(`warmup: not done within ${allMs / 1_000} s, it goes on without: the first winning proof may be late`)
  } finally {
    over.abort()
    await timer
  }
}

async function warmedUp(options: WarmUpOptions, signal: AbortSignal): Promise<void> {
  const { miners, facts, log } = options
  const sizes = new Map<number, number[]>()
  for (const miner of miners) {
    const size = await facts.sectorSize(miner)
    sizes.set(size, [...(sizes.get(size) ?? []), miner])
  }
  for (const [size, ofSize] of sizes) {
    await checkParameters(options, size)
    if (!(await provenBySome(options, ofSize, signal)))
      log.info({ size: sectorSizeLabel(size), miners: ofSize }, 'warmup: no own sector was proven')
  }
}

async function checkParameters({ sets, parameters }: WarmUpOptions, sectorSize: number): Promise<void> {
  if (sets.length === 0) return
  const report = parameters ?? (await ofThisMachine())
  const bad = report(sectorSize, sets).flatMap(({ set, params, vk }) =>
    [params, vk].filter(({ state }) => state !== 'ok').map(({ state, path }) => `${set}: ${path} is ${state}`),
  )
  if (bad.length > 0)
    throw new Error(
      `warmup proof: parameters of ${sectorSizeLabel(sectorSize)} sectors: ${bad.join('; ')} (damocles-manager util fetch-params says where they come from; --warmup=false starts without them)`,
    )
}

async function ofThisMachine(): Promise<NonNullable<WarmUpOptions['parameters']>> {
  const { reportParameters } = await import('../../../../plugins/prover/parameters.js')
  return (sectorSize, sets) => reportParameters({ sectorSize, sets })
}

async function provenBySome(options: WarmUpOptions, miners: readonly number[], signal: AbortSignal): Promise<boolean> {
  const { clock, log, desk } = options
  for (const miner of miners) {
    for (const request of await requests(options, miner)) {
      if (signal.aborted) return false
      const sector = request.replicas[0]!.number
      const startedAt = clock.monotonic()
      try {
        await desk.proveInTime(request, signal)
        const tookMs = Math.round(clock.monotonic() - startedAt)
        log.info({ miner, sector, tookMs }, 'warmup proof done')
        return true
      } catch (error) {
        if (error instanceof ProofsError && !sectorsTrouble(error))
          throw new Error(`warmup proof: ${errorText(error)}`, { cause: error })
        log.warn({ miner, sector, err: error }, `warmup proof: ${errorText(error)}`)
      }
    }
  }
  return false
}

/** For the first active sectors of a miner; what the chain does not tell is not proven. */
async function requests(
  { node, log, limitMs = LIMIT_MS }: WarmUpOptions,
  miner: number,
): Promise<WinningProofRequest[]> {
  try {
    const numbers = await activeSectors(node, miner)
    if (numbers.length === 0) return []
    const infos = await node.api.StateMinerSectors(Address.fromId(miner), Bitfield.of(numbers), [])
    return infos.map(({ SectorNumber, SealProof, SealedCID, SectorKeyCID }) => ({
      miner,
      postProof: postProof(sealProof(SealProof).winningPoSt).number,
      replicas: [{ number: SectorNumber, commR: cidToCommR(SealedCID), upgraded: SectorKeyCID !== null }],
      randomness: randomBytes(32),
      limitMs,
    }))
  } catch (error) {
    log.warn({ miner, err: error }, `warmup: the sectors of a miner are not known: ${errorText(error)}`)
    return []
  }
}

async function activeSectors(node: Pick<ChainNode, 'api'>, miner: number): Promise<number[]> {
  const address = Address.fromId(miner)
  const { WPoStPeriodDeadlines } = await node.api.StateMinerProvingDeadline(address, [])
  for (let index = 0; index < WPoStPeriodDeadlines; index++)
    for (const { ActiveSectors } of await node.api.StateMinerPartitions(address, index, []))
      if (!ActiveSectors.isEmpty) return ActiveSectors.toArray().slice(0, MOST_SECTORS)
  return []
}
