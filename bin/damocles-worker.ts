#!/usr/bin/env node
import { workerProgram } from '../daemon/worker/cli/program.js'
import { errorText } from '../rpc-schema/seal-error.js'
import { packageVersion } from './commands/version.js'

try {
  await workerProgram(`v${packageVersion()}-sealyard`).parseAsync()
} catch (error) {
  process.stderr.write(`${errorText(error)}\n`)
  process.exitCode = 1
}
