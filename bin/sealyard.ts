#!/usr/bin/env -S node --enable-source-maps
import { Command } from 'commander'
import { devnetCommand } from './commands/devnet.js'
import { paramsCommand } from './commands/params.js'
import { startCommand } from './commands/start.js'
import { packageVersion } from './commands/version.js'
import { wireCommand } from './commands/wire.js'

await new Command('sealyard')
  .description('The sealing yard of a Filecoin storage provider.')
  .version(packageVersion())
  .addCommand(startCommand())
  .addCommand(paramsCommand())
  .addCommand(devnetCommand())
  .addCommand(wireCommand())
  .parseAsync()
