import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { addonLocation, cacheDirectory, sourceHash, wantedFeatures } from '../../native/addon-location.js'
import { buildAddon } from '../../native/build.js'
import { withFileLock } from '../../native/file-lock.js'

const silent = { write: () => true }

async function failure(work: Promise<unknown>): Promise<Error> {
  try {
    await work
  } catch (error) {
    return error as Error
  }
  throw new Error('expected a failure')
}

describe('native: where the addon is', () => {
  it('takes $SEALYARD_CACHE, then $XDG_CACHE_HOME, then ~/.cache', () => {
    expect(cacheDirectory({ SEALYARD_CACHE: '/a', XDG_CACHE_HOME: '/b', HOME: '/c' })).equal('/a')
    expect(cacheDirectory({ XDG_CACHE_HOME: '/b', HOME: '/c' })).equal('/b/sealyard')
    expect(cacheDirectory({ HOME: '/c' })).equal('/c/.cache/sealyard')
  })

  it('has a place of its own for each set of features, whatever their order', () => {
    const path = (features: string) => addonLocation({ SEALYARD_CACHE: '/a', SEALYARD_NATIVE_FEATURES: features }).path
    expect(path('')).match(/^\/a\/native\/[0-9a-f]{16}\/sealyard-prover\.node$/)
    expect(path('cuda,multicore-sdr')).equal(path('multicore-sdr, cuda')).not.equal(path(''))
    expect(() => wantedFeatures({ SEALYARD_NATIVE_FEATURES: 'gpu' })).throw('unknown feature "gpu"')
    expect(() => wantedFeatures({ SEALYARD_NATIVE_FEATURES: 'cuda,cuda-supraseal' })).throw('exclude each other')
  })

  it('prefers $SEALYARD_NATIVE', () => {
    expect(addonLocation({ SEALYARD_NATIVE: '/x/prover.node' })).eql({ path: '/x/prover.node', kind: 'given' })
  })

  it('changes with the sources', () => {
    const directory = mkdtempSync(join(tmpdir(), 'sealyard-native-'))
    try {
      for (const name of ['core', 'addon', 'dev-parameters']) mkdirSync(join(directory, name))
      for (const name of ['Cargo.toml', 'Cargo.lock', 'core/lib.rs']) writeFileSync(join(directory, name), name)
      const before = sourceHash([], directory)
      expect(sourceHash([], directory)).equal(before)
      writeFileSync(join(directory, 'core/lib.rs'), 'other')
      expect(sourceHash([], directory)).not.equal(before)
    } finally {
      rmSync(directory, { recursive: true })
    }
  })
})

