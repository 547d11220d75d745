import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { thisProcess } from '../../../../daemon/worker/store/process-identity.js'
import { initSealingStore, SealingStore } from '../../../../daemon/worker/store/sealing-store.js'
import { baseOf, newRecord } from '../../../../daemon/worker/store/sector-record.js'

const reasonOf = (action: Promise<unknown>): Promise<string> =>
  action.then(
    () => 'nothing wrong',
    (error: Error) => (error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message),
  )

describe('sealing store', () => {
  let dir: string
  let root: string

  beforeEach(async () => {
    dir = await realpath(await mkdtemp(join(tmpdir(), 'store-')))
    root = join(dir, 's')
  })
  afterEach(() => rm(dir, { recursive: true, force: true }))

  it('is laid out as damocles lays it out', async () => {
    expect(await initSealingStore(root)).to.equal(root)
    expect((await readdir(root)).sort()).to.deep.equal(['.holder', 'data', 'meta'])
    expect(await readFile(join(root, '.holder'), 'utf8')).to.equal('')
    expect(await reasonOf(initSealingStore(root))).to.contain('is already a sealing store')
  })

  it('is made when opened for the first time, if its parent is there', async () => {
    const store = await SealingStore.open(root)
    expect((await readdir(root)).sort()).to.deep.equal(['.holder', 'data', 'meta'])
    await store.close()
    expect(await reasonOf(SealingStore.open(join(dir, 'a', 'b')))).to.contain('parent directory')
  })

  it('a directory without a marker is no store', async () => {
    await mkdir(root)
    expect(await reasonOf(SealingStore.open(root))).to.contain('is not a sealing store')
  })

  it('has the paths of a sector under data/', async () => {
    await mkdir(join(dir, 'real'))
    await symlink(join(dir, 'real'), root)
    await initSealingStore(join(dir, 'real'))
    const store = await SealingStore.open(root)
    expect(store.root).to.equal(join(dir, 'real'))
    const data = join(dir, 'real', 'data')
    expect(store.sector({ Miner: 1_000, Number: 7 })).to.deep.equal({
      data,
      staged: join(data, 'unsealed/s-t01000-7'),
      prepared: join(data, 'prepared/s-t01000-7'),
      cache: join(data, 'cache/s-t01000-7'),
      sealed: join(data, 'sealed/s-t01000-7'),
      update: join(data, 'update/s-t01000-7'),
      updateCache: join(data, 'update-cache/s-t01000-7'),
    })
    await store.close()
  })

  describe('lock', () => {
    it('is refused while another process holds it, with its pid, and taken over when it is dead', async () => {
      await initSealingStore(root)
      const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
      await once(other, 'spawn')
      const stat = await readFile(`/proc/${other.pid}/stat`, 'utf8')
      const start = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]!
      await writeFile(join(root, '.holder'), JSON.stringify({ ...thisProcess(), pid: other.pid, start }))
      expect(await reasonOf(SealingStore.open(root))).to.contain(`is in use by process ${other.pid}`)
      other.kill('SIGKILL')
      await once(other, 'exit')
      const store = await SealingStore.open(root)
      expect(JSON.parse(await readFile(join(root, '.holder'), 'utf8')).pid).to.equal(process.pid)
      await store.close()
      expect(await readFile(join(root, '.holder'), 'utf8')).to.equal('')
    })

    it('is given back only when it is still ours', async () => {
      const store = await SealingStore.open(root)
      const other = JSON.stringify({ ...thisProcess(), pid: 1, start: '1' })
      await writeFile(join(root, '.holder'), other)
      await store.close()
      expect(await readFile(join(root, '.holder'), 'utf8')).to.equal(other)
    })

    it('of a dead process whose pid was given out again is taken over', async () => {
      await initSealingStore(root)
      await writeFile(join(root, '.holder'), JSON.stringify({ ...thisProcess(), pid: process.ppid, start: '1' }))
      await (await SealingStore.open(root)).close()
    })

    it('of a machine that was started anew since is taken over', async () => {
      await initSealingStore(root)
      await writeFile(join(root, '.holder'), JSON.stringify({ pid: process.ppid, start: '', boot: 'another' }))
      await (await SealingStore.open(root)).close()
    })

    it('keeps a second thread of the same process out', async () => {
      const store = await SealingStore.open(root)
      expect(await reasonOf(SealingStore.open(root))).to.contain('already open in this process')
      await store.close()
      await (await SealingStore.open(root)).close()
    })

    it('an interrupted take-over does not stand in the way', async () => {
      await initSealingStore(root)
      await writeFile(join(root, '.holder.lock'), JSON.stringify({ ...thisProcess(), start: '1' }))
      await (await SealingStore.open(root)).close()
      expect(await readdir(root)).to.not.include('.holder.lock')
    })
  })

  describe('journal', () => {
    const record = () => ({
      ...newRecord('sealer'),
      state: 'PC2Done' as const,
      prev_state: 'PC1Done' as const,
      base: baseOf({ ID: { Miner: 1_000, Number: 7 }, ProofType: 5 }),
    })

    it('keeps the record in damocles’s shape', async () => {
      const store = await SealingStore.open(root)
      await store.journal.save(record())
      const json = JSON.parse(await readFile(join(root, 'meta/info.json'), 'utf8'))
      expect(json).to.deep.include({ version: 1, plan: 'sealer', state: 7, prev_state: 6, retry: 0 })
      expect(json.base.allocated).to.deep.equal({ ID: { Miner: 1_000, Number: 7 }, ProofType: 5 })
      expect(json.base.prove_input[0].slice(0, 3)).to.deep.equal([0xe8, 0x07, 0])
      expect(json.base.prove_input[1]).to.equal(7)
      expect(await store.journal.load()).to.deep.equal(record())
      await store.close()
    })

    it('a broken record is an error, never a fresh start', async () => {
      const store = await SealingStore.open(root)
      await store.close()
      await writeFile(join(root, 'meta/info.json'), '{"version":1')
      expect(await reasonOf(SealingStore.open(root))).to.contain('info.json is broken: not JSON')
      await writeFile(join(root, 'meta/info.json'), '{"version":1,"plan":"sealer","state":99}')
      expect(await reasonOf(SealingStore.open(root))).to.contain('state: expected the number of a sector state')
      expect(await readdir(join(root, 'meta'))).to.deep.equal(['info.json'])
    })

    it('removes an output as soon as the record names another', async () => {
      const store = await SealingStore.open(root)
      const saved = async () => {
        const c1out = await store.journal.writeOutput('c1', { a: 1 })
        await store.journal.save({ ...record(), phases: { ...record().phases, c1out } })
        return c1out.file
      }
      await saved()
      const second = await saved()
      expect((await readdir(join(root, 'meta'))).sort()).to.deep.equal(['info.json', second].sort())
      await store.close()
      const again = await SealingStore.open(root)
      await again.journal.load()
      await again.journal.save(record())
      expect(await readdir(join(root, 'meta'))).to.deep.equal(['info.json'])
      await again.close()
    })

    it('keeps large outputs beside the record, and drops what no record names', async () => {
      const store = await SealingStore.open(root)
      const orphan = await store.journal.writeOutput('c1', { a: 1 })
      const kept = await store.journal.writeOutput('c1', { a: 2 })
      await store.journal.save({ ...record(), phases: { ...record().phases, c1out: kept } })
      await writeFile(join(root, 'meta/.tmp.info.json.0000'), 'half')
      await store.close()
      const again = await SealingStore.open(root)
      expect((await readdir(join(root, 'meta'))).sort()).to.deep.equal(['info.json', kept.file].sort())
      expect(await again.journal.readOutput(kept)).to.deep.equal({ a: 2 })
      expect(await reasonOf(again.journal.readOutput(orphan))).to.contain('is missing')
      await again.clean()
      expect(await readdir(join(root, 'meta'))).to.deep.equal([])
      await again.close()
    })
  })

  it('does not take the unfinished sector of a damocles-worker for rubbish', async () => {
    await initSealingStore(root)
    await writeFile(join(root, 'meta/CURRENT'), 'MANIFEST-000004\n')
    await (await SealingStore.open(root)).close()
    await mkdir(join(root, 'data/sealed'), { recursive: true })
    await writeFile(join(root, 'data/sealed/s-t01000-7'), 'x')
    expect(await reasonOf(SealingStore.open(root))).to.contain('holds an unfinished sector of damocles-worker')
  })
})
