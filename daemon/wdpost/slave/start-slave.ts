import { rpcClient } from '../../../rpc-schema/rpc/client.js'
import { connectRpc } from '../../../rpc-schema/rpc/connection.js'
import { windowTaskService } from '../../../rpc-schema/wdpost/index.js'
import { SECTOR_SIZES, sectorSizeLabel } from '../../../rpc-schema/wire/proof-types.js'
import { systemClock } from '../../kit/clock.js'
import type { Running } from '../../kit/lifecycle.js'
import type { Logger } from '../../kit/log.js'
import { Slave } from './slave.js'
import type { SlaveConfig } from './slave-config.js'
import { WindowProcesses } from './window-processes.js'

/** Only tasks of sectors of this size, in bytes. */
const SIZE_VARIABLE = 'FORCE_SECTOR_SIZE'

/** Starts the processes that prove, then asks the master for tasks; it need not run yet. */
export async function startSlave(config: SlaveConfig, log: Logger, env = process.env): Promise<Running> {
  const { master, slave } = config
  const sectorSizes = sizesIn(env)
  const clock = systemClock
  const processor = new WindowProcesses(config, clock, log)
  try {
    await processor.start()
  } catch (error) {
    await processor.close()
    throw error
  }
  const connection = connectRpc(`ws://${master.server_addr}`, {
    path: '/rpc/v0',
    ...(master.token !== undefined && { token: master.token }),
  })
  const running = new Slave({
    name: slave.name,
    master: rpcClient(windowTaskService, connection),
    processor,
    concurrent: slave.concurrent,
    sectorSizes,
    pullMs: slave.pull_interval,
    reconnectMs: master.reconnect_interval,
    heartbeatMs: master.heartbeat_interval,
    clock,
    log,
  })
  const work = running.run()
  log.info({ slave: slave.name, master: master.server_addr, sectorSizes }, 'slave ready')
  return {
    address: slave.name,
    ended: work,
    stop: async () => {
      running.stop()
      await work
      await processor.close()
      await connection.close()
    },
  }
}

function sizesIn(env: NodeJS.ProcessEnv): readonly number[] | null {
  const text = env[SIZE_VARIABLE]
  if (text === undefined || text === '') return null
  const size = SECTOR_SIZES.find(bytes => String(bytes) === text.trim())
  if (size !== undefined) return [size]
  const known = SECTOR_SIZES.map(bytes => `${bytes} (${sectorSizeLabel(bytes)})`).join(', ')
  throw new Error(`${SIZE_VARIABLE}: expected the bytes of a sector, one of ${known}, found ${JSON.stringify(text)}`)
}
