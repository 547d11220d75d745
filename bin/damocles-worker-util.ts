#!/usr/bin/env node
import { Command } from 'commander'
import { hwinfoCommand } from '../daemon/worker/cli/hwinfo.js'
import { coreSharesCommand, hyperthreadsCommand } from '../daemon/worker/cli/hyperthreads.js'
import { planCommand } from '../daemon/worker/cli/plan-command.js'
import { sealcalcCommand } from '../daemon/worker/cli/sealcalc.js'
import { runProgram } from './commands/run-program.js'
import { packageVersion } from './commands/version.js'

const program = new Command('damocles-worker-util')
  .description('shows hardware, plans and calculates for sealing workers')
  .version(`v${packageVersion()}-sealyard`, '-V, --version')
  .addCommand(hwinfoCommand())
  .addCommand(planCommand())
  .addCommand(hyperthreadsCommand())
  .addCommand(coreSharesCommand())
  .addCommand(sealcalcCommand())

await runProgram(program)
