import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { classified, failureText } from '../../../daemon/worker/engine/failure.js'
import { WorkerBench } from './support/bench.js'

const fileError = (code: string, message: string, path: string): Error =>
  Object.assign(new Error(`${code}: ${message}, write '${path}'`), { code, path })

describe('disks that fail a worker', () => {
  let bench: WorkerBench

  beforeEach(async () => {
    bench = await WorkerBench.make()
  })
  afterEach(() => bench.close())

  const paused = () => bench.until(() => bench.threads[0]!.thread_state.state === 'Paused', 'a pause')
  const finished = () => bench.until(() => bench.manager.sectors.size > 0 && bench.manager.sector(1).finalized)

  for (const stage of ['add_pieces', 'pc1', 'pc2', 'transfer'] as const) {
    it(`a disk that is full in ${stage} pauses the thread with what to do; resumed with room, the sector goes on`, async () => {
      let full = true
      bench.processors.gate((call, when) => {
        if (call.stage === stage && when === 'before' && full) {
          throw fileError('ENOSPC', 'no space left on device', '/mnt/nvme/sealed')
        }
      })
      await bench.start()
      await paused()
      expect(bench.threads[0]!.last_error).to.equal(
        'critical: a disk is full: make room on it, then resume the thread: ' +
          "ENOSPC: no space left on device, write '/mnt/nvme/sealed'",
      )
      expect(bench.manager.called('ReportAborted')).to.deep.equal([])
      full = false
      expect(await bench.thread.resume()).to.equal(true)
      await finished()
      expect(bench.manager.sectors.size).to.equal(1)
      expect(bench.manager.sector(1).preCommits).to.have.length(1)
    })
  }

  it('a journal that cannot be written stops the sector before anything is done on it', async () => {
    const meta = join(bench.store, 'meta')
    const away = join(bench.store, 'meta.away')
    let broken = false
    bench.processors.gate(async ({ stage }, when) => {
      if (stage !== 'pc2' || when !== 'after' || broken) return
      broken = true
      await rename(meta, away)
      await writeFile(meta, 'in the way')
    })
    await bench.start()
    await paused()
    expect(bench.threads[0]!.last_error).to.match(/^critical: cannot \w+ the journal in .*meta: E/)
    expect(bench.manager.called('SubmitPreCommit')).to.have.length(0)
    await rm(meta)
    await rename(away, meta)
    await bench.thread.resume()
    await finished()
    expect(bench.processors.ran('pc2')).to.have.length(2)
    expect(bench.manager.sector(1).preCommits).to.have.length(1)
  })

  it('S004-57: a store that is attached read-only is not offered for new sectors', async () => {
    const second = join(bench.dir, 'persist2')
    await mkdir(second)
    bench.manager.stores.add('persist2')
    bench.persistKeys = 'readonly = true'
    bench.more = `[[attached]]\nname = "persist2"\nlocation = "${second}"`
    await bench.start()
    await finished()
    expect(bench.manager.called('StoreReserveSpace').map(call => call.params[2])).to.deep.equal([['persist2']])
    expect(await readdir(bench.persist)).to.deep.equal([])
    expect(await readdir(join(second, 'sealed'))).to.deep.equal(['s-t010000-1'])
  })

  it('with read-only stores alone a sector waits for a person, after it is safe on the chain', async () => {
    bench.persistKeys = 'readonly = true'
    await bench.start()
    await paused()
    expect(bench.threads[0]!.last_error).to.equal('permanent: no attached store takes new sectors: all are read-only')
    expect(bench.threads[0]!.job_state).to.equal('PCLanded')
    expect(bench.manager.called('StoreReserveSpace')).to.have.length(0)
  })

  it('an error of a file system says what to do, any other that it was not expected', () => {
    const text = (code: string) => failureText(classified(fileError(code, 'x', '/s')))
    expect(text('EROFS')).to.match(/^critical: a file system is read-only: .*: EROFS: x, write '\/s'$/)
    expect(text('EDQUOT')).to.match(/^critical: a disk quota is used up: /)
    expect(text('EXDEV')).to.equal("critical: unexpected error: EXDEV: x, write '/s'")
    expect(failureText(classified('text'))).to.equal('critical: unexpected error: text')
  })
})
