import type { Command } from 'commander'
import { managerProgram } from '../../../../daemon/manager/cli/program.js'
import { errorText } from '../../../../rpc-schema/seal-error.js'
import type { ManagerBench } from '../manager-bench.js'

export interface Outcome {
  code: number
  stdout: string
  stderr: string
}

/** Runs the manager's command line in this process, which is faster than a process of its own; commands of one test must follow each other. */
export const runCli = (...args: string[]): Promise<Outcome> => runHere(managerProgram('v0-test'), args)

/** The same with another program. */
export async function runHere(program: Command, args: readonly string[]): Promise<Outcome> {
  let stdout = ''
  let stderr = ''
  const prepare = (command: Command): void => {
    command.exitOverride().configureOutput({
      writeOut: text => {
        stdout += text
      },
      writeErr: text => {
        stderr += text
      },
    })
    for (const inner of command.commands) prepare(inner)
  }
  prepare(program)
  const write = process.stdout.write
  process.stdout.write = ((text: string | Uint8Array): boolean => {
    stdout += text.toString()
    return true
  }) as typeof process.stdout.write
  try {
    await program.parseAsync(args, { from: 'user' })
    return { code: Number(process.exitCode ?? 0), stdout, stderr }
  } catch (error) {
    return { code: 1, stdout, stderr: stderr || `${program.name()}: ${errorText(error)}\n` }
  } finally {
    process.stdout.write = write
    process.exitCode = undefined
  }
}

/** `util …` against the manager and the chain of a bench. */
export const utilOf =
  (bench: ManagerBench) =>
  (...args: string[]): Promise<Outcome> =>
    runCli('--home', `${bench.dir}/manager`, 'util', '--listen', bench.manager.address, ...args)
