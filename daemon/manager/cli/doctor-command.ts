import { Command } from 'commander'
import { sealyardService } from '../../../rpc-schema/manager/sealyard.js'
import { rpcClient } from '../../../rpc-schema/rpc/client.js'
import { connectRpc } from '../../../rpc-schema/rpc/connection.js'
import { PERMISSIONS } from '../../../rpc-schema/rpc/method.js'
import { systemClock } from '../../kit/clock.js'
import { silentLog } from '../../kit/log.js'
import { tableText } from '../../kit/terminal/table.js'
import { tokensIfThere } from '../access/token-secret.js'
import { managerHome } from '../config/home.js'
import { RPC_PATH } from '../http/rpc-path.js'
import { listenArgument, listenText, reachableAddress } from './arguments.js'
import { say } from './talk.js'

/** `doctor`. Looks at the home, the machine and the chain, and asks the manager for its alarms; it need not run. */
export const doctorCommand = (defaultListen: string, homeOf: () => { home?: string }): Command =>
  new Command('doctor')
    .description('Look at everything that a manager needs; exit code 1 when something fails, 0 with warnings only')
    .option('--conf-dir <dir>', 'where the configuration is; default: the home directory')
    .option('--listen <address>', 'where the manager listens', listenText, defaultListen)
    .option('--json', 'as JSON', false)
    .action(async ({ confDir, listen, json }: { confDir?: string; listen: string; json: boolean }) => {
      const home = managerHome({ ...homeOf(), ...(confDir !== undefined && { confDir }) })
      const { loadSettingsFile } = await import('../config/load-settings.js')
      const { ChainNode } = await import('../chain/chain-node.js')
      const { serviceAddresses } = await import('../chain/services.js')
      const { examine } = await import('../doctor/doctor.js')
      const { config: setup } = loadSettingsFile(home.configFile)
      const addresses = serviceAddresses('chain', setup.common.API)
      if (addresses.length === 0)
        throw new Error(`${home.configFile}: Common.API.Chain: expected the address of the chain node, found nothing`)
      const token = tokensIfThere(home.dir)?.issue(PERMISSIONS, 'command line')
      const manager = connectRpc(reachableAddress(listenArgument(listen)), {
        path: RPC_PATH,
        ...(token !== undefined && { token }),
      })
      const node = ChainNode.connect(addresses, { token: setup.common.API.Token, clock: systemClock, log: silentLog })
      try {
        const findings = await examine({
          home,
          setup,
          node,
          clock: systemClock,
          alarms: () => rpcClient(sealyardService, manager).Alarms(),
        })
        if (findings.some(({ verdict }) => verdict === 'fail')) process.exitCode = 1
        if (json) return say(JSON.stringify(findings, null, 2))
        say(
          tableText(
            ['Check', 'Verdict', 'Found', 'What to do'],
            findings.map(({ check, verdict, about, remedy }) => [check, verdict, about, remedy ?? '']),
          ),
        )
      } finally {
        await node.close()
        await manager.close()
      }
    })
