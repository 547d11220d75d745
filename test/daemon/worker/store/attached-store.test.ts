import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { AttachedStores } from '../../../../daemon/worker/store/attached-store.js'
import { directories } from '../../../../daemon/worker/store/directory-glob.js'
import { joinStorePath, persistedCacheFiles } from '../../../../daemon/worker/store/layout.js'

describe('attached stores', () => {
  let dir: string

  beforeEach(async () => {
    dir = await realpath(await mkdtemp(join(tmpdir(), 'attached-')))
    for (const name of ['a', 'b', 'scan/one', 'scan/two', 'scan/.hidden'])
      await mkdir(join(dir, name), { recursive: true })
  })
  afterEach(() => rm(dir, { recursive: true, force: true }))

  const at = (name: string) => join(dir, name)
  const reasonOf = (action: Promise<unknown>): Promise<string> =>
    action.then(
      () => 'nothing wrong',
      (error: Error) => error.message,
    )

  it('S004-55 S004-58: are named by their absolute path when not named otherwise', async () => {
    const stores = await AttachedStores.open(
      [
        { location: `${at('a')}/../a`, readonly: false },
        { name: 'bee', location: at('b'), readonly: true },
      ],
      [],
    )
    expect(stores.names).to.deep.equal([at('a'), 'bee'])
    expect(stores.writable).to.deep.equal([at('a')])
    expect(stores.get('bee')).to.deep.equal({ name: 'bee', root: at('b'), readonly: true })
  })

  it('must be there, be directories and have different names', async () => {
    const open = (location: string, name?: string) =>
      AttachedStores.open(
        [
          { location: at('a'), name: 'x', readonly: false },
          { location, name, readonly: false },
        ],
        [],
      )
    expect(await reasonOf(open(at('none')))).to.match(/attached store .*none does not exist/)
    await writeFile(at('file'), '')
    expect(await reasonOf(open(at('file')))).to.match(/is not a directory/)
    expect(await reasonOf(open(at('b'), 'x'))).to.match(/two attached stores are named "x": .*a and .*b/)
  })

  it('are found by scanning for sectorstore.json', async () => {
    await writeFile(at('scan/one/sectorstore.json'), '{"ID":"id-1","Name":"","ReadOnly":true,"Weight":3}')
    await writeFile(at('b/sectorstore.json'), '{"ID":"id-2","Name":"bee"}')
    const found: string[] = []
    const stores = await AttachedStores.open([], [at('scan/*'), at('[b-z]')], store => found.push(store.name))
    expect(found).to.deep.equal(['id-1', 'bee'])
    expect(stores.get('id-1')).to.deep.equal({ name: 'id-1', root: at('scan/one'), readonly: true })
    await writeFile(at('scan/two/sectorstore.json'), '{"ID":')
    expect(await reasonOf(AttachedStores.open([], [at('scan/*')]))).to.match(/two\/sectorstore\.json is not JSON/)
  })

  it('patterns match directories as a shell does', async () => {
    const list = async (pattern: string): Promise<string[]> => {
      const found: string[] = []
      for await (const path of directories(join(dir, pattern))) found.push(path.slice(dir.length + 1))
      return found
    }
    expect(await list('scan/*')).to.deep.equal(['scan/one', 'scan/two'])
    expect(await list('scan/t?o')).to.deep.equal(['scan/two'])
    expect(await list('scan/[!t]*')).to.deep.equal(['scan/one'])
    expect(await list('**/one')).to.deep.equal(['scan/one'])
    expect(await list('a')).to.deep.equal(['a'])
    expect(await list('nowhere/*')).to.deep.equal([])
  })

  it('a pattern that leads to a hung mount is an error, not a hang', async () => {
    const hung = { readdir: () => new Promise<never>(() => {}), isDirectory: async () => true, deadlineMs: 10 }
    const first = directories('/mnt/*', hung)[Symbol.asyncIterator]().next()
    expect(await reasonOf(first)).to.match(/^\/mnt does not answer within 0.01 s \(is it a hung mount\?\)/)
  })

  it('paths stay inside', () => {
    expect(joinStorePath('/s', '/sealed/x')).to.equal('/s/sealed/x')
    expect(() => joinStorePath('/s', '../x')).to.throw(RangeError)
    expect(() => joinStorePath('/s', './x')).to.throw(RangeError)
    expect(() => joinStorePath('/s', 'a/../../x')).to.throw(RangeError)
  })

  it('keep the cache files that proofs need', () => {
    expect(persistedCacheFiles(5)).to.deep.equal(['sc-02-data-tree-r-last.dat', 'p_aux', 't_aux'])
    expect(persistedCacheFiles(8)).to.have.length(10)
    expect(persistedCacheFiles(9)[15]).to.equal('sc-02-data-tree-r-last-15.dat')
  })
})
