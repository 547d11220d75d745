#!/usr/bin/env node
import { gpuproxyWorkerProgram } from '../daemon/gpuproxy/cli/worker-program.js'
import { runProgram } from './commands/run-program.js'
import { packageVersion } from './commands/version.js'

await runProgram(gpuproxyWorkerProgram(`${packageVersion()}-sealyard`))
