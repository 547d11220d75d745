import { type ChildProcess, fork, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export interface Usage {
  readonly rssMiB: number
  readonly cpuMs: number
  /** Since the last time it was asked for. */
  readonly loopP99Ms: number
}

/** One of the programs of `manager-daemons.ts` in a process of its own, which tells what it uses. */
export class BenchProcess {
  readonly #child: ChildProcess
  readonly address: string

  private constructor(child: ChildProcess, told: { address: string }) {
    this.#child = child
    this.address = told.address
  }

  static start(kind: 'bare' | 'chain' | 'manager', ...args: string[]): Promise<BenchProcess> {
    const execArgv = process.env.BENCH_PROFILE === kind ? ['--cpu-prof', `--cpu-prof-dir=${process.cwd()}`] : []
    const program = fileURLToPath(new URL('manager-daemons.js', import.meta.url))
    const child = fork(program, [kind, ...args], { stdio: 'inherit', execArgv })
    return new Promise((resolve, reject) => {
      child.once('exit', code => reject(new Error(`${kind} ended with ${code}`)))
      child.once('message', told => resolve(new BenchProcess(child, told as never)))
    })
  }

  async usage(): Promise<Usage> {
    type Told = { rss: number; cpu: NodeJS.CpuUsage; loopP99Ms: number }
    const told = new Promise<Told>(resolve => this.#child.once('message', message => resolve(message as Told)))
    this.#child.send('usage')
    const { rss, cpu, loopP99Ms } = await told
    return { loopP99Ms, rssMiB: Math.round(rss / 2 ** 20), cpuMs: (cpu.user + cpu.system) / 1_000 }
  }

  /** What the program does on command. */
  tell(command: 'pause' | 'resume' | 'watch'): void {
    this.#child.send(command)
  }

  /** Resolves when it has ended. */
  stop(): Promise<void> {
    const ended = new Promise<void>(resolve => this.#child.once('exit', () => resolve()))
    this.#child.disconnect()
    return ended
  }
}

const TICK_MS = 10

/** Starts the program itself on a home, to its ready line, and stops it again. What it took, ms. */
export async function programStart(home: string): Promise<{ startMs: number; cpuMs: number }> {
  const program = fileURLToPath(new URL('../bin/damocles-manager.js', import.meta.url))
  const args = [program, '--home', home, 'daemon', 'run', '--listen', '127.0.0.1:0']
  const start = performance.now()
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] })
  const ended = new Promise<void>(resolve => child.once('exit', () => resolve()))
  await Promise.race([new Promise(resolve => child.stdout.once('data', resolve)), ended])
  const startMs = performance.now() - start
  if (child.exitCode !== null) throw new Error(`damocles-manager ended with ${child.exitCode}`)
  const [user, system] = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(' ').slice(13, 15).map(Number)
  child.kill()
  await ended
  return { startMs: Math.round(startMs), cpuMs: (user! + system!) * TICK_MS }
}