describe('native: the build', () => {
  let directory: string
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'sealyard-build-'))
  })
  afterEach(() => rmSync(directory, { recursive: true }))

  it('says how to get Rust when there is no cargo', async () => {
    const error = await failure(buildAddon({ env: { SEALYARD_CACHE: directory, PATH: directory }, output: silent }))
    expect(error.message).contain('there is no cargo').contain('https://rustup.rs')
  })

  it('refuses a cargo that is too old', async () => {
    writeFileSync(join(directory, 'cargo'), '#!/bin/sh\necho "cargo 1.70.0 (abc 2023-01-01)"\n', { mode: 0o755 })
    const error = await failure(
      buildAddon({ env: { SEALYARD_CACHE: directory, PATH: `${directory}:/bin` }, output: silent }),
    )
    expect(error.message).contain('needs Rust 1.88 or newer').contain('1.70.0')
  })

  it("shows cargo's own error and leaves nothing behind", async () => {
    writeFileSync(
      join(directory, 'cargo'),
      '#!/bin/sh\ncase "$1" in\n--version) echo "cargo 1.95.0 (x)";;\ntree) echo "a v1";;\nbuild) echo "error: the compiler is not amused" >&2; exit 101;;\nesac\n',
      { mode: 0o755 },
    )
    const env = { SEALYARD_CACHE: directory, PATH: `${directory}:/bin:/usr/bin` }
    const error = await failure(buildAddon({ env, output: silent }))
    expect(error.message).contain('cargo build failed (exit 101)').contain('the compiler is not amused')
    expect(existsSync(addonLocation(env).path)).equal(false)
    expect(existsSync(join(directory, 'native', 'build.lock'))).equal(false)
  })

  it('builds once for two that find nothing, with progress in plain lines', async () => {
    const library = join(directory, 'libsealyard_prover.so')
    writeFileSync(library, 'a library')
    const artifact = (id: string, name: string, file: string) =>
      JSON.stringify({
        reason: 'compiler-artifact',
        package_id: id,
        target: { kind: ['lib'], name },
        filenames: [file],
      })
    writeFileSync(
      join(directory, 'cargo'),
      `#!/bin/sh
case "$1" in
--version) echo "cargo 1.95.0 (x)";;
tree) echo "a v1"; echo "b v1 (/x)"; echo "b v1 (*)";;
build) echo build >> ${directory}/builds; sleep 0.3
echo '${artifact('a', 'a', '/x/liba.rlib')}'; echo '${artifact('b', 'sealyard_prover', library)}';;
esac
`,
      { mode: 0o755 },
    )
    const lines: string[] = []
    const output = { write: (text: string) => lines.push(text) }
    const env = { SEALYARD_CACHE: directory, PATH: `${directory}:/bin:/usr/bin` }
    const [one, two] = await Promise.all([buildAddon({ env, output }), buildAddon({ env, output })])
    expect(one).equal(two).equal(addonLocation(env).path)
    expect(readFileSync(one, 'utf8')).equal('a library')
    expect(readFileSync(join(directory, 'builds'), 'utf8')).equal('build\n')
    expect(lines.join('')).contain('0/2 crates').contain('built in')
  })
})

describe('native: the lock of the build', () => {
  let path: string
  beforeEach(() => {
    path = join(mkdtempSync(join(tmpdir(), 'sealyard-lock-')), 'lock')
  })

  it('lets one in at a time', async () => {
    let inside = 0
    let most = 0
    const work = async () => {
      inside += 1
      most = Math.max(most, inside)
      await sleep(5)
      inside -= 1
    }
    await Promise.all([1, 2, 3].map(() => withFileLock(path, () => {}, work)))
    expect(most).equal(1)
    expect(existsSync(path)).equal(false)
  })

  it('takes over from a process that was killed', async () => {
    const child = spawn(process.execPath, ['-e', ''])
    await once(child, 'exit')
    writeFileSync(path, `${child.pid} ${hostname()} 1`)
    let waited = false
    await withFileLock(
      path,
      () => (waited = true),
      async () => {},
    )
    expect(waited).equal(false)
  })

  it('takes over a lock that nobody keeps alive: an empty one, or one of another machine', async () => {
    for (const text of ['', '1 another-machine 1']) {
      writeFileSync(path, text)
      const startedAt = performance.now()
      await withFileLock(
        path,
        () => {},
        async () => {},
        { deadAfterMs: 300 },
      )
      expect(performance.now() - startedAt).greaterThan(200)
      expect(existsSync(path)).equal(false)
    }
  })

  it('keeps its own lock alive however long the work takes', async () => {
    let inside = 0
    const work = async () => {
      inside += 1
      expect(inside).equal(1)
      await sleep(900)
      inside -= 1
    }
    const times = { beatMs: 50, deadAfterMs: 400 }
    await Promise.all([1, 2].map(() => withFileLock(path, () => {}, work, times)))
  })

  it('gives the lock back when the work fails', async () => {
    const error = await failure(
      withFileLock(
        path,
        () => {},
        () => Promise.reject(new Error('no')),
      ),
    )
    expect(error.message).equal('no')
    expect(existsSync(path)).equal(false)
  })
})
