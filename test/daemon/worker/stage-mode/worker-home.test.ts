import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { silentLog } from '../../../../daemon/kit/log.js'
import { type RunningStageWorker, startStageWorker } from '../../../../daemon/worker/stage-mode/start-stage-worker.js'
import { thisProcess } from '../../../../daemon/worker/store/process-identity.js'

describe('worker: the home of a stage worker', function () {
  this.timeout(30_000)
  let home: string
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'worker-home-'))
  })
  afterEach(() => rm(home, { recursive: true, force: true }))

  const start = (): Promise<RunningStageWorker> =>
    startStageWorker({
      home,
      manager: { address: '/ip4/127.0.0.1/tcp/1' },
      kinds: [],
      unseals: false,
      listen: { host: '127.0.0.1', port: 0 },
      fetchLimit: 1,
      tasksAtOnce: 1,
      version: '',
      log: silentLog,
      stopGraceMs: 0,
    })
  const refusal = (): Promise<string> =>
    start().then(
      async worker => {
        await worker.stop()
        return 'started'
      },
      (error: Error) => error.message,
    )

  it('is for one process at a time', async () => {
    await writeFile(join(home, '.worker'), JSON.stringify({ ...thisProcess(), pid: process.ppid, start: '' }))
    expect(await refusal()).to.contain(`worker home ${home} is in use by process ${process.ppid}`)
    expect(await readdir(home)).to.deep.equal(['.worker'])
  })

  it('is given back when its worker has ended', async () => {
    const first = await start()
    expect(await refusal()).to.contain('already open in this process')
    await first.stop()
    expect(await refusal()).to.equal('started')
  })
})
