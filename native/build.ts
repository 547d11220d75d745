import { closeSync, copyFileSync, existsSync, fsyncSync, mkdirSync, openSync, realpathSync, renameSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { addonLocation, cacheDirectory, nativeDirectory, wantedFeatures } from './addon-location.js'
import { CargoError, cargoBuild, requireCargo } from './cargo.js'
import { withFileLock } from './file-lock.js'

const PLAIN_MS = 10_000
const REDRAW_MS = 1_000

export interface BuildOptions {
  readonly env?: NodeJS.ProcessEnv
  readonly output?: { readonly isTTY?: boolean | undefined; write(text: string): unknown }
}

/**
 * Makes sure that the addon of these sources is in the cache, and returns its path. Nothing is compiled when it is there already; two
 * processes that find it missing build it once.
 */
export async function buildAddon({ env = process.env, output = process.stderr }: BuildOptions = {}): Promise<string> {
  const location = addonLocation(env)
  if (location.kind === 'given') {
    if (!existsSync(location.path)) throw new Error(`SEALYARD_NATIVE: there is no ${location.path}`)
    return location.path
  }
  if (existsSync(location.path)) return location.path
  const features = wantedFeatures(env)
  const cwd = nativeDirectory()
  await requireCargo(cwd, env)
  const cache = join(cacheDirectory(env), 'native')
  const waiting = () => output.write('native prover: another process is building, waiting for it\n')
  await withFileLock(join(cache, 'build.lock'), waiting, async () => {
    if (existsSync(location.path)) return
    const progress = new BuildProgress(output, features)
    const library = await cargoBuild({
      cwd,
      targetDir: join(cache, 'target'),
      features,
      env,
      onProgress: (done, total) => progress.show(done, total),
    }).finally(() => progress.clear())
    mkdirSync(dirname(location.path), { recursive: true })
    // Renamed into place: a running process may have an addon of that name mapped.
    const part = `${location.path}.${process.pid}`
    copyFileSync(library, part)
    // Or a power cut may leave the name with nothing behind it, which would count as built.
    sync(part)
    renameSync(part, location.path)
    sync(dirname(location.path))
    progress.end(location.path)
  })
  return location.path
}

function sync(path: string): void {
  const handle = openSync(path, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}

/** One line that is drawn again on a terminal; elsewhere a line now and then. */
class BuildProgress {
  readonly #output: NonNullable<BuildOptions['output']>
  readonly #what: string
  readonly #startedAt = Date.now()
  readonly #timer: NodeJS.Timeout
  #counts = ''
  #drawn = false

  constructor(output: NonNullable<BuildOptions['output']>, features: readonly string[]) {
    this.#output = output
    this.#what = features.length === 0 ? 'native prover' : `native prover (${features.join(', ')})`
    // The last crates take minutes: time goes on in between.
    this.#timer = setInterval(() => this.#draw(), output.isTTY ? REDRAW_MS : PLAIN_MS)
  }

  show(done: number, total: number): void {
    const first = this.#counts === ''
    this.#counts = `${done}/${total} crates`
    if (first || this.#output.isTTY) this.#draw()
  }

  #draw(): void {
    const text = `${this.#what}: ${this.#counts || 'counting crates'}, ${this.#elapsed()}`
    this.#drawn = this.#output.isTTY === true
    this.#output.write(this.#drawn ? `\r\x1b[2K${text}` : `${text}\n`)
  }

  clear(): void {
    clearInterval(this.#timer)
    if (this.#drawn) this.#output.write('\r\x1b[2K')
    this.#drawn = false
  }

  end(path: string): void {
    this.#output.write(`${this.#what}: built in ${this.#elapsed()}, ${path}\n`)
  }

  #elapsed(): string {
    const seconds = Math.round((Date.now() - this.#startedAt) / 1_000)
    return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`
  }
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === import.meta.filename) {
  try {
    await buildAddon()
  } catch (error) {
    process.stderr.write(`${error instanceof CargoError ? error.message : ((error as Error).stack ?? error)}\n`)
    process.exitCode = 1
  }
}
