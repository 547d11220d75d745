import { resolve } from 'node:path'
import { Command } from 'commander'
import { parseByteSize } from '../../kit/config/byte-size.js'
import type { ManagerHome } from '../config/home.js'
import type { AttachFlags } from './storage-attach.js'

/** `util storage attach`: takes the sectors of a directory into the index. The daemon may run. */
export function storageAttachCommand(homeOf: () => ManagerHome): Command {
  return new Command('attach')
    .description('Attach local storage path and import sectors in this path')
    .argument('<path>', 'the parent directory of `sealed` and `cache`')
    .option('--name <name>', 'name of the store; default: the path')
    .option('--strict', 'for the configuration: refuse what is not a regular file', false)
    .option('--read-only', 'for the configuration: never chosen for new sectors', false)
    .option('-v, --verbose', 'tell of each sector', false)
    .option('--allow-splitted', 'the sealed file and the cache of a sector may be in different stores', false)
    .option('--pattern <glob>', 'of the sectors, as in s-t01000-1[0-9]', '*')
    .option('--sector-size <size>', 'instead of asking the chain, as in 32GiB', parseByteSize)
    .option('--json', 'the result as JSON', false)
    .action(async (path: string, flags: AttachFlags) => {
      // Only now: the other commands start faster without it.
      const { attach } = await import('./storage-attach.js')
      await attach(resolve(path), flags, homeOf())
    })
}
