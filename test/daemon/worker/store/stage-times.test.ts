import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { StageTimes } from '../../../../daemon/worker/store/stage-times.js'

describe('times of stages', () => {
  let dir: string
  let file: string

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'stage-times-'))
    file = join(dir, 'stage-times.json')
  })
  afterEach(() => rm(dir, { recursive: true }))

  it('are the longest of the last five, by stage and sector size', async () => {
    const times = new StageTimes(file)
    expect(await times.expected('pc1', 2_048)).to.equal(undefined)
    for (const ms of [900, 1, 2, 3, 4]) await times.record('pc1', 2_048, ms)
    await times.record('pc2', 2_048, 7)
    expect(await times.expected('pc1', 2_048)).to.equal(900)
    await times.record('pc1', 2_048, 5)
    expect(await new StageTimes(file).expected('pc1', 2_048)).to.equal(5)
    expect(await times.expected('pc2', 2_048)).to.equal(7)
    expect(await times.expected('pc1', 4_096)).to.equal(undefined)
    expect(await readdir(dir)).to.deep.equal(['stage-times.json'])
  })

  for (const text of ['', 'nonsense', '[]', '{"pc1 2048": ["x"]}']) {
    it(`start anew where the file holds ${JSON.stringify(text)}`, async () => {
      await writeFile(file, text)
      const times = new StageTimes(file)
      expect(await times.expected('pc1', 2_048)).to.equal(undefined)
      await times.record('pc1', 2_048, 5)
      expect(await times.expected('pc1', 2_048)).to.equal(5)
    })
  }
})
