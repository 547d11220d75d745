import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'

/** The yard's home: `$SEALYARD_HOME`, else `sealyard` under the user's data directory. Never the checkout. */
export function defaultHome(env: NodeJS.ProcessEnv = process.env): string {
  if (env.SEALYARD_HOME) return resolve(env.SEALYARD_HOME)
  return join(env.XDG_DATA_HOME || join(homedir(), '.local', 'share'), 'sealyard')
}

/** The addresses a yard keeps for as long as its home lives, since configuration files name them. */
export interface YardPorts {
  devnet: number
  manager: number
  worker: number
}

const USUAL_PORTS: YardPorts = { devnet: 1234, manager: 1789, worker: 17890 }

/** Where everything of a yard lies. */
export class YardHome {
  readonly dir: string

  constructor(dir: string) {
    this.dir = resolve(dir)
  }

  readonly path = (...parts: string[]): string => join(this.dir, ...parts)
  get devnet(): string {
    return this.path('devnet')
  }
  get manager(): string {
    return this.path('manager')
  }
  get worker(): string {
    return this.path('worker')
  }
  get workerConfig(): string {
    return this.path('worker', 'damocles-worker.toml')
  }
  /** Sealing store of the thread with this name. */
  store(thread: string): string {
    return this.path('worker', thread)
  }
  get persistStore(): string {
    return this.path('persist')
  }
  log(daemon: string): string {
    return this.path('logs', `${daemon}.log`)
  }

  create(): void {
    for (const dir of [
      this.devnet,
      this.manager,
      this.worker,
      this.persistStore,
      this.path('logs'),
      this.path('pieces'),
    ]) {
      mkdirSync(dir, { recursive: true })
    }
  }

  /** Takes the home for this process. A live owner is named; one that was killed is succeeded. */
  lock(): () => void {
    const file = this.path('yard.pid')
    for (let attempt = 0; attempt < 2; attempt++) {
      try {
        const fd = openSync(file, 'wx')
        writeFileSync(fd, `${process.pid}\n`)
        closeSync(fd)
        return () => rmSync(file, { force: true })
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
        const owner = Number(readFileSync(file, 'utf8'))
        if (isAlive(owner))
          throw new Error(`${this.dir} is in use by process ${owner}; stop it, or choose another place with --home DIR`)
        rmSync(file, { force: true })
      }
    }
    throw new Error(`cannot take ${file}: another process took it at the same moment`)
  }

  /** The ports of this home: chosen at the first start (the usual ones where they are free) and kept. */
  async ports(): Promise<YardPorts> {
    const file = this.path('yard.json')
    if (existsSync(file)) {
      const ports = (JSON.parse(readFileSync(file, 'utf8')) as { ports: YardPorts }).ports
      for (const [daemon, port] of Object.entries(ports)) {
        if (!(await isFree(port))) {
          throw new Error(
            `port ${port}, which the ${daemon} of ${this.dir} listens on, is in use by another process; stop that one, or choose another place with --home DIR`,
          )
        }
      }
      return ports
    }
    const ports = { devnet: 0, manager: 0, worker: 0 }
    for (const daemon of Object.keys(USUAL_PORTS) as (keyof YardPorts)[]) {
      ports[daemon] = (await isFree(USUAL_PORTS[daemon])) ? USUAL_PORTS[daemon] : await freePort()
    }
    writeFileSync(file, `${JSON.stringify({ ports }, undefined, 2)}\n`)
    return ports
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0 || pid === process.pid) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

const isFree = (port: number): Promise<boolean> => tryPort(port).then(got => got !== undefined)

async function freePort(): Promise<number> {
  const port = await tryPort(0)
  if (port === undefined) throw new Error('no free port on 127.0.0.1')
  return port
}

/** Listens for a moment; the port that was had, or undefined. */
function tryPort(port: number): Promise<number | undefined> {
  return new Promise(resolvePort => {
    const server = createServer()
    server.once('error', () => resolvePort(undefined))
    server.listen(port, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolvePort(typeof address === 'object' ? address?.port : undefined))
    })
  })
}
