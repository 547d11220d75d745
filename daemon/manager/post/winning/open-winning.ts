import type { ParameterSet } from '../../../../plugins/prover/calls.js'
import { gatewayService } from '../../../../rpc-schema/chain/gateway.js'
import { rpcClient } from '../../../../rpc-schema/rpc/client.js'
import type { Clock } from '../../../kit/clock.js'
import type { Logger } from '../../../kit/log.js'
import type { ChainNode } from '../../chain/chain-node.js'
import type { MinerFacts } from '../../chain/miner-facts.js'
import { connectService, serviceAddresses } from '../../chain/services.js'
import type { ExtProverEntry } from '../../config/ext-prover-settings.js'
import type { MinerSetup } from '../../config/load-settings.js'
import type { CommonSettings } from '../../config/manager-settings.js'
import type { SectorPlaces } from '../../storage/sector-places.js'
import { NativeSectorProver } from '../../storage/sector-proofs.js'
import { childOf } from '../provers/ext-prover/child-entry.js'
import { ExtWinningProver } from '../provers/ext-prover/ext-winning-prover.js'
import { ProofChildren } from '../provers/ext-prover/proof-children.js'
import { ProofProcess } from '../provers/local/proof-process.js'
import { LocalWinningProver } from './local-winning-prover.js'
import { type Gateway, ProofEvents, type ProofEventsOptions } from './proof-events.js'
import { warmUp } from './warm-up.js'
import { WinningDesk, type WinningDeskOptions } from './winning-desk.js'
import type { WinningProver } from './winning-prover.js'
import { nativeWinningVerifier, type WinningVerifier } from './winning-verifier.js'

/** What the rest of the manager counts of winning proofs. */
export interface WinningObserver {
  readonly answered: NonNullable<WinningDeskOptions['answered']>
  readonly listening: NonNullable<ProofEventsOptions['listening']>
}

export interface OpenWinningOptions {
  readonly miners: ReadonlyMap<number, MinerSetup>
  readonly api: CommonSettings['API']
  readonly node: ChainNode
  readonly facts: MinerFacts
  readonly places: SectorPlaces
  /** `[[WinPost]]` of `ext-prover.cfg`; without any, the proofs are made by the manager itself. */
  readonly processes?: readonly ExtProverEntry[]
  /** Default: one of these two. */
  readonly prover?: WinningProver
  /** Default: the native prover in a thread. */
  readonly verifier?: WinningVerifier
  /** Window proofs are made on this machine, too: their parameters are looked at with the others. */
  readonly provesWindows: boolean
  readonly warmUp: boolean
  /** The same prover; others on this machine know when it is at work. */
  readonly watched?: (prover: WinningProver) => WinningProver
  /** For one proof, ms, instead of what the desk and the warm-up allow by themselves. */
  readonly limitMs?: number
  readonly observer: WinningObserver
  readonly clock: Clock
  readonly log: Logger
}

export interface WinningRoom {
  /** Warms up, then listens to the gateways. Rejects when no proof could be made. */
  start(): Promise<void>
  stop(): Promise<void>
}

/** Winning proofs of the miners with `Proof.Enabled`, for block producers behind the gateways. */
export function openWinning(options: OpenWinningOptions): WinningRoom {
  const { api, node, facts, places, processes = [], provesWindows, limitMs, observer, clock, log } = options
  const children =
    options.prover === undefined && processes.length > 0
      ? new ProofChildren('winning_post', { children: processes.map(childOf), clock, log })
      : undefined
  const isLocal = options.prover === undefined && children === undefined
  const own = options.prover ?? (children && new ExtWinningProver({ children, places, log })) ?? localProver(options)
  const prover = options.watched?.(own) ?? own
  const verifier = options.verifier ?? nativeWinningVerifier()
  const desk = new WinningDesk({ prover, verifier, clock, log, limitMs, answered: observer.answered })
  const miners = [...options.miners.values()].filter(({ Proof }) => Proof.Enabled).map(({ Actor }) => Actor)
  const gateways = serviceAddresses('gateway', api).map((address): Gateway => {
    const connection = connectService('gateway', address, api.Token, { stream: true })
    return { url: connection.url, api: rpcClient(gatewayService, connection), close: () => connection.close() }
  })
  const events = new ProofEvents({ gateways, miners, desk, clock, log, listening: observer.listening })
  const stopping = new AbortController()
  return {
    start: async () => {
      await children?.start()
      if (gateways.length === 0)
        log.warn('--miner: Common.API.Gateway is empty: no block producer can ask for winning proofs')
      if (miners.length === 0) log.warn('--miner: no miner has Proof.Enabled: none is proven')
      const sets: ParameterSet[] = [
        ...(isLocal ? ['winning' as const] : []),
        ...(provesWindows ? ['window' as const] : []),
      ]
      if (options.warmUp) await warmUp({ miners, node, facts, desk, sets, limitMs, clock, log }, stopping.signal)
      events.start()
    },
    stop: async () => {
      stopping.abort(new Error('the manager stops'))
      await events.stop()
      await prover.close()
      await verifier.close()
    },
  }
}

function localProver({ places, clock, log }: OpenWinningOptions): WinningProver {
  const processes = { reads: new NativeSectorProver(log), computer: new ProofProcess() }
  return new LocalWinningProver({ places, ...processes, clock, log })
}
