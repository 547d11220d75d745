import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { type AttachFlags, attachPath } from '../../../kit/sealing/path-identity.js'
import { expandHome, type ManagerHome } from '../../config/home.js'
import { numberArgument } from '../arguments.js'
import { takeIntoIndex } from '../storage-attach.js'
import { say } from '../talk.js'
import { type SealerFlags, sealerHome, sealerSetup } from './sealer-home.js'

/** `storage attach`: one more path for sealed sectors, or for sectors that the sealer's own stage worker seals. */
export const attachCommand = (flagsOf: () => SealerFlags): Command =>
  new Command('attach')
    .description('Attach a path; sealed sectors that are in it already are taken into the index')
    .argument('<path>', 'the path')
    .option('--init', 'make the path and its sectorstore.json', false)
    .option('--seal', '(with --init) for sectors that are being sealed', false)
    .option('--store', '(with --init) for sealed sectors', false)
    .option('--weight <n>', '(with --init) share among the stores that have room', numberArgument, 10)
    .action((path: string, flags: AttachFlags) => attach(expandHome(path), flags, sealerHome(flagsOf())))

async function attach(dir: string, flags: AttachFlags, home: ManagerHome): Promise<void> {
  sealerSetup(home)
  const { path, identity, added } = await attachPath(home.dir, dir, flags)
  const name = identity.Name || identity.ID
  say(added ? `${path} is attached as ${name}` : `${path} is attached already, as ${name}`)
  if (!identity.CanStore)
    say('it is for sealing only: no sealed sector is kept there; a path for sealed sectors is attached with --store')
  else if (existsSync(join(path, 'sealed')))
    await takeIntoIndex(path, name, { pattern: '*', allowSplitted: false, verbose: false }, home)
  if (added && identity.CanStore) say('a running manager uses it after a restart')
}
