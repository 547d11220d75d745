import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect } from 'chai'
import { DEFAULT_CHILD } from '../../../../daemon/worker/processors/processors.js'
import { OpenProcessors } from './scripted.js'

describe('an entry without bin', () => {
  const open = new OpenProcessors()
  let directory: string

  beforeEach(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'sealyard-built-in-'))
  })

  afterEach(async () => {
    await open.closeAll()
    await rm(directory, { recursive: true, force: true })
  })

  const route = (src: string, dest: string) => ({
    src: { store_name: null, uri: src },
    dest: { store_name: null, uri: dest },
    opt: { is_dir: false, allow_link: true },
  })

  it('starts the built-in processor of its stage', async () => {
    const processors = open.create({ children: { transfer: [DEFAULT_CHILD] } })
    const [src, dest] = [path.join(directory, 'src'), path.join(directory, 'store', 'dest')]
    await writeFile(src, 'replica')
    let shown = ''
    const onStart = (name: string): void => {
      shown = name
    }
    expect(await processors.run('transfer', { stores: {}, routes: [route(src, dest)] }, { onStart })).to.equal(true)
    expect(await readFile(dest, 'utf8')).to.equal('replica')
    expect(shown).to.match(/^ext\(pid: \d+\)$/)
  })

  it('takes flags, those that only older processors knew too, and errors keep their class on the way back', async () => {
    const args = ['processor', 'transfer', '--sector_size', '32GiB', '--disable_link', '--whatever=1']
    const processors = open.create({ children: { transfer: [{ ...DEFAULT_CHILD, args }] } })
    const [src, dest] = [path.join(directory, 'src'), path.join(directory, 'dest')]
    const task = { stores: {}, routes: [route(src, dest)] }
    const error = await processors.run('transfer', task).catch(failure => failure)
    expect([error.code, error.class, error.message]).to.deep.equal([
      'failed',
      'permanent',
      `src path not exists: ${src}`,
    ])

    await writeFile(src, 'replica')
    await processors.run('transfer', task)
    await writeFile(src, 'changed')
    expect(await readFile(dest, 'utf8'), 'a copy, no link').to.equal('replica')
  })
})
