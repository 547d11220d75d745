import { Command } from 'commander'
import { runDaemon } from '../../../kit/lifecycle.js'
import { createLog } from '../../../kit/log.js'
import { goBoolean, numberArgument } from '../arguments.js'
import { type SealerFlags, sealerHome, sealerSetup } from './sealer-home.js'

/** `run`: the manager on a home of venus-sealer. */
export const runCommand = (version: string, flagsOf: () => SealerFlags): Command =>
  new Command('run')
    .description('Run the manager, where API.ListenAddress says')
    .option('--miner-api <port>', 'listen on this port instead', numberArgument)
    .option('--enable-gpu-proving [bool]', 'use the GPU for proofs; =false sets BELLMAN_NO_GPU', goBoolean, true)
    .option('--manage-fdlimit [bool]', 'not needed: Node.js raises the limit of open files by itself', goBoolean, true)
    .option('--nosync', 'not needed: the manager waits for a node that is behind', false)
    .action(async (flags: { minerApi?: number; enableGpuProving: boolean }) => {
      const home = sealerHome(flagsOf())
      const { listen } = sealerSetup(home)
      if (!flags.enableGpuProving) process.env.BELLMAN_NO_GPU = '1'
      const log = createLog({ name: 'venus-sealer' })
      const port = flags.minerApi ?? listen.port
      const { startManager } = await import('../../start-manager.js')
      await runDaemon({
        log,
        reloads: true,
        start: () => startManager({ home, listen: { ...listen, port }, version, log }),
      })
    })
