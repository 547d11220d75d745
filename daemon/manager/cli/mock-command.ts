import { Command, InvalidArgumentError } from 'commander'
import { SECTOR_SIZES, sectorSizeLabel } from '../../../rpc-schema/wire/proof-types.js'
import { parseByteSize } from '../../kit/config/byte-size.js'
import { runDaemon } from '../../kit/lifecycle.js'
import { createLog } from '../../kit/log.js'
import { startMock } from '../mock/start-mock.js'
import { listenArgument, minerArgument } from './arguments.js'

/** `2KiB`, `32GiB`, or the number of bytes. */
export function sectorSizeArgument(text: string): number {
  const sizes = SECTOR_SIZES.map(sectorSizeLabel).join(', ')
  try {
    const bytes = parseByteSize(text)
    if (SECTOR_SIZES.includes(bytes)) return bytes
  } catch {
    // No size at all is told like one that is not there.
  }
  throw new InvalidArgumentError(`expected one of ${sizes}.`)
}

interface MockFlags {
  miner: number
  sectorSize: number
  listen: string
}

/** `mock`: for trying out a worker without a chain. */
export const mockCommand = (version: string, defaultListen: string): Command =>
  new Command('mock')
    .description('Run a manager without a chain, for trying out workers: it accepts everything and keeps nothing')
    .requiredOption('--miner <miner>', 'the miner whose sectors it gives', minerArgument)
    .requiredOption('--sector-size <size>', 'size of its sectors', sectorSizeArgument)
    .option('--listen <address>', 'where to listen', defaultListen)
    .action(async ({ listen, ...options }: MockFlags) => {
      const log = createLog({ name: 'damocles-manager' })
      await runDaemon({ log, start: () => startMock({ ...options, version, log, listen: listenArgument(listen) }) })
    })
