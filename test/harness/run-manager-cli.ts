import { type Command, CommanderError } from 'commander'
import { managerProgram } from '../../daemon/manager/cli/program.js'

export interface Outcome {
  code: number
  stdout: string
  stderr: string
}

/** Runs the manager's command line in this process, which is faster than in one of its own; one call at a time. */
export async function runManagerCli(...args: string[]): Promise<Outcome> {
  const program = managerProgram('v0-test')
  const outcome: Outcome = { code: 0, stdout: '', stderr: '' }
  const write = process.stdout.write
  process.stdout.write = ((text: string) => {
    outcome.stdout += text
    return true
  }) as typeof write
  everyCommand(program, command => {
    command.exitOverride().configureOutput({
      writeOut: text => {
        outcome.stdout += text
      },
      writeErr: text => {
        outcome.stderr += text
      },
    })
  })
  try {
    await program.parseAsync(args, { from: 'user' })
  } catch (error) {
    outcome.code = error instanceof CommanderError ? error.exitCode : 1
    if (!(error instanceof CommanderError)) outcome.stderr += `damocles-manager: ${(error as Error).message}\n`
  } finally {
    process.stdout.write = write
  }
  return outcome
}

function everyCommand(command: Command, visit: (command: Command) => void): void {
  visit(command)
  for (const child of command.commands) everyCommand(child, visit)
}
