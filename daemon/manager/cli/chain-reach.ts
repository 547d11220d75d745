import { existsSync } from 'node:fs'
import type { Connection } from '../../../rpc-schema/rpc/connection.js'
import { systemClock } from '../../kit/clock.js'
import { silentLog } from '../../kit/log.js'
import { type ChainApi, ChainNode } from '../chain/chain-node.js'
import { connectService, serviceAddresses } from '../chain/services.js'
import type { ManagerHome } from '../config/home.js'
import { loadSettingsFile } from '../config/load-settings.js'

/** Where a service is, by the configuration; there is at least one address. */
function addressesOf(home: ManagerHome, service: 'chain' | 'market'): { addresses: readonly string[]; token: string } {
  if (!existsSync(home.configFile))
    throw new Error(
      `${home.configFile}: there is no such file; this command reads there where the ${service} is: name the manager's home with \`--home\`, or the directory of the file with \`util --conf-dir\``,
    )
  const { API } = loadSettingsFile(home.configFile).config.common
  const addresses = serviceAddresses(service, API)
  const key = service === 'chain' ? 'Chain' : 'Market'
  if (addresses.length === 0)
    throw new Error(`${home.configFile}: Common.API.${key}: expected the address of the ${service}, found nothing`)
  return { addresses, token: API.Token }
}

/** Calls the chain node of the configuration; no manager needs to run. */
export async function withChain(home: ManagerHome, action: (chain: ChainApi) => Promise<void>): Promise<void> {
  const { addresses, token } = addressesOf(home, 'chain')
  const node = ChainNode.connect(addresses, { token, clock: systemClock, log: silentLog })
  try {
    await action(node.api)
  } finally {
    await node.close()
  }
}

/** Calls the market of the configuration. */
export async function withMarket(home: ManagerHome, action: (connection: Connection) => Promise<void>): Promise<void> {
  const { addresses, token } = addressesOf(home, 'market')
  const connection = connectService('market', addresses[0]!, token)
  try {
    await action(connection)
  } finally {
    await connection.close()
  }
}
