import { Command } from 'commander'
import { leaveProcess } from '../../../../plugins/prover/addon.js'
import { PERMISSIONS } from '../../../../rpc-schema/rpc/method.js'
import { type Running, runDaemon } from '../../../kit/lifecycle.js'
import { createLog, type Logger } from '../../../kit/log.js'
import { tokensOf } from '../../access/token-secret.js'
import type { ManagerHome } from '../../config/home.js'
import type { OwnWork } from '../../config/venus-sealer/sealer-adapter.js'
import { goBoolean, numberArgument, reachableAddress } from '../arguments.js'
import { type SealerFlags, sealerHome, sealerSetup } from './sealer-home.js'

/** A sealer that runs, for the worker that does what the sealer does of sealing itself. */
export interface SealerAtWork {
  readonly home: string
  readonly address: string
  readonly token: string
  /** The interface that the manager listens on. */
  readonly host: string
  readonly ownWork: OwnWork
  readonly version: string
  readonly log: Logger
}

/** Starts that worker. The manager knows nothing of workers: who puts the program together brings it along. */
export type OwnWorker = (sealer: SealerAtWork) => Promise<Pick<Running, 'stop'>>

interface RunFlags {
  minerApi?: number
  enableGpuProving: boolean
  poster: boolean
}

/** `run`: the manager on a home of venus-sealer, and a worker for what it does itself. */
export const runCommand = (version: string, flagsOf: () => SealerFlags, ownWorker?: OwnWorker): Command =>
  new Command('run')
    .description(
      'Run the manager, where API.ListenAddress says; it proves windows and does of sealing what [Storage] allows',
    )
    .option('--miner-api <port>', 'listen on this port instead', numberArgument)
    .option('--enable-gpu-proving [bool]', 'use the GPU for proofs; =false sets BELLMAN_NO_GPU', goBoolean, true)
    .option(
      '--poster [bool]',
      'prove the windows of the miner, and blocks it has won; =false leaves that to another program',
      goBoolean,
      true,
    )
    .option('--manage-fdlimit [bool]', 'not needed: Node.js raises the limit of open files by itself', goBoolean, true)
    .option('--nosync', 'not needed: the manager waits for a node that is behind', false)
    .action(async (flags: RunFlags) => {
      const home = sealerHome(flagsOf())
      sealerSetup(home)
      if (!flags.enableGpuProving) process.env.BELLMAN_NO_GPU = '1'
      const log = createLog({ name: 'venus-sealer' })
      await runDaemon({
        log,
        reloads: true,
        start: () => startSealer({ home, port: flags.minerApi, poster: flags.poster, version, log, ownWorker }),
        // What the sealer does of sealing itself may be in a native call for hours.
        exit: leaveProcess,
      })
    })

interface SealerOptions {
  home: ManagerHome
  port: number | undefined
  poster: boolean
  version: string
  log: Logger
  ownWorker: OwnWorker | undefined
}

async function startSealer({ home, port, poster, version, log, ownWorker }: SealerOptions) {
  const { listen, ownWork } = sealerSetup(home)
  const { startManager } = await import('../../start-manager.js')
  const at = { ...listen, port: port ?? listen.port }
  const manager = await startManager({
    home,
    listen: at,
    version,
    log,
    ...(poster && { poster: {}, winning: { warmUp: false } }),
  })
  const bound = Number(manager.address.slice(manager.address.lastIndexOf(':') + 1))
  const token = tokensOf(home.dir).issue(PERMISSIONS, 'the sealer itself')
  const address = reachableAddress({ ...at, port: bound })
  const worker = await ownWorker?.({ home: home.dir, address, token, host: at.host, ownWork, version, log }).catch(
    async (error: unknown) => {
      await manager.stop()
      throw error
    },
  )
  return {
    ...manager,
    async stop() {
      await worker?.stop()
      await manager.stop()
    },
  }
}
