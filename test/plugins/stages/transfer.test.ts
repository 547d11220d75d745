import { spawnSync } from 'node:child_process'
import {
  chmod,
  link,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { partPath } from '../../../plugins/stages/copy-file.js'
import type { StageContext } from '../../../plugins/stages/stage-context.js'
import { transfer } from '../../../plugins/stages/transfer.js'
import type { Progress } from '../../../rpc-schema/processor/frames.js'
import { failureOf, stageContext } from './context.js'

describe('stage transfer', () => {
  let root: string
  const at = (...names: string[]): string => path.join(root, ...names)

  const move = (
    src: string,
    dest: string,
    opt: { is_dir: boolean; allow_link: boolean } | null = null,
    context: Partial<StageContext> = {},
  ) =>
    transfer(
      { stores: {}, routes: [{ src: { store_name: null, uri: src }, dest: { store_name: null, uri: dest }, opt }] },
      stageContext(context),
    )
  const linkAllowed = { is_dir: false, allow_link: true }

  beforeEach(async () => {
    root = await mkdtemp(path.join(tmpdir(), 'sealyard-transfer-'))
    await writeFile(at('sealed'), 'replica')
    await mkdir(at('cache', 'deep'), { recursive: true })
    await writeFile(at('cache', 'p_aux'), 'aux')
    await writeFile(at('cache', 'deep', 't_aux'), 'deep aux')
  })
  afterEach(() => rm(root, { recursive: true, force: true }))

  it('copies a file, making the directories above, and leaves nothing else', async () => {
    await chmod(at('sealed'), 0o640)
    expect(await move(at('sealed'), at('store', 'sealed', 's-t01000-1'))).to.equal(true)
    expect(await readFile(at('store', 'sealed', 's-t01000-1'), 'utf8')).to.equal('replica')
    expect((await stat(at('store', 'sealed', 's-t01000-1'))).mode & 0o777).to.equal(0o640)
    expect(await readdir(at('store', 'sealed'))).to.deep.equal(['s-t01000-1'])
    expect(await readFile(at('sealed'), 'utf8')).to.equal('replica')
  })

  it('copies a file larger than one chunk, and tells how far it is', async () => {
    const bytes = Buffer.alloc(9 << 20, 'ab7')
    await writeFile(at('big'), bytes)
    const progress: Progress[] = []
    await move(at('big'), at('copy'), null, { onProgress: each => progress.push(each) })
    expect((await readFile(at('copy'))).equals(bytes)).to.equal(true)
    expect(progress.at(-1)).to.deep.equal({ done: 1, step: 'copy' })
  })

  it('copies a directory with what is in it, following links', async () => {
    await symlink(at('sealed'), at('cache', 'linked'))
    await move(at('cache'), at('store', 'cache'), { is_dir: true, allow_link: false })
    expect(await readFile(at('store', 'cache', 'deep', 't_aux'), 'utf8')).to.equal('deep aux')
    expect((await lstat(at('store', 'cache', 'linked'))).isFile()).to.equal(true)
    expect(await readdir(at('store'))).to.deep.equal(['cache'])
  })

  it('replaces what stands at the destination', async () => {
    await writeFile(at('old'), 'something longer than the replica')
    await move(at('sealed'), at('old'))
    expect(await readFile(at('old'), 'utf8')).to.equal('replica')
    await mkdir(at('old-cache'))
    await writeFile(at('old-cache', 'stale'), '')
    await move(at('cache'), at('old-cache'))
    expect((await readdir(at('old-cache'))).sort()).to.deep.equal(['deep', 'p_aux'])
  })

  it('links where the route allows it, and copies when links are disabled', async () => {
    await move(at('sealed'), at('linked'), linkAllowed)
    expect(await readlink(at('linked'))).to.equal(at('sealed'))
    await move(at('sealed'), at('linked'), linkAllowed, { env: { DISABLE_LINK: 'true' } })
    expect((await lstat(at('linked'))).isSymbolicLink()).to.equal(false)
    expect(await readFile(at('linked'), 'utf8')).to.equal('replica')
    await move(at('sealed'), at('linked'), linkAllowed, { env: { DISABLE_LINK: 'false' } })
    expect((await lstat(at('linked'))).isSymbolicLink()).to.equal(true)
  })

  it('never destroys a source that is its own destination', async () => {
    await link(at('sealed'), at('hard-link'))
    await symlink(root, at('other-way'))
    for (const dest of [at('sealed'), at('hard-link'), at('other-way', 'sealed')]) {
      await move(at('sealed'), dest)
      expect(await readFile(at('sealed'), 'utf8'), dest).to.equal('replica')
    }
    expect((await failureOf(move(at('cache'), at('cache', 'deep')))).message).to.contain('within')
    expect((await failureOf(move(at('cache', 'deep'), at('cache')))).message).to.contain('within')
    expect((await failureOf(move(at('cache'), at('cache', 'new', 'one')))).message).to.contain('within')
    expect((await readdir(at('cache'))).sort()).to.deep.equal(['deep', 'p_aux'])
  })

  it('says in the words of the original what is wrong with a route', async () => {
    const missing = await failureOf(move('/nope', at('x')))
    expect([missing.message, missing.class]).to.deep.equal(['src path not exists: /nope', 'permanent'])
    expect((await failureOf(move('relative', at('x')))).message).to.equal('src path is relative: relative')
    expect((await failureOf(move(at('sealed'), 'x'))).message).to.equal('dest path is relative: x')
    expect((await failureOf(move(at('sealed'), at('cache')))).message).to.contain(at('cache'))
    expect((await failureOf(move(at('sealed'), at('x'), { is_dir: true, allow_link: false }))).message).to.contain(
      'a file',
    )
    expect(await readdir(root)).to.have.members(['sealed', 'cache'])
  })

  it('checks all routes before it touches anything', async () => {
    const route = (src: string, dest: string) => ({
      src: { store_name: null, uri: src },
      dest: { store_name: null, uri: dest },
      opt: null,
    })
    const routes = [route(at('sealed'), at('copy')), route(at('gone'), at('copy-2'))]
    await failureOf(transfer({ stores: {}, routes }, stageContext()))
    expect(await readdir(root)).to.not.include('copy')
  })

  it('takes over the leftovers of an attempt that was killed', async () => {
    await writeFile(partPath(at('copy')), 'half')
    await move(at('sealed'), at('copy'))
    expect(await readdir(root)).to.have.members(['sealed', 'cache', 'copy'])
  })

  it('stops between two chunks when it is told to, and tidies up', async () => {
    const controller = new AbortController()
    await writeFile(at('big'), Buffer.alloc(20 << 20))
    const moving = move(at('big'), at('copy'), null, {
      signal: controller.signal,
      onProgress: () => controller.abort(new Error('stop it')),
    })
    // A file system that shares blocks is done in one step.
    const outcome = await moving.then(
      () => 'done',
      error => error.message,
    )
    expect(outcome).to.be.oneOf(['stop it', 'done'])
    expect(await readdir(root)).to.not.include(path.basename(partPath(at('copy'))))
  })

  it('cleans up when the disk is full', async function () {
    await writeFile(at('big'), Buffer.alloc(6 << 20))
    await mkdir(at('small'))
    const script = fileURLToPath(new URL('./full-disk.js', import.meta.url))
    const mount = 'mount -t tmpfs -o size=4m none "$1" && echo mounted && exec "$2" "$3" "$1" "$4"'
    const args = ['-rm', 'sh', '-c', mount, 'sh', at('small'), process.execPath, script, at('big')]
    const [mounted, outcome] = spawnSync('unshare', args, { encoding: 'utf8' }).stdout?.split('\n') ?? []
    // Not every host lets its users mount a file system of their own.
    if (mounted !== 'mounted') return this.skip()
    const { message, ...rest } = JSON.parse(outcome!)
    expect(rest).to.deep.equal({ class: 'permanent', code: 'ENOSPC', left: [] })
    expect(message).to.contain(at('small'))
  })
})
