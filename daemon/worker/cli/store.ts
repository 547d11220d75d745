import { join } from 'node:path'
import { Command, Option } from 'commander'
import { sealyardService } from '../../../rpc-schema/manager/sealyard.js'
import { rpcClient } from '../../../rpc-schema/rpc/client.js'
import { connectRpc } from '../../../rpc-schema/rpc/connection.js'
import { errorText } from '../../../rpc-schema/seal-error.js'
import { handOver } from '../stage-mode/hand-over.js'
import { initPersistStore } from '../store/attached-store.js'
import { initSealingStore } from '../store/sealing-store.js'
import { createHugepageFiles, NODE_PLACEHOLDER, runBound } from './hugepage-files.js'
import { byteSize, wholeNumber } from './numbers.js'

async function initAll(locations: readonly string[], init: (location: string) => Promise<string>): Promise<void> {
  for (const location of locations) {
    try {
      process.stderr.write(`store initialized: ${await init(location)}\n`)
    } catch (error) {
      process.stderr.write(`failed to init store ${location}: ${errorText(error)}\n`)
      process.exitCode = 1
    }
  }
}

interface HugepageOptions {
  readonly node?: number
  readonly numa_node_index?: number
  readonly size: number
  readonly num?: number
  readonly number_of_files?: number
  readonly path?: string
  readonly pathPattern?: string
  readonly path_pattern?: string
}

function hugepageCommand(): Command {
  const command: Command = new Command('hugepage-file-init')
  const underscored = (flags: string): Option => new Option(flags).hideHelp()
  return command
    .description('make memory files of huge pages, from which PC1 takes its memory (Linux)')
    .addOption(
      new Option('-n, --node <NUMA_NODE_INDEX>', 'take the memory from this NUMA node (needs numactl)').argParser(
        wholeNumber,
      ),
    )
    .addOption(underscored('--numa_node_index <NUMA_NODE_INDEX>').argParser(wholeNumber))
    .addOption(
      new Option('-s, --size <SIZE>', 'size of each file, e.g. 32GiB').argParser(byteSize).makeOptionMandatory(),
    )
    .addOption(new Option('-c, --num <NUMBER_OF_FILES>', 'how many').argParser(wholeNumber))
    .addOption(underscored('--number_of_files <NUMBER_OF_FILES>').argParser(wholeNumber))
    .option('--path <PATH>', `directory in which they are made, under numa_${NODE_PLACEHOLDER}`)
    .option(
      '--path-pattern <PATH_PATTERN>',
      `directory of the files, ${NODE_PLACEHOLDER} being the node; wins over --path`,
    )
    .addOption(underscored('--path_pattern <PATH_PATTERN>'))
    .action(async (options: HugepageOptions) => {
      const { path, size: sizeBytes } = options
      const count = options.num ?? options.number_of_files
      if (count === undefined) command.error("error: required option '-c, --num <NUMBER_OF_FILES>' not specified")
      const pattern = options.pathPattern ?? options.path_pattern ?? (path && join(path, `numa_${NODE_PLACEHOLDER}`))
      if (pattern === undefined) command.error('error: one of --path and --path-pattern is needed')
      if (sizeBytes < 1 || count < 1) command.error('error: size and number must be more than nothing')
      const node = options.node ?? options.numa_node_index
      const code = await runBound(node)
      if (code !== undefined) {
        process.exitCode = code
        return
      }
      const made = await createHugepageFiles({ sizeBytes, count, pattern, node })
      process.stdout.write(`Created hugepage memory files:\n${made.map(file => `${file}\n`).join('')}`)
    })
}

/** `store hand-over`: for a worker that leaves. */
const handOverCommand = (): Command =>
  new Command('hand-over')
    .description('Hand the sector of a sealing store over to stage workers (venus-worker); the worker must be stopped')
    .requiredOption('-l, --loc <LOCATION...>', 'sealing stores')
    .requiredOption('--miner-addr <address>', 'where the manager is, as in /ip4/127.0.0.1/tcp/2345')
    .option('--miner-token <token>', 'its token')
    .action(async ({ loc, minerAddr, minerToken }: { loc: string[]; minerAddr: string; minerToken?: string }) => {
      const connection = connectRpc(minerAddr, {
        path: '/rpc/v0',
        ...(minerToken !== undefined && { token: minerToken }),
      })
      try {
        for (const location of loc) {
          const { sector, state, path } = await handOver(location, rpcClient(sealyardService, connection))
          process.stdout.write(`${sector} goes on in ${state}: venus-worker storage attach ${path}\n`)
        }
      } finally {
        await connection.close()
      }
    })

/** `damocles-worker store …` */
export function storeCommand(): Command {
  const command = new Command('store').description('lay out stores')
  const subCommand = (name: string, description: string, init: (location: string) => Promise<string>): void => {
    command
      .command(name)
      .description(description)
      .requiredOption('-l, --loc <LOCATION...>', 'directories')
      .action((options: { loc: string[] }) => initAll(options.loc, init))
  }
  subCommand('sealing-init', 'make sealing stores', initSealingStore)
  subCommand('file-init', 'make persist stores', initPersistStore)
  command.addCommand(hugepageCommand()).addCommand(handOverCommand())
  return command
}
