import { Command } from 'commander'
import { systemClock } from '../../kit/clock.js'
import { silentLog } from '../../kit/log.js'
import { tableText } from '../../kit/terminal/table.js'
import { managerHome } from '../config/home.js'
import { say } from './talk.js'

/** `doctor`. Looks at the home, the machine and the chain; the manager need not run. */
export const doctorCommand = (homeOf: () => { home?: string }): Command =>
  new Command('doctor')
    .description('Look at everything that a manager needs; exit code 1 when something fails, 0 with warnings only')
    .option('--conf-dir <dir>', 'where the configuration is; default: the home directory')
    .option('--json', 'as JSON', false)
    .action(async ({ confDir, json }: { confDir?: string; json: boolean }) => {
      const home = managerHome({ ...homeOf(), ...(confDir !== undefined && { confDir }) })
      const { loadSettingsFile } = await import('../config/load-settings.js')
      const { ChainNode } = await import('../chain/chain-node.js')
      const { serviceAddresses } = await import('../chain/services.js')
      const { examine } = await import('../doctor/doctor.js')
      const { config: setup } = loadSettingsFile(home.configFile)
      const addresses = serviceAddresses('chain', setup.common.API)
      if (addresses.length === 0)
        throw new Error(`${home.configFile}: Common.API.Chain: expected the address of the chain node, found nothing`)
      const node = ChainNode.connect(addresses, { token: setup.common.API.Token, clock: systemClock, log: silentLog })
      try {
        const findings = await examine({ home, setup, node, clock: systemClock })
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
      }
    })
