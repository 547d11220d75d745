import { existsSync, mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Command } from 'commander'
import { expandHome, type ManagerHome } from '../../config/home.js'
import { addAttachedPath } from '../../config/venus-sealer/sealer-storage-file.js'
import { numberArgument } from '../arguments.js'
import { takeIntoIndex } from '../storage-attach.js'
import { say } from '../talk.js'
import { type SealerFlags, sealerHome, sealerSetup } from './sealer-home.js'
import { readStoreFile, writeStoreFile } from './store-file.js'

interface AttachFlags {
  init: boolean
  seal: boolean
  store: boolean
  weight: number
}

/** `storage attach`: one more path for sealed sectors. */
export const attachCommand = (flagsOf: () => SealerFlags): Command =>
  new Command('attach')
    .description('Attach a path for sealed sectors; those that are in it already are taken into the index')
    .argument('<path>', 'the path')
    .option('--init', 'make the path and its sectorstore.json', false)
    .option('--seal', '(with --init) for sealing: recorded, but this program seals nothing itself', false)
    .option('--store', '(with --init) for sealed sectors', false)
    .option('--weight <n>', '(with --init) share among the stores that have room', numberArgument, 10)
    .action((path: string, flags: AttachFlags) => attach(resolve(expandHome(path)), flags, sealerHome(flagsOf())))

async function attach(path: string, flags: AttachFlags, home: ManagerHome): Promise<void> {
  sealerSetup(home)
  if (flags.init) {
    if (!flags.seal && !flags.store) throw new Error('what for: pass --store, --seal or both with --init')
    mkdirSync(path, { recursive: true })
    writeStoreFile(path, { Weight: flags.weight, CanSeal: flags.seal, CanStore: flags.store })
  } else if (!existsSync(path)) throw new Error(`${path} does not exist: pass --init with --store to make it`)
  const { name, canStore } = readStoreFile(path)
  const added = await addAttachedPath(home.dir, path)
  say(added ? `${path} is attached as ${name}` : `${path} is attached already, as ${name}`)
  if (!canStore)
    say(
      'it is for sealing only: no sealed sector is put there, and this program seals nothing itself; a path for sealed sectors is attached with --store',
    )
  else if (existsSync(join(path, 'sealed')))
    await takeIntoIndex(path, name, { pattern: '*', allowSplitted: false, verbose: false }, home)
  if (added && canStore) say('a running manager uses it after a restart')
}
