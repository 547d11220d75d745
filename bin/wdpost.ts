#!/usr/bin/env node
import { wdpostProgram } from '../daemon/wdpost/cli/program.js'
import { runProgram } from './commands/run-program.js'
import { packageVersion } from './commands/version.js'

await runProgram(wdpostProgram(`${packageVersion()}-sealyard`))
