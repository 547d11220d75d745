import { Command } from 'commander'
import { errorText } from '../../../rpc-schema/seal-error.js'
import { initPersistStore } from '../store/attached-store.js'
import { initSealingStore } from '../store/sealing-store.js'

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
  return command
}
