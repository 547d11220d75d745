#!/usr/bin/env node
import { Command } from 'commander'
import { devnetCommand } from './commands/devnet.js'
import { paramsCommand } from './commands/params.js'
import { pluginCommand } from './commands/plugin.js'
import { runProgram } from './commands/run-program.js'
import { startCommand } from './commands/start.js'
import { packageVersion } from './commands/version.js'
import { wireCommand } from './commands/wire.js'

const program = new Command('sealyard')
  .description('The sealing yard of a Filecoin storage provider.')
  .version(packageVersion())
  .addCommand(startCommand())
  .addCommand(paramsCommand())
  .addCommand(devnetCommand())
  .addCommand(pluginCommand())
  .addCommand(wireCommand())

await runProgram(program)
