import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { createHugepageFiles, needsBinding, sizeInName } from '../../../../daemon/worker/cli/hugepage-files.js'

const MIB = 1024 ** 2

describe('memory files of huge pages', () => {
  let dir: string

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'hugepages-'))
  })
  afterEach(() => rm(dir, { recursive: true, force: true }))

  const request = (count: number, more = {}) => ({
    sizeBytes: MIB,
    count,
    pattern: join(dir, 'numa_$NUMA_NODE_INDEX'),
    node: undefined,
    ...more,
  })

  it('are made in the directory of their node, named by their size, with their space taken', async () => {
    const made = await createHugepageFiles(request(2, { node: 1 }))
    expect(made).to.deep.equal([join(dir, 'numa_1', '1.0_MiB_0'), join(dir, 'numa_1', '1.0_MiB_1')])
    for (const path of made) {
      const { size, blocks } = await stat(path)
      expect(size).to.equal(MIB)
      expect(blocks * 512).to.be.at.least(MIB)
    }
    expect(await createHugepageFiles(request(1))).to.deep.equal([join(dir, 'numa_0', '1.0_MiB_0')])
  })

  it('are all removed when one cannot be made', async () => {
    let calls = 0
    const failed = await createHugepageFiles(request(3), async (path, bytes) => {
      calls += 1
      if (calls === 3) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
      await writeFile(path, Buffer.alloc(bytes))
    }).catch((error: Error) => error.message)
    expect(failed).to.match(/^no memory files are made in .*numa_0: no space left on device$/)
    expect(await readdir(join(dir, 'numa_0'))).to.deep.equal([])
  })

  it('leave a file alone that is there already', async () => {
    const [first] = await createHugepageFiles(request(1))
    await writeFile(first!, 'in use')
    const failed = await createHugepageFiles(request(2)).catch((error: Error) => error.message)
    expect(failed).to.contain('EEXIST')
    expect(await readFile(first!, 'utf8')).to.equal('in use')
    expect(await readdir(join(dir, 'numa_0'))).to.deep.equal(['1.0_MiB_0'])
  })

  it('do not begin what cannot fit', async () => {
    const failed = await createHugepageFiles(request(1, { sizeBytes: 2 ** 52 })).catch((error: Error) => error.message)
    expect(failed).to.match(/does not fit: \d+ bytes are free, 4503599627370496 are needed$/)
    expect(await readdir(join(dir, 'numa_0'))).to.deep.equal([])
  })

  it('carry their size in their names', () => {
    expect([512, 1024, 1536, 32 * 1024 ** 3, 1024 ** 4].map(sizeInName)).to.deep.equal([
      '512_B',
      '1.0_KiB',
      '1.5_KiB',
      '32.0_GiB',
      '1.0_TiB',
    ])
  })

  it('need a binding only where there are several nodes, and once', () => {
    expect(needsBinding(undefined, [0, 1], {})).to.equal(false)
    expect(needsBinding(0, [0], {})).to.equal(false)
    expect(needsBinding(0, [], {})).to.equal(false)
    expect(needsBinding(1, [0, 1], {})).to.equal(true)
    expect(needsBinding(1, [0, 1], { SEALYARD_MEMORY_BOUND_TO_NODE: '1' })).to.equal(false)
    expect(needsBinding(1, [0, 1], { SEALYARD_MEMORY_BOUND_TO_NODE: '0' })).to.equal(true)
    expect(() => needsBinding(7, [0, 1], {})).to.throw('this machine has no NUMA node 7, only 0, 1')
  })
})
