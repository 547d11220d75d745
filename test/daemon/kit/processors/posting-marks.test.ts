import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { silentLog } from '../../../../daemon/kit/log.js'
import { PostingMarks } from '../../../../daemon/kit/processors/posting-marks.js'
import { eventually } from '../../../harness/eventually.js'

const LIMIT_MS = 60_000

describe('kit: marks of window and winning proofs on a machine', () => {
  let root: string
  let directory: string
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'posting-marks-'))
    directory = join(root, 'posting')
  })
  afterEach(() => rm(root, { recursive: true, force: true }))

  const seen = (): Promise<boolean> => new PostingMarks(silentLog, directory).busy()

  it('are seen by other programs for as long as a proof is being made', async () => {
    expect(await seen()).to.equal(false)
    let end = (): void => {}
    const gate = new Promise<string>(resolve => {
      end = () => resolve('a proof')
    })
    const proof = new PostingMarks(silentLog, directory).during(() => gate)
    await eventually('a mark', LIMIT_MS, async () => (await seen()) || undefined)
    end()
    expect(await proof).to.equal('a proof')
    await eventually('no mark', LIMIT_MS, async () => !(await seen()) || undefined)
    expect(await readdir(directory)).to.deep.equal([])
  })

  it('end with a proof that fails', async () => {
    const failing = new PostingMarks(silentLog, directory).during(() => Promise.reject(new Error('no proof')))
    const text = await failing.catch((error: Error) => error.message)
    expect(text).to.equal('no proof')
    await eventually('no mark', LIMIT_MS, async () => !(await seen()) || undefined)
  })

  it('of a process that was killed are void, and removed', async () => {
    await mkdir(directory)
    const file = join(directory, '1.dead')
    await writeFile(file, '')
    const old = new Date(Date.now() - 600_000)
    await utimes(file, old, old)
    expect(await seen()).to.equal(false)
    expect(await readdir(directory)).to.deep.equal([])
  })

  it('hold up no proof where they cannot be written', async () => {
    await writeFile(directory, 'not a directory')
    const told: unknown[] = []
    const marks = new PostingMarks({ warn: (...args: unknown[]) => void told.push(args) } as never, directory)
    expect(await marks.during(async () => 7)).to.equal(7)
    await eventually('a warning', LIMIT_MS, () => told.length === 1 || undefined)
    expect(await marks.busy()).to.equal(false)
  })
})
