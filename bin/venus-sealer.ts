#!/usr/bin/env node
import { sealerProgram } from '../daemon/manager/cli/venus-sealer/program.js'
import { runProgram } from './commands/run-program.js'
import { packageVersion } from './commands/version.js'

await runProgram(sealerProgram(`v${packageVersion()}-sealyard`))
