#!/usr/bin/env node
import { Command } from 'commander'
import { sealcalcCommand } from '../daemon/worker/cli/sealcalc.js'
import { runProgram } from './commands/run-program.js'
import { packageVersion } from './commands/version.js'

const program = new Command('damocles-worker-util')
  .description('calculations for sealing workers')
  .version(`v${packageVersion()}-sealyard`, '-V, --version')
  .addCommand(sealcalcCommand())

await runProgram(program)
