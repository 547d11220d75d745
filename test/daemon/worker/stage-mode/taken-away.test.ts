import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { removeTaken, takeAway } from '../../../../daemon/worker/stage-mode/taken-away.js'

const SECTOR = { Miner: 1000, Number: 1 }
const OTHER = { Miner: 1000, Number: 12 }

describe('worker: files that are taken away from a path', () => {
  let root: string
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'taken-away-'))
    for (const directory of ['cache/s', 'sealed']) await mkdir(join(root, directory), { recursive: true })
    await writeFile(join(root, 'cache/s/layer'), 'old')
    await writeFile(join(root, 'sealed/s'), 'old')
  })
  afterEach(() => rm(root, { recursive: true, force: true }))

  const go = (): void => {}

  it('leave their places at once; what comes there meanwhile stays when they are removed', async () => {
    await takeAway(root, SECTOR, ['cache/s', 'sealed/s', 'not/there'], go)
    expect(await readdir(join(root, 'cache'))).to.deep.equal([])
    await writeFile(join(root, 'sealed/s'), 'new')
    await removeTaken(root, SECTOR)
    expect(await readdir(join(root, 'removing'))).to.deep.equal([])
    expect(await readFile(join(root, 'sealed/s'), 'utf8')).to.equal('new')
  })

  it('go with the next removal of the sector when a process has ended over them; those of another are left to it', async () => {
    await takeAway(root, SECTOR, ['cache/s'], go)
    await takeAway(root, OTHER, ['sealed/s'], go)
    await takeAway(root, SECTOR, ['cache/s'], go)
    await removeTaken(root, SECTOR)
    expect(await readdir(join(root, 'removing'))).to.have.length(1)
  })

  it('are not taken any more when it has become late', async () => {
    const late = takeAway(root, SECTOR, ['cache/s', 'sealed/s'], () => {
      throw new Error('too late')
    })
    const failure = await late.then(
      () => undefined,
      (error: Error) => error.message,
    )
    expect(failure).to.equal('too late')
    expect(await readFile(join(root, 'cache/s/layer'), 'utf8')).to.equal('old')
  })
})
