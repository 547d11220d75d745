#!/usr/bin/env node
import { Command } from 'commander'
import { wdpostParamCommand } from './commands/params.js'
import { runProgram } from './commands/run-program.js'
import { packageVersion } from './commands/version.js'

const program = new Command('gen_cache_and_param')
  .description('proof parameters, as they are made ready before a poster is started')
  .version(`${packageVersion()}-sealyard`)
await runProgram(program.addCommand(wdpostParamCommand()))
