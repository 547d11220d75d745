import type { Command } from 'commander'
import { errorText } from '../../rpc-schema/seal-error.js'

/** Runs an executable's command line: a failure is one line on stderr and exit code 1, never a stack trace. */
export async function runProgram(program: Command): Promise<void> {
  try {
    await program.parseAsync()
  } catch (error) {
    process.stderr.write(`${program.name()}: ${errorText(error)}\n`)
    process.exitCode = 1
  }
}
