import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
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

  it('a document has its name only when its bytes are on the disk, then the name is waited for, too', async () => {
    const store = new FsResources(join(dir, 'ordered'))
    const seen: string[][] = []
    onFile = async () => void seen.push(readdirSync(store.where).map(name => name.replace(/.*\.partial$/, 'partial')))
    onNames = async () => void seen.push(readdirSync(store.where))
    const incoming = store.receive()
    await incoming.write(Buffer.from('{}'))
    await (await incoming.keep(ID)).onDisk()
    expect(seen).to.deep.equal([['partial'], [ID]])
  })

  it('a document that the disk does not take is not there', async () => {
    const store = new FsResources(join(dir, 'refused'))
    onFile = () => Promise.reject(new Error('no space left'))
    const incoming = store.receive()
    await incoming.write(Buffer.from('{}'))
    const failure = await incoming.keep(ID).catch((error: Error) => error.message)
    await incoming.discard()
    expect(failure).to.equal('no space left')
    expect(readdirSync(store.where)).to.deep.equal([])
  })

  it('a submission is answered when task and document are on the disk', async () => {
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
      // The task is there, and its answer is still held back.
      while ((await proxy.lease.Tasks({ states: null, miners: null, workers: null }, null, 10)).tasks.length === 0);
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
