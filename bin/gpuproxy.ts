#!/usr/bin/env node
import { gpuproxyProgram } from '../daemon/gpuproxy/cli/program.js'
import { runProgram } from './commands/run-program.js'
import { packageVersion } from './commands/version.js'

await runProgram(gpuproxyProgram(`${packageVersion()}-sealyard`))
