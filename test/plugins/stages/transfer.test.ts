import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { closeSync, openSync, writeSync } from 'node:fs'
import {
  chmod,
  link,
  lstat,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { CHUNK_BYTES } from '../../../plugins/stages/file-chunks.js'
import { partPath, recordCopy } from '../../../plugins/stages/partial-copy.js'
import type { StageContext } from '../../../plugins/stages/stage-context.js'
import { transfer } from '../../../plugins/stages/transfer.js'
import type { Progress } from '../../../rpc-schema/processor/frames.js'
import type { SealError } from '../../../rpc-schema/seal-error.js'
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
    expect(progress.at(-1)).to.deep.equal({ done: 1, step: 'verify' })
    const done = progress.map(each => each.done!)
    expect(done).to.deep.equal([...done].sort((a, b) => a - b))
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
    expect(await readFile(at('copy'), 'utf8')).to.equal('replica')
    expect(await readdir(root)).to.have.members(['sealed', 'cache', 'copy'])
  })

  describe('an interrupted copy', () => {
    const bytes = randomBytes(3 * CHUNK_BYTES + 77)
    beforeEach(() => writeFile(at('big'), bytes))

    /** Leaves what an attempt that was killed would leave; gives its inode, which tells whether the file was gone on with. */
    async function interrupted(copied: Uint8Array): Promise<number> {
      const part = partPath(at('copy'))
      await writeFile(part, copied)
      await using from = await open(at('big'))
      await recordCopy(at('big'), from, part)
      return (await stat(part)).ino
    }
    async function finish(): Promise<{ inode: number; firstDone: number }> {
      const progress: Progress[] = []
      await move(at('big'), at('copy'), null, { onProgress: each => progress.push(each) })
      expect((await readFile(at('copy'))).equals(bytes)).to.equal(true)
      expect((await readdir(root)).filter(name => name.startsWith('.'))).to.deep.equal([])
      return { inode: (await stat(at('copy'))).ino, firstDone: progress[0]!.done! }
    }

    it('is continued', async () => {
      for (const copied of [0, CHUNK_BYTES + 1000, 2 * CHUNK_BYTES, bytes.length]) {
        const inode = await interrupted(bytes.subarray(0, copied))
        expect((await finish()).inode, `${copied} bytes`).to.equal(inode)
      }
    })

    it('is continued from where it is still what the source is', async () => {
      const damaged = Buffer.from(bytes.subarray(0, 3 * CHUNK_BYTES))
      damaged.fill(0, CHUNK_BYTES, 2 * CHUNK_BYTES)
      const inode = await interrupted(damaged)
      expect((await finish()).inode).to.equal(inode)
    })

    it('is begun anew when the source has changed since, or nobody knows of what it is a copy', async () => {
      const inode = await interrupted(bytes.subarray(0, CHUNK_BYTES))
      // Holds the inode, so that a new file cannot get it.
      await link(partPath(at('copy')), at('old'))
      await utimes(at('big'), new Date(), new Date(1_000_000))
      await move(at('big'), at('copy'))
      expect((await stat(at('copy'))).ino).to.not.equal(inode)
      expect((await readFile(at('copy'))).equals(bytes)).to.equal(true)

      await interrupted(Buffer.alloc(2 * CHUNK_BYTES, 'other'))
      await writeFile(`${partPath(at('copy'))}.json`, '{"source":')
      await finish()
    })

    it('stops when it is told to, and goes on from there', async () => {
      await interrupted(bytes.subarray(0, CHUNK_BYTES))
      const controller = new AbortController()
      const error = await failureOf(
        move(at('big'), at('copy'), null, {
          signal: controller.signal,
          onProgress: () => controller.abort(new Error('stop it')),
        }),
      )
      expect(error.message).to.equal('stop it')
      const { ino } = await stat(partPath(at('copy')))
      expect((await finish()).inode).to.equal(ino)
    })

    it('is continued after kill -9', async function () {
      const script = fileURLToPath(new URL('./killed-copy.js', import.meta.url))
      const { signal } = spawnSync(process.execPath, [script, at('big'), at('copy')])
      // A file system that shares blocks is done in one step.
      if (signal === null) return this.skip()
      expect(signal).to.equal('SIGKILL')
      const { ino } = await stat(partPath(at('copy')))
      expect((await finish()).inode).to.equal(ino)
    })

    it('of a directory keeps the files that are whole', async () => {
      const part = partPath(at('copy'))
      await mkdir(path.join(part, 'deep'), { recursive: true })
      await writeFile(path.join(part, 'p_aux'), 'aux')
      await writeFile(path.join(part, 'deep', 't_aux'), 'DEEP AUX')
      await writeFile(path.join(part, 'surplus'), '')
      await writeFile(path.join(part, '.t_aux.part'), '')
      const { ino } = await stat(path.join(part, 'p_aux'))
      await move(at('cache'), at('copy'))
      expect((await stat(at('copy', 'p_aux'))).ino).to.equal(ino)
      expect(await readFile(at('copy', 'deep', 't_aux'), 'utf8')).to.equal('deep aux')
      expect((await readdir(at('copy'))).sort()).to.deep.equal(['deep', 'p_aux'])
    })
  })

  describe('the check of a copy', () => {
    /** A copy whose first byte changes on the way to the disk. */
    async function damagedCopy(check: string | undefined) {
      await writeFile(at('big'), Buffer.alloc(5 << 20, 'ab7'))
      await writeFile(partPath(at('copy')), '')
      await using from = await open(at('big'))
      await recordCopy(at('big'), from, partPath(at('copy')))
      const steps = new Set<string>()
      const onProgress = ({ step }: Progress) => {
        steps.add(step!)
        const file = openSync(partPath(at('copy')), 'r+')
        writeSync(file, 'X', 0)
        closeSync(file)
      }
      const outcome = await move(at('big'), at('copy'), null, {
        env: check === undefined ? {} : { TRANSFER_VERIFY: check },
        onProgress,
      }).then(
        () => undefined,
        error => error as SealError,
      )
      return { outcome, steps: [...steps] }
    }

    it('reads every byte back', async () => {
      for (const check of [undefined, 'hash']) {
        const { outcome } = await damagedCopy(check)
        expect(outcome?.class).to.equal('temporary')
        expect(outcome?.message).to.match(/reads back otherwise than it was written, between bytes 0 and 4194304/)
        expect(await readdir(root)).to.have.members(['sealed', 'cache', 'big'])
      }
    })

    it('is left out when the operator says so', async () => {
      for (const check of ['off', 'size']) {
        const { outcome, steps } = await damagedCopy(check)
        expect(outcome, check).to.equal(undefined)
        expect(steps).to.deep.equal(['copy'])
        expect((await readFile(at('copy'), 'utf8'))[0]).to.equal('X')
      }
      const error = await failureOf(move(at('sealed'), at('x'), null, { env: { TRANSFER_VERIFY: 'md5' } }))
      expect(error.message).to.equal('TRANSFER_VERIFY: expected one of off, size, hash, found md5')
    })
  })

  describe('on a full disk', () => {
    /** Copies onto a file system of 12 MiB. */
    function copyToSmallDisk(mode: 'early' | 'late') {
      const script = fileURLToPath(new URL('./full-disk.js', import.meta.url))
      const mount = 'mount -t tmpfs -o size=12m none "$1" && echo mounted && exec "$2" "$3" "$1" "$4" "$5"'
      const args = ['-rm', 'sh', '-c', mount, 'sh', at('small'), process.execPath, script, at('big'), mode]
      const { stdout, stderr } = spawnSync('unshare', args, { encoding: 'utf8' })
      const [mounted, outcome] = stdout?.split('\n') ?? []
      if (mounted === 'mounted') return JSON.parse(outcome!)
      // Not every host lets its users mount a file system of their own.
      console.log(`        skipped, no file system can be mounted here: ${stderr}`)
      return undefined
    }
    beforeEach(() => mkdir(at('small')))

    it('says before it begins that the files do not fit', async function () {
      await writeFile(at('big'), Buffer.alloc(13 << 20))
      const outcome = copyToSmallDisk('early')
      if (outcome === undefined) return this.skip()
      expect(outcome).to.deep.include({ class: 'temporary', left: [], progress: 0 })
      expect(outcome.message).to.equal(
        `no space for the files to copy in ${at('small')}: 13631488 bytes are needed, 12582912 are free`,
      )
    })

    it('cleans up when space runs out on the way, and says how much is missing', async function () {
      await writeFile(at('big'), Buffer.alloc(10 << 20))
      const outcome = copyToSmallDisk('late')
      if (outcome === undefined) return this.skip()
      expect(outcome).to.deep.include({ class: 'temporary', code: 'ENOSPC', left: ['other'] })
      expect(outcome.message).to.match(
        /no space for the copy of .*big in .*small: 10485760 bytes are needed, 7340032 are free/,
      )
    })
  })
})
