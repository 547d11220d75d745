#!/usr/bin/env node
import { venusWorkerProgram } from '../daemon/worker/cli/venus-worker/program.js'
import { runProgram } from './commands/run-program.js'
import { packageVersion } from './commands/version.js'

await runProgram(venusWorkerProgram(`v${packageVersion()}-sealyard`))
