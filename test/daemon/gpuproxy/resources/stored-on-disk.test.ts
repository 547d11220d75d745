import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { FsResources } from '../../../../daemon/gpuproxy/resources/fs-resources.js'
import { ProxyUnderTest, resource } from '../proxy-under-test.js'

const ID = '3f1c5c0e-6a0b-5d3c-9d3e-0a5b6c7d8e9f'

describe('gpuproxy: what a power cut must not take', () => {
  let proto: FileHandle
  let original: Pick<FileHandle, 'sync' | 'datasync'>
  /** Called in place of the wait for a file, and for a directory. */
  let onFile: () => Promise<void>
  let onNames: () => Promise<void>
  let dir: string

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'on-disk-'))
    const handle = await open(join(dir, 'any'), 'w')
    proto = Object.getPrototypeOf(handle) as FileHandle
    await handle.close()
    original = { sync: proto.sync, datasync: proto.datasync }
    proto.datasync = () => onFile()
    proto.sync = () => onNames()
  })
  after(() => {
    Object.assign(proto, original)
    rmSync(dir, { recursive: true, force: true })
  })
  beforeEach(() => {
    onFile = () => Promise.resolve()
    onNames = () => Promise.resolve()
  })

  const stored = async (store: FsResources): Promise<unknown> => {
    const incoming = store.receive()
    await incoming.write(Buffer.from('{}'))
    const outcome = await incoming.keep(ID).catch((error: Error) => error.message)
    await incoming.discard()
    return outcome
  }

  it('a new document has its name at once, and is kept when bytes and name are on the disk', async () => {
    const store = new FsResources(join(dir, 'new'))
    const ends: (() => void)[] = []
    const bothAsked = new Promise<void>(resolve => {
      onFile = onNames = () =>
        new Promise(end => {
          ends.push(end)
          if (ends.length === 2) resolve()
        })
    })
    let kept = false
    const keeping = stored(store).then(() => {
      kept = true
    })
    await bothAsked
    expect(readdirSync(store.where)).to.deep.equal([ID])
    ends[0]!()
    await new Promise(resolve => setImmediate(resolve))
    expect(kept).to.equal(false)
    ends[1]!()
    await keeping
  })

  it('one that is there is replaced only by what is on the disk', async () => {
    const store = new FsResources(join(dir, 'again'))
    await stored(store)
    const before = statSync(store.path(ID)).ino
    const seen: [string, boolean][] = []
    onFile = async () => void seen.push(['file', statSync(store.path(ID)).ino === before])
    onNames = async () => void seen.push(['names', statSync(store.path(ID)).ino === before])
    await stored(store)
    expect(seen).to.deep.equal([
      ['file', true],
      ['names', false],
    ])
    onFile = () => Promise.reject(new Error('no space left'))
    expect(await stored(store)).to.equal('no space left')
    expect(readdirSync(store.where), 'and nothing is left of the other').to.deep.equal([ID])
  })

  it('a task is there, and its submission answered, when its document is on the disk', async () => {
    const proxy = await ProxyUnderTest.start()
    try {
      let end!: () => void
      const asked = new Promise<void>(resolve => {
        onNames = () => {
          resolve()
          return new Promise(done => {
            end = done
          })
        }
      })
      let answered: string | undefined
      const adding = proxy.add(7).then(id => {
        answered = id
      })
      await asked
      const all = async () => (await proxy.lease.Tasks({ states: null, miners: null, workers: null }, null, 10)).tasks
      expect(await all(), 'nobody can be given what may still go away').to.deep.equal([])
      expect(answered).to.equal(undefined)
      end()
      await adding
      expect(answered).to.match(/^[0-9a-f-]{36}$/)
      onNames = () => Promise.reject(new Error('the directory is gone'))
      const failure = await proxy.proof.AddTask('t01000', '', 0, resource(8)).catch((error: Error) => error.message)
      expect(failure).to.include('the directory is gone')
    } finally {
      await proxy.stop()
    }
  })
})
