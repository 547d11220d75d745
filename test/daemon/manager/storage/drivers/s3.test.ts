import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { expect } from 'chai'
import type { Knex } from 'knex'
import { systemClock } from '../../../../../daemon/kit/clock.js'
import { openDatabase } from '../../../../../daemon/kit/database.js'
import { silentLog } from '../../../../../daemon/kit/log.js'
import { PersistStoreSettings } from '../../../../../daemon/manager/config/manager-settings.js'
import { s3Driver } from '../../../../../daemon/manager/storage/drivers/s3-driver.js'
import { credentialsIn, s3Settings } from '../../../../../daemon/manager/storage/drivers/s3-settings.js'
import { PersistStores } from '../../../../../daemon/manager/storage/persist-stores.js'
import { PieceStores } from '../../../../../daemon/manager/storage/piece-stores.js'
import { persistedFiles } from '../../../../../daemon/manager/storage/store-files.js'
import { managerMigrations } from '../../../../../migrations/manager/index.js'
import { S3_KEYS, startS3 } from './s3-server.js'

const failure = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'no error',
    (error: Error) => error.message,
  )

describe('manager: a store in an S3 bucket', () => {
  let dir: string
  let db: Knex
  let server: Awaited<ReturnType<typeof startS3>>
  let environment: NodeJS.ProcessEnv

  const meta = (more: Record<string, string> = {}): Record<string, string> => ({
    Endpoint: server.endpoint,
    Bucket: 'sectors',
    Prefix: '/yard/a/',
    Capacity: '1TiB',
    ...more,
  })
  const open = (more: Record<string, string> = {}) => s3Driver({ name: 's', path: '', meta: meta(more) })

  before(async () => {
    environment = { ...process.env }
    Object.assign(process.env, S3_KEYS)
    dir = mkdtempSync(join(tmpdir(), 's3-'))
    server = await startS3(join(dir, 'objects'), 'sectors')
    db = await openDatabase({ dsn: ':memory:', migrations: managerMigrations })
  })
  after(async () => {
    process.env = environment
    await db.destroy()
    await server.close()
    rmSync(dir, { recursive: true, force: true })
  })

  it('takes, gives, tells of and removes files', async () => {
    const driver = await open()
    expect(await driver.space()).to.include({ type: 's3', totalBytes: 1024 ** 4 })
    expect(await driver.stat('sealed/x', true)).to.equal(undefined)
    await driver.write('sealed/x', Readable.from([Buffer.from('01234'), Buffer.from('56789')]), 10)
    await driver.write('cache/x/p_aux', Readable.from([Buffer.from('p')]), undefined)
    await driver.write('cache/x-2/p_aux', Readable.from([Buffer.from('q')]), 1)
    expect(await driver.stat('sealed/x', true)).to.deep.equal({ kind: 'file', sizeBytes: 10 })
    expect((await buffer(await driver.read('sealed/x', { offset: 2, length: 3 }))).toString()).to.equal('234')
    expect((await buffer(await driver.read('sealed/x', { offset: 0 }))).toString()).to.equal('0123456789')
    await driver.remove('cache/x')
    await driver.remove('cache/x')
    expect(await driver.stat('cache/x/p_aux', true)).to.equal(undefined)
    expect(await driver.stat('cache/x-2/p_aux', true)).to.not.equal(undefined)
  })

  it('takes a file of several parts, whole or not at all', async () => {
    const driver = await s3Driver({ name: 's', path: '', meta: meta() }, 5 * 1024 * 1024)
    const bytes = Buffer.alloc(11 * 1024 * 1024, 'abcdefg')
    const chunks = function* (): Generator<Buffer> {
      for (let at = 0; at < bytes.length; at += 1 << 20) yield bytes.subarray(at, at + (1 << 20))
    }
    await driver.write('big', Readable.from(chunks()), bytes.length)
    expect((await buffer(await driver.read('big', { offset: 0 }))).equals(bytes)).to.equal(true)
    expect(await failure(driver.write('short', Readable.from(chunks()), bytes.length + 1))).to.contain(
      'bytes have come',
    )
    expect(await driver.stat('short', true)).to.equal(undefined)
  })

  it('says what is wrong with its settings', async () => {
    const settings = (meta: Record<string, string>, env = {}): Promise<string> =>
      failure(s3Settings({ name: 's', path: '', meta }, env))
    expect(await settings({})).to.contain('store s: Meta.Endpoint')
    expect(await settings(meta())).to.contain('no credentials: set AWS_ACCESS_KEY_ID')
    expect(await settings(meta({ CredentialsFile: join(dir, 'no') }))).to.contain('ENOENT')
    const file = join(dir, 'credentials')
    writeFileSync(file, '[default]\naws_access_key_id = A\naws_secret_access_key=B\n[other]\naws_access_key_id = C\n')
    const from = await s3Settings({ name: 's', path: '', meta: meta({ CredentialsFile: file }) }, {})
    expect(from.credentials).to.include({ accessKeyId: 'A', secretAccessKey: 'B' })
    expect(() => credentialsIn('[other]\n', 'other', 'f')).to.throw('f: [other]: expected aws_access_key_id')
    expect(await failure((await open({ Bucket: 'none' })).space())).to.contain('there is no bucket none')
    expect(await failure((await open()).write('../x', Readable.from([]), 0))).to.contain('leads out of the store')
  })

  it('serves as a persist store', async () => {
    const settings = PersistStoreSettings.parse({ Name: 's', PluginName: 's3', Meta: meta({ Prefix: 'p' }) })
    const stores = new PersistStores({ stores: [settings], db, clock: systemClock, log: silentLog })
    await stores.check()
    const sid = { Miner: 1000, Number: 7 }
    expect((await stores.reserve(sid, 2048, []))?.Name).to.equal('s')
    expect(await stores.missingFile(sid, 5, 's', false)).to.equal('sealed/s-t01000-7')
    const driver = await open({ Prefix: 'p' })
    for (const file of persistedFiles(sid, 5, false)) await driver.write(file, Readable.from([Buffer.from('x')]), 1)
    expect(await stores.missingFile(sid, 5, 's', false)).to.equal(undefined)
    expect((await stores.list())[0]).to.include({ Type: 's3', Reserved: 2048 })
    stores.close()
  })

  it('serves as a piece store', async () => {
    const settings = { Name: 's', Path: '', ReadOnly: false, PluginName: 's3', Plugin: '', Meta: meta({ Prefix: 'q' }) }
    const pieces = new PieceStores({ stores: [settings], db, clock: systemClock, log: silentLog })
    await pieces.put('piece', Readable.from([Buffer.from('content')]), 7)
    const found = await pieces.open('piece')
    expect(found?.sizeBytes).to.equal(7)
    expect((await buffer(await found!.stream(1, 3))).toString()).to.equal('ont')
    pieces.close()
  })
})
