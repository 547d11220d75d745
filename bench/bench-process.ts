import { type ChildProcess, fork } from 'node:child_process'
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
  /** From the start of the process to its first answer. */
  readonly startMs: number
  readonly startCpuMs: number

  private constructor(child: ChildProcess, told: { address: string; startMs?: number; startCpuMs?: number }) {
    this.#child = child
    this.address = told.address
    this.startMs = told.startMs ?? 0
    this.startCpuMs = told.startCpuMs ?? 0
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
  tell(command: 'pause' | 'resume'): void {
    this.#child.send(command)
  }

  /** Resolves when it has ended. */
  stop(): Promise<void> {
    const ended = new Promise<void>(resolve => this.#child.once('exit', () => resolve()))
    this.#child.disconnect()
    return ended
  }
}
