import { mkdir, open, realpath, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { SECTOR_SIZES, sealProofFor, sectorSizeLabel } from '../../../rpc-schema/wire/proof-types.js'
import { systemClock } from '../../kit/clock.js'
import { parseByteSize } from '../../kit/config/byte-size.js'
import { createLog } from '../../kit/log.js'
import { createProcessors, DEFAULT_PROCESSORS } from '../processors/processors.js'
import { TREE_D_FILE } from '../store/layout.js'

function sectorSize(text: string): number {
  let size: number
  try {
    size = parseByteSize(text)
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message)
  }
  if (SECTOR_SIZES.includes(size)) return size
  throw new InvalidArgumentError(`expected a sector size (${SECTOR_SIZES.map(sectorSizeLabel).join(', ')}).`)
}

/** Builds the data tree of an empty sector in a directory, for `processors.static_tree_d`. Gives the path of the file. */
export async function generateTreeD(size: number, directory: string): Promise<string> {
  await mkdir(directory, { recursive: true })
  const root = await realpath(directory)
  const zeros = join(root, `.zeros-${process.pid}`)
  const processors = createProcessors(DEFAULT_PROCESSORS, { log: createLog({ name: 'generator' }), clock: systemClock })
  try {
    await rm(join(root, TREE_D_FILE), { force: true })
    const file = await open(zeros, 'w')
    await file.truncate(size)
    await file.close()
    const { number } = sealProofFor(size, 'V1_1')
    await processors.run('tree_d', { registered_proof: number, staged_file: zeros, cache_dir: root })
  } finally {
    await rm(zeros, { force: true })
    await processors.close()
  }
  return join(root, TREE_D_FILE)
}

/** `damocles-worker generator …` */
export function generatorCommand(): Command {
  const command = new Command('generator').description('make files that sectors share')
  command
    .command('tree-d')
    .description('make the data tree of an empty sector, for processors.static_tree_d')
    .requiredOption('-s, --sector-size <SECTOR_SIZE>', 'size of the sector', sectorSize)
    .requiredOption('-p, --path <PATH>', 'directory for the tree')
    .action(async (options: { sectorSize: number; path: string }) => {
      process.stdout.write(`${await generateTreeD(options.sectorSize, options.path)}\n`)
    })
  return command
}
