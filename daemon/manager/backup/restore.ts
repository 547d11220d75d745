import { existsSync } from 'node:fs'
import { copyFile, mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { Knex } from 'knex'
import { managerMigrations } from '../../../migrations/manager/index.js'
import { type Clock, systemClock } from '../../kit/clock.js'
import { openDatabase } from '../../kit/database.js'
import { silentLog } from '../../kit/log.js'
import { tokenSecretFile } from '../access/token-secret.js'
import { skipForgottenNumbers } from '../allocation/after-restore.js'
import { ChainNode } from '../chain/chain-node.js'
import { serviceAddresses } from '../chain/services.js'
import { withDeadline } from '../concurrency/deadline.js'
import { databaseDsn } from '../config/database-dsn.js'
import type { ManagerHome } from '../config/home.js'
import { loadSettingsFile, type ManagerSetup } from '../config/load-settings.js'
import { lockHome } from '../home-lock.js'
import { DATABASE_FILE } from './backup.js'
import { type Behind, behindChain } from './behind-chain.js'
import { loadRows, rowCounts } from './database-rows.js'
import { type Manifest, verifiedManifest } from './manifest.js'
import { writeMark } from './restored-mark.js'

const CHAIN_LIMIT_MS = 60_000

export interface RestoreOptions {
  /** The backup. */
  readonly dir: string
  readonly home: ManagerHome
  readonly clock: Clock
  /** Move what is there aside; without it a home that has state is refused. */
  readonly replace: boolean
}

export interface Restored {
  readonly manifest: Manifest
  /** Where what was there before is now. */
  readonly movedTo: string | undefined
}

/** Refuses a backup that a newer version has made. */
function checkMigrations({ migrations }: Manifest): void {
  const known = new Set(managerMigrations.map(({ name }) => name))
  const unknown = migrations.filter(name => !known.has(name))
  if (unknown.length > 0)
    throw new Error(
      `the backup was made by a newer version, whose database has ${unknown.join(', ')}: use that version`,
    )
}

/** Puts a backup into a home. The manager must not run; nothing that was there is deleted. */
export async function restoreBackup({ dir, home, clock, replace }: RestoreOptions): Promise<Restored> {
  const manifest = await verifiedManifest(dir)
  checkMigrations(manifest)
  const unlock = await lockHome(home.dir)
  try {
    const own = [
      [basename(home.configFile), home.configFile],
      ['ext-prover.cfg', join(home.configFile, '..', 'ext-prover.cfg')],
      [basename(tokenSecretFile(home.dir)), tokenSecretFile(home.dir)],
      ['tokens.jsonl', join(home.dir, 'tokens.jsonl')],
    ] as const
    const names = new Set(manifest.files.map(({ name }) => name))
    const setup = loadSettingsFile(
      existsSync(home.configFile) ? home.configFile : join(dir, basename(home.configFile)),
    ).config
    const dsn = databaseDsn(setup, home)
    const inFile = dsn === home.databaseFile
    if (inFile && existsSync(home.databaseFile) && !replace)
      throw new Error(`${home.databaseFile} is there already: say --replace to move it aside`)
    if (!inFile && manifest.database === 'sqlite')
      throw new Error(
        'the backup holds a SQLite file, and the configuration names a MySQL database: make one with --rows',
      )
    const movedTo = inFile && existsSync(home.databaseFile) ? await moveAside(home, clock) : undefined
    if (manifest.database === 'sqlite') await copyFile(join(dir, DATABASE_FILE), home.databaseFile)
    const db = await openDatabase({ dsn, migrations: managerMigrations })
    try {
      if (manifest.database === 'rows') await fill(db, dir, manifest, replace)
      await skipForgottenNumbers(db, clock, { miners: setup.miners.keys(), copiedAt: manifest.copiedAt })
    } finally {
      await db.destroy()
    }
    for (const [name, target] of own)
      if (names.has(name) && !existsSync(target)) await copyFile(join(dir, name), target)
    await writeMark(home.dir, { copiedAt: manifest.copiedAt, restoredAt: clock.now(), acknowledged: false })
    return { manifest, movedTo }
  } finally {
    await unlock()
  }
}

async function moveAside(home: ManagerHome, clock: Clock): Promise<string> {
  const aside = join(home.dir, `before-restore-${new Date(clock.now()).toISOString().replaceAll(':', '')}`)
  await mkdir(aside, { mode: 0o700 })
  for (const more of ['', '-wal', '-shm']) {
    const file = `${home.databaseFile}${more}`
    if (existsSync(file)) await rename(file, join(aside, basename(file)))
  }
  return aside
}

async function fill(db: Knex, dir: string, manifest: Manifest, replace: boolean): Promise<void> {
  const there = await rowCounts(db)
  const filled = Object.entries(there).filter(([, count]) => count > 0)
  if (filled.length > 0 && !replace)
    throw new Error(
      `the database is not empty (${filled.map(([table, count]) => `${table}: ${count}`).join(', ')}): say --replace to overwrite it`,
    )
  await loadRows(db, dir, Object.keys(manifest.rows))
}

export interface DrillReport {
  readonly manifest: Manifest
  /** Rows by table as they were restored. */
  readonly rows: Record<string, number>
  /** What is not as it was, or cannot be used; empty is a backup that can be restored. */
  readonly problems: readonly string[]
  /** undefined: the chain was not asked, and `chain` says why. */
  readonly behind: readonly Behind[] | undefined
  readonly chain: string
}

/** Restores a backup into a temporary place, opens it, counts, and compares with the chain. Nothing of the home is touched. */
export async function restoreDrill(dir: string): Promise<DrillReport> {
  const manifest = await verifiedManifest(dir)
  checkMigrations(manifest)
  const place = await mkdtemp(join(tmpdir(), 'restore-drill-'))
  try {
    const file = join(place, DATABASE_FILE)
    if (manifest.database === 'sqlite') await copyFile(join(dir, DATABASE_FILE), file)
    const db = await openDatabase({ dsn: file, migrations: managerMigrations })
    try {
      if (manifest.database === 'rows') await loadRows(db, dir, Object.keys(manifest.rows))
      const rows = await rowCounts(db)
      const problems = Object.entries(manifest.rows)
        .filter(([table, count]) => rows[table] !== count)
        .map(([table, count]) => `${table}: ${count} rows were copied, ${rows[table] ?? 0} are there`)
      const [integrity] = (await db.raw('PRAGMA integrity_check')) as { integrity_check: string }[]
      if (integrity?.integrity_check !== 'ok') problems.push(`the file is damaged: ${integrity?.integrity_check}`)
      return { manifest, rows, problems, ...(await compareWithChain(db, dir, problems)) }
    } finally {
      await db.destroy()
    }
  } finally {
    await rm(place, { recursive: true, force: true })
  }
}

async function compareWithChain(
  db: Knex,
  dir: string,
  problems: string[],
): Promise<Pick<DrillReport, 'behind' | 'chain'>> {
  let setup: ManagerSetup
  try {
    setup = loadSettingsFile(join(dir, 'sector-manager.cfg')).config
  } catch (error) {
    problems.push((error as Error).message)
    return { behind: undefined, chain: 'the configuration of the backup cannot be read' }
  }
  const addresses = serviceAddresses('chain', setup.common.API)
  const node = ChainNode.connect(addresses, { token: setup.common.API.Token, clock: systemClock, log: silentLog })
  try {
    const behind = await withDeadline(
      'asking the chain',
      CHAIN_LIMIT_MS,
      behindChain(db, node.api, setup.miners.keys()),
    )
    return { behind, chain: node.url }
  } catch (error) {
    return { behind: undefined, chain: (error as Error).message }
  } finally {
    await node.close()
  }
}
