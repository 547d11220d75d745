import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import type { SqliteConnection } from '../../../daemon/kit/sqlite-statements.js'
import { WalSync } from '../../../daemon/kit/wal-sync.js'

describe('the log of a database on the disk', () => {
  let dir: string
  const attached = (): WalSync => {
    const connection = { close: () => {} } as unknown as SqliteConnection
    WalSync.attach(connection, join(dir, 'yard', 'm.db'))
    return WalSync.of(connection)!
  }
  const outcome = (sync: WalSync): Promise<string> =>
    sync.sync().then(
      () => 'taken',
      (error: { code: string }) => error.code,
    )

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'sealyard-wal-'))
  })
  afterEach(() => rmSync(dir, { recursive: true }))

  it('is promised nothing any more once the disk has failed, and a new connection begins anew', async () => {
    const sync = attached()
    expect(await Promise.all([outcome(sync), outcome(sync)])).to.deep.equal(Array(2).fill('SQLITE_IOERR_FSYNC'))
    mkdirSync(join(dir, 'yard'))
    for (const file of ['m.db', 'm.db-wal']) writeFileSync(join(dir, 'yard', file), '')
    expect(await outcome(sync)).to.equal('SQLITE_IOERR_FSYNC')
    expect(await outcome(attached())).to.equal('taken')
  })
})
