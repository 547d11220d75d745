import { execFileSync, spawn } from 'node:child_process'
import { accessSync, constants, mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { delimiter, join } from 'node:path'
import knex, { type Knex } from 'knex'
import { eventually } from './eventually.js'
import { freePort } from './free-port.js'

const PLACES = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']

function program(name: string): string | undefined {
  return PLACES.map(place => join(place, name)).find(path => {
    try {
      accessSync(path, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

const IN_MEMORY = '/dev/shm'
const NEEDED_BYTES = 3 * 2 ** 30

/** Each database is dozens of files that are made on a disk one after another, two seconds of a busy one; in memory a tenth of that. */
function placeOfData(): string {
  try {
    accessSync(IN_MEMORY, constants.W_OK)
    const { bavail, bsize } = statfsSync(IN_MEMORY)
    return bavail * bsize >= NEEDED_BYTES ? IN_MEMORY : tmpdir()
  } catch {
    return tmpdir()
  }
}

const SERVER = program('mariadbd')
const INSTALL = program('mariadb-install-db')

/** Why there is no MariaDB for tests; undefined when there is one. */
export const noMariaDb: string | undefined =
  SERVER === undefined || INSTALL === undefined
    ? 'no MariaDB server on this machine: apt-get install mariadb-server'
    : undefined

const canConnect = (port: number): Promise<true> =>
  new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', reject)
  })

let running: Promise<{ port: number; admin: Knex }> | undefined
let databases = 0

/** A server of this test run's own in a temporary directory, on loopback; it ends with this process. */
async function start(): Promise<{ port: number; admin: Knex }> {
  const dir = mkdtempSync(join(placeOfData(), 'mariadb-'))
  const user = userInfo().username
  execFileSync(
    INSTALL!,
    [
      '--no-defaults',
      `--datadir=${dir}/data`,
      `--user=${user}`,
      '--auth-root-authentication-method=normal',
      '--skip-test-db',
    ],
    { stdio: 'pipe' },
  )
  const port = await freePort()
  const server = spawn(
    SERVER!,
    [
      '--no-defaults',
      `--datadir=${dir}/data`,
      `--user=${user}`,
      `--port=${port}`,
      '--bind-address=127.0.0.1',
      `--socket=${dir}/socket`,
      '--innodb-buffer-pool-size=64M',
      '--innodb-flush-log-at-trx-commit=0',
      '--skip-log-bin',
    ],
    { stdio: 'ignore' },
  )
  server.unref()
  process.once('exit', () => {
    server.kill('SIGKILL')
    rmSync(dir, { recursive: true, force: true })
  })
  await eventually('an open port of MariaDB', 60_000, () => canConnect(port))
  const admin = knex({
    client: 'mysql2',
    connection: { host: '127.0.0.1', port, user: 'root' },
    pool: { min: 0, max: 1, idleTimeoutMillis: 500 },
  })
  return { port, admin }
}

/** The DSN of an empty database. */
export async function freshMariaDb(): Promise<string> {
  running ??= start()
  const { port, admin } = await running
  const name = `yard${++databases}`
  await admin.raw(`CREATE DATABASE ${name}`)
  return `mysql://root@127.0.0.1:${port}/${name}`
}

/** Gives the space of a database back, unless somebody is still at it. */
export async function dropMariaDb(dsn: string): Promise<void> {
  const { admin } = await running!
  await admin.raw('SET SESSION lock_wait_timeout = 1')
  await admin.raw('DROP DATABASE ??', [new URL(dsn).pathname.slice(1)]).catch(() => undefined)
}
