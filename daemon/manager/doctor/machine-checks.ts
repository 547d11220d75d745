import { existsSync } from 'node:fs'
import { readFile, stat, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { sectorSizeLabel } from '../../../rpc-schema/wire/proof-types.js'
import { formatByteSize } from '../../kit/config/byte-size.js'
import { loadKnex, pingMysql } from '../../kit/database.js'
import { tokenSecretFile } from '../access/token-secret.js'
import { withDeadline } from '../concurrency/deadline.js'
import { checkManagerFile } from '../config/check-file.js'
import { databaseDsn } from '../config/database-dsn.js'
import { type DoctorFinding, fail, ok, warn } from './finding.js'
import type { Patient } from './patient.js'

const FILES = { least: 1_024, good: 65_536 } as const
const GiB = 1024 ** 3
const HOME_ROOM = { least: 1 * GiB, good: 10 * GiB } as const
/** A 32 GiB sector with its cache. */
const STORE_ROOM_BYTES = 33 * GiB
const LOOK_LIMIT_MS = 5_000

export async function configuration({ home }: Patient): Promise<DoctorFinding[]> {
  const { findings } = await checkManagerFile(home.configFile)
  const problems = findings.filter(({ found }) => found === 'problem').length
  const remedy = `damocles-manager config check -c ${home.configFile}`
  if (problems > 0) return [fail(`${home.configFile}: ${problems} problem${problems === 1 ? '' : 's'}`, remedy)]
  const warnings = findings.length
  return [
    warnings > 0
      ? warn(`${home.configFile}: good, with ${warnings} warning${warnings === 1 ? '' : 's'}`, remedy)
      : ok(`${home.configFile} is good`),
  ]
}

export async function openFiles(): Promise<DoctorFinding[]> {
  const text = await readFile('/proc/self/limits', 'utf8').catch(() => '')
  const soft = /^Max open files\s+(\d+|unlimited)/m.exec(text)?.[1]
  if (soft === undefined) return [warn('this system does not tell its limit of open files', 'look at `ulimit -n`')]
  const limit = soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft)
  const remedy = `raise it: \`ulimit -n ${FILES.good}\`, or LimitNOFILE= of the service`
  if (limit < FILES.least) return [fail(`only ${limit} files may be open`, remedy)]
  return [limit < FILES.good ? warn(`${limit} files may be open`, remedy) : ok(`${soft} files may be open`)]
}

export async function homeDisk({ home }: Patient): Promise<DoctorFinding[]> {
  const { bavail, bsize } = await statfs(existsSync(home.dir) ? home.dir : dirname(home.dir))
  const free = bavail * bsize
  const about = `${formatByteSize(free)} free for the state in ${home.dir}`
  if (free < HOME_ROOM.least) return [fail(about, 'make room: a full disk stops every write')]
  return [free < HOME_ROOM.good ? warn(about, `keep ${formatByteSize(HOME_ROOM.good)} free`) : ok(about)]
}

export async function stores({ setup }: Patient): Promise<DoctorFinding[]> {
  const entries = setup.persistStores.filter(({ PluginName, Plugin }) => (PluginName || Plugin) === '')
  return Promise.all(
    entries.map(async ({ Name, Path, ReadOnly }): Promise<DoctorFinding> => {
      try {
        const look = Promise.all([stat(Path), stat(dirname(Path)), statfs(Path)])
        const [self, above, space] = await withDeadline(Path, LOOK_LIMIT_MS, look)
        if (!self.isDirectory()) return fail(`store ${Name}: ${Path} is not a directory`, 'correct its Path')
        const free = space.bavail * space.bsize
        const about = `store ${Name}: ${formatByteSize(free)} of ${formatByteSize(space.blocks * space.bsize)} free`
        if (free < STORE_ROOM_BYTES && !ReadOnly) return warn(about, 'make room, or set ReadOnly = true')
        // A store is its own file system as a rule; in the one above it is where it comes to lie when its mount is missing.
        return self.dev === above.dev
          ? warn(`${about}; ${Path} is no mount point`, 'if a disk belongs there, mount it')
          : ok(about)
      } catch (error) {
        return fail(`store ${Name}: ${(error as Error).message}`, 'mount it, or take it out of the configuration')
      }
    }),
  )
}

export async function access({ home, setup }: Patient): Promise<DoctorFinding[]> {
  const file = tokenSecretFile(home.dir)
  const found = await stat(file).catch(() => undefined)
  const secret =
    found === undefined
      ? ok('no secret of tokens yet: it is made at the first start')
      : (found.mode & 0o077) === 0
        ? ok('the secret of tokens is for its owner alone')
        : fail(
            `${file} can be read by others, who can make tokens`,
            `chmod 600 ${file}; damocles-manager auth renew-secret`,
          )
  const required = setup.common.Access.RequireToken
    ? ok('calls need a token')
    : warn('calls need no token', 'set Common.Access.RequireToken = true when the manager listens beyond this machine')
  return [secret, required]
}

export async function database({ home, setup }: Patient): Promise<DoctorFinding[]> {
  const dsn = databaseDsn(setup, home)
  if (dsn !== home.databaseFile) {
    const problem = await pingMysql(dsn).catch((error: unknown) => error as Error)
    if (problem !== undefined) return [fail(problem.message, 'start the server, or correct Common.DB.SQL.DSN')]
    return [ok('the MySQL database answers')]
  }
  if (!existsSync(home.databaseFile)) return [ok('no database yet: it is made at the first start')]
  const knex = await loadKnex()
  const db = knex({
    client: 'better-sqlite3',
    connection: { filename: home.databaseFile, options: { readonly: true } },
    useNullAsDefault: true,
    pool: { min: 1, max: 1 },
  })
  try {
    const [row] = (await db.raw('PRAGMA quick_check(1)')) as { quick_check: string }[]
    if (row?.quick_check === 'ok') return [ok(`${home.databaseFile} is whole`)]
    return [fail(`${home.databaseFile} is damaged: ${row?.quick_check}`, 'stop the manager and restore a backup')]
  } finally {
    await db.destroy()
  }
}

export async function parameters({ node, setup }: Patient): Promise<DoctorFinding[]> {
  const { reportParameters } = await import('../../../plugins/prover/parameters.js')
  const { Address } = await import('../../../rpc-schema/wire/address.js')
  const sizes = new Set<number>()
  for (const miner of setup.miners.keys())
    sizes.add((await node.api.StateMinerInfo(Address.fromId(miner), [])).SectorSize)
  return [...sizes].map(sectorSize => {
    const bad = reportParameters({ sectorSize })
      .filter(({ params, vk }) => params.state !== 'ok' || vk.state !== 'ok')
      .map(({ set }) => set)
    const size = sectorSizeLabel(sectorSize)
    return bad.length === 0
      ? ok(`the parameters of ${size} sectors are there`)
      : warn(
          `parameters of ${size} sectors are missing: ${bad.join(', ')}`,
          `damocles-manager util fetch-params ${size}`,
        )
  })
}
