import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { silentLog } from '../../../../daemon/kit/log.js'
import { PostingMarks } from '../../../../daemon/kit/processors/posting-marks.js'
import { DEFAULT_PROCESSORS } from '../../../../daemon/worker/processors/processors.js'
import type { StageName } from '../../../../rpc-schema/processor/stages.js'
import { eventually } from '../../../harness/eventually.js'
import { OpenProcessors, scriptedFor } from './scripted.js'
import { STAGE_TASKS } from './stage-tasks.js'

const LIMIT_MS = 60_000

describe('proofs that a worker makes for windows', () => {
  const open = new OpenProcessors()
  let root: string
  let marks: PostingMarks
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'posting-'))
    marks = new PostingMarks(silentLog, join(root, 'posting'))
  })
  afterEach(async () => {
    await open.closeAll()
    await rm(root, { recursive: true, force: true })
  })

  /** A stage inside the worker that is at work until the test ends it. */
  function begun(stage: StageName): { end(): void; ended: Promise<unknown> } {
    let end = (): void => {}
    const gate = new Promise<never>((_, reject) => {
      end = () => reject(new Error('ended by the test'))
    })
    const processors = open.create(DEFAULT_PROCESSORS, {
      marks,
      builtIn: { run: () => gate, close: async () => {} },
    })
    return { end, ended: processors.run(stage, STAGE_TASKS[stage]).catch(() => {}) }
  }

  it('are known to the stage workers of the machine for as long as they are at work', async () => {
    for (const stage of ['window_post', 'winning_post'] as const) {
      const { end, ended } = begun(stage)
      await eventually('a mark', LIMIT_MS, async () => (await marks.busy()) || undefined)
      end()
      await ended
      await eventually('no mark', LIMIT_MS, async () => !(await marks.busy()) || undefined)
    }
  })

  it('also when they are made by a child; nothing else is marked', async () => {
    const pc2 = begun('pc2')
    expect(await marks.busy()).to.equal(false)
    pc2.end()
    await pc2.ended
    expect(await marks.busy()).to.equal(false)
    const processors = open.create({ children: { window_post: [scriptedFor('window_post', 'hang')] } }, { marks })
    const stop = new AbortController()
    const proof = processors.run('window_post', STAGE_TASKS.window_post, { signal: stop.signal }).catch(() => {})
    await eventually('a mark', LIMIT_MS, async () => (await marks.busy()) || undefined)
    stop.abort()
    await proof
  })
})
