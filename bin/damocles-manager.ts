#!/usr/bin/env node
import { managerProgram } from '../daemon/manager/cli/program.js'
import { errorText } from '../rpc-schema/seal-error.js'
import { packageVersion } from './commands/version.js'

try {
  await managerProgram(`v${packageVersion()}-sealyard`).parseAsync()
} catch (error) {
  process.stderr.write(`${errorText(error)}\n`)
  process.exitCode = 1
}
