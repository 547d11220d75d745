#!/usr/bin/env node
import { slaveProgram } from '../daemon/wdpost/cli/program.js'
import { runProgram } from './commands/run-program.js'
import { packageVersion } from './commands/version.js'

await runProgram(slaveProgram(`${packageVersion()}-sealyard`))
