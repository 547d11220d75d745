import { randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command, Option } from 'commander'
import { SECTORSTORE_FILE } from '../storage/drivers/identity-files.js'
import { minerArgument, numberArgument } from './arguments.js'
import { say } from './talk.js'

interface Flags {
  strict: boolean
  readonly: boolean
  weight: number
  pluginName: string
  allowMiners: number[]
  denyMiners: number[]
}

const collect = (text: string, before: number[]): number[] => [...before, ...text.split(',').map(minerArgument)]

/** `util storage gen-sectorstore-json`: the file by which a store is found and known. */
export function sectorStoreJsonCommand(): Command {
  return new Command('gen-sectorstore-json')
    .description('generate the `sectorstore.json` file')
    .argument('[path]', 'the directory of the store; default: print it')
    .option('--strict', 'refuse what is not a regular file', true)
    .option('--no-strict', 'take links as well')
    .option('--readonly', 'never chosen for new sectors', false)
    .addOption(new Option('--read-only', 'the same').hideHelp())
    .option('--weight <weight>', 'share among the stores that have room', numberArgument, 1)
    .option('--plugin-name <name>', 'what keeps the store, when it is no directory', '')
    .addOption(new Option('--plugin <name>', 'old name of --plugin-name').hideHelp())
    .option('--allow-miners <miners>', 'only for these', collect, [])
    .option('--deny-miners <miners>', 'not for these', collect, [])
    .action((path: string | undefined, flags: Flags & { readOnly?: boolean; plugin?: string }) => {
      const content = {
        ID: randomUUID(),
        Name: '',
        Strict: flags.strict,
        ReadOnly: flags.readonly || flags.readOnly === true,
        Weight: flags.weight,
        AllowMiners: flags.allowMiners,
        DenyMiners: flags.denyMiners,
        PluginName: flags.plugin ?? flags.pluginName,
        Meta: {},
      }
      const text = JSON.stringify(content, null, 2)
      if (path === undefined) return say(text)
      const file = join(path, SECTORSTORE_FILE)
      try {
        // A store that has an id keeps it.
        writeFileSync(file, `${text}\n`, { flag: 'wx' })
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
        throw new Error(`${file} already exists, it is left as it is`, { cause: error })
      }
      say(file)
    })
}
