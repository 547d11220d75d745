import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { systemClock } from '../../../daemon/kit/clock.js'
import { silentLog } from '../../../daemon/kit/log.js'
import { PostingMarks } from '../../../daemon/kit/processors/posting-marks.js'
import { SlaveConfig } from '../../../daemon/wdpost/slave/slave-config.js'
import { WindowProcesses } from '../../../daemon/wdpost/slave/window-processes.js'
import type { PoStTask } from '../../../rpc-schema/processor/post.js'
import { eventually } from '../../harness/eventually.js'
import { hastyClock } from '../worker/processors/scripted.js'

const CHILD = fileURLToPath(new URL('../../../../test/fixtures/processors/window-child.mjs', import.meta.url))
const task: PoStTask = { miner_id: 1000, proof_type: 13, replicas: [], seed: new Uint8Array(32) }
const never = new AbortController().signal

describe('wdpost: processes of a slave', () => {
  const dir = mkdtempSync(join(tmpdir(), 'window-processes-'))
  const marks = new PostingMarks(silentLog, join(dir, 'posting'))
  let processes: WindowProcesses
  afterEach(() => processes.close())
  after(() => rmSync(dir, { recursive: true, force: true }))

  async function start(behaviour: string, concurrent = 1, clock = systemClock): Promise<void> {
    const config = SlaveConfig.parse({
      master: { server_addr: '127.0.0.1:1' },
      slave: { concurrent },
      processor: { bin: process.execPath, args: [CHILD, 'one', behaviour, join(dir, behaviour)] },
    })
    processes = new WindowProcesses(config, clock, silentLog, marks)
    await processes.start()
  }

  const made = async (signal = never) =>
    JSON.parse(Buffer.from((await processes.prove(task, signal)).proofs[0]!).toString()) as { pid: number; env: string }

  it('S003-73 S003-74: see the environment of the slave', async () => {
    process.env.PROOF_ENV = 'CUDA_VISIBLE_DEVICES and all the others'
    try {
      await start('prove')
      expect((await made()).env).to.equal('CUDA_VISIBLE_DEVICES and all the others')
    } finally {
      delete process.env.PROOF_ENV
    }
  })

  it('S001-18: are as many as concurrent says', async () => {
    await start('prove', 2)
    const [one, other] = await Promise.all([made(), made()])
    expect(one!.pid).to.not.equal(other!.pid)
  })

  it('a proof that is not wanted any more ends with its process, and the next one is made by another', async () => {
    await start('first-hang', 1, hastyClock)
    const over = new AbortController()
    const hung = processes.prove(task, over.signal).catch((error: Error) => error.message)
    await eventually('a mark for stage workers', 60_000, async () => (await marks.busy()) || undefined)
    over.abort(new Error('lost'))
    expect(await hung).to.equal('lost')
    expect(await eventually('a proof', 10_000, () => made())).to.have.property('pid')
  })
})
