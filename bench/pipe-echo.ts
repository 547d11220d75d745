import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

/** A child that gives every line back: what a round trip over pipes costs when nobody looks at the lines. */
export interface PipeEcho {
  roundTrip(line: string): Promise<void>
  close(): void
}

const ECHO = 'process.stdin.pipe(process.stdout)'

export function startPipeEcho(): PipeEcho {
  const child = spawn(process.execPath, ['-e', ECHO], { stdio: ['pipe', 'pipe', 'inherit'] })
  const waiting: (() => void)[] = []
  createInterface({ input: child.stdout }).on('line', () => waiting.shift()?.())
  return {
    roundTrip: line =>
      new Promise(resolve => {
        waiting.push(resolve)
        child.stdin.write(`${line}\n`)
      }),
    close: () => void child.stdin.end(),
  }
}
