import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { expect } from 'chai'
import type { Knex } from 'knex'
import { systemClock } from '../../../../../daemon/kit/clock.js'
import { openDatabase } from '../../../../../daemon/kit/database.js'
import { silentLog } from '../../../../../daemon/kit/log.js'
import { directoryDriver } from '../../../../../daemon/manager/storage/drivers/directory-driver.js'
import { PieceStores } from '../../../../../daemon/manager/storage/piece-stores.js'
import { managerMigrations } from '../../../../../migrations/manager/index.js'

const failure = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'no error',
    (error: Error) => error.message,
  )

/** A driver as somebody else would write it: every file under its path with slashes turned into dashes. */
const PLUGIN = `
import { createReadStream } from 'node:fs'
import { readFile, rm, stat, writeFile } from 'node:fs/promises'
import { buffer } from 'node:stream/consumers'
export function openStore({ path, meta }) {
  const at = name => path + '/' + meta.Mark + name.replaceAll('/', '-')
  return {
    space: async () => ({ type: 'mine', totalBytes: 100, freeBytes: 90, usedBytes: 10 }),
    stat: name => stat(at(name)).then(found => ({ kind: 'file', sizeBytes: found.size }), () => undefined),
    read: async (name, { offset, length }) =>
      createReadStream(at(name), { start: offset, end: length === undefined ? Infinity : offset + length - 1 }),
    write: async (name, content) => writeFile(at(name), await buffer(content)),
    remove: name => rm(at(name), { force: true }),
  }
}
`

describe('manager: stores of other kinds', () => {
  let dir: string
  let db: Knex
  let pieces: PieceStores | undefined

  const open = (PluginName: string): PieceStores => {
    const settings = { Name: 'mine', Path: dir, ReadOnly: false, PluginName, Plugin: '', Meta: { Mark: 'm_' } }
    pieces = new PieceStores({ stores: [settings], db, clock: systemClock, log: silentLog })
    return pieces
  }

  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'plugin-'))
    db = await openDatabase({ dsn: ':memory:', migrations: managerMigrations })
  })
  afterEach(async () => {
    pieces?.close()
    await db.destroy()
    rmSync(dir, { recursive: true, force: true })
  })

  it('are modules that export openStore', async () => {
    const module = join(dir, 'my-store.mjs')
    writeFileSync(module, PLUGIN)
    const stores = open(module)
    await stores.put('piece', Readable.from([Buffer.from('content')]), 7)
    expect(readdirSync(dir)).to.include.members(['m_piece', 'm_.sealyard-store.json'])
    const found = await stores.open('piece')
    expect((await buffer(await found!.stream(3, 4))).toString()).to.equal('tent')
    expect(await failure(stores.put('larger', Readable.from([]), 91))).to.equal('no piece store has room')
  })

  it('say when the module is not there, or is none', async () => {
    writeFileSync(join(dir, 'empty.mjs'), 'export const x = 1')
    expect(await failure(open(join(dir, 'empty.mjs')).open('piece'))).to.contain('does not export a function openStore')
    pieces?.close()
    expect(await failure(open(join(dir, 'none.mjs')).open('piece'))).to.contain('none.mjs')
  })
})

describe('manager: a full disk', () => {
  let dir: string
  let mounted = false

  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'full-'))
    mkdirSync(join(dir, 'store'))
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', join(dir, 'store')], { stdio: 'ignore' })
      mounted = true
    } catch {
      // Not root: the test with a real small disk says so.
    }
  })
  after(() => {
    if (mounted) execFileSync('umount', [join(dir, 'store')])
    rmSync(dir, { recursive: true, force: true })
  })

  it('is told before the first byte when the size is known', async () => {
    const driver = directoryDriver('a', join(dir, 'store'))
    const error = await driver.write('x', Readable.from([]), 2 ** 50).catch((each: NodeJS.ErrnoException) => each)
    expect(error).to.include({ code: 'ENOSPC' })
  })

  it('leaves nothing of what did not fit, and takes what fits', async function () {
    if (!mounted) {
      this.test!.title += ' (skipped: no right to mount a small disk)'
      return this.skip()
    }
    const driver = directoryDriver('a', join(dir, 'store'))
    const much = Readable.from(
      (function* () {
        for (let at = 0; at < 40; at++) yield Buffer.alloc(65_536)
      })(),
    )
    const error = await driver.write('x', much, undefined).catch((each: NodeJS.ErrnoException) => each)
    expect(error).to.include({ code: 'ENOSPC' })
    expect(readdirSync(join(dir, 'store'))).to.deep.equal([])
    await driver.write('x', Readable.from([Buffer.alloc(500_000)]), 500_000)
    expect((await driver.stat('x', true))?.sizeBytes).to.equal(500_000)
  })
})
