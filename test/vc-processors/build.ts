import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { cacheDirectory, nativeDirectory } from '../../native/addon-location.js'
import { withFileLock } from '../../native/file-lock.js'

const SOURCES = ['Cargo.toml', 'Cargo.lock', 'src/lib.rs', 'src/bin/vc-consumer.rs', 'src/bin/vc-producer.rs']
const PROGRESS_MS = 10_000
const SHOWN_LINES = 30

export interface VcProcessors {
  /** `vc-consumer <stage>`: a processor. */
  readonly consumer: string
  /** `vc-producer <stage> BIN ARGS…`: a parent. */
  readonly producer: string
}

/** There is no cargo, so nothing can be built: a reason to skip, not to fail. */
export class NoCargoError extends Error {
  override readonly name = 'NoCargoError'
}

/**
 * Builds the two programs (about a minute, once) and returns their paths, in the cache outside of the checkout. Progress goes to
 * stderr. Throws NoCargoError where there is no cargo, and an Error with the end of cargo's output when it fails.
 */
export async function buildVcProcessors(env: NodeJS.ProcessEnv = process.env): Promise<VcProcessors> {
  const crate = join(dirname(nativeDirectory()), 'test', 'vc-processors')
  const cache = join(cacheDirectory(env), 'vc-processors')
  const built = join(cache, sourceHash(crate))
  const programs = { consumer: join(built, 'vc-consumer'), producer: join(built, 'vc-producer') }
  const there = () => Object.values(programs).every(path => existsSync(path))
  if (there()) return programs
  const waiting = () => process.stderr.write('vc-processors: another process is building, waiting for it\n')
  await withFileLock(join(cache, 'build.lock'), waiting, async () => {
    if (there()) return
    const targetDir = join(cache, 'target')
    await cargoBuild(crate, { ...env, CARGO_TARGET_DIR: targetDir })
    mkdirSync(built, { recursive: true })
    for (const program of Object.values(programs)) {
      const part = `${program}.${process.pid}`
      copyFileSync(join(targetDir, 'debug', program.slice(built.length + 1)), part)
      renameSync(part, program)
    }
  })
  return programs
}

function sourceHash(crate: string): string {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}\n`)
  for (const source of SOURCES) hash.update(`${source}\n`).update(readFileSync(join(crate, source)))
  return hash.digest('hex').slice(0, 16)
}

async function cargoBuild(cwd: string, env: NodeJS.ProcessEnv): Promise<void> {
  const child = spawn('cargo', ['build', '--locked'], { cwd, env, stdio: ['ignore', 'ignore', 'pipe'] })
  const startedAt = Date.now()
  const tail: string[] = []
  let crates = 0
  const told = (): void => {
    const seconds = Math.round((Date.now() - startedAt) / 1_000)
    process.stderr.write(`vc-processors: ${crates} crates compiled, ${seconds} s\n`)
  }
  const timer = setInterval(told, PROGRESS_MS)
  createInterface({ input: child.stderr }).on('line', line => {
    if (/^\s*Compiling\b/.test(line)) crates += 1
    tail.push(line)
    if (tail.length > SHOWN_LINES) tail.shift()
  })
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.on('error', (error: NodeJS.ErrnoException) =>
        reject(error.code === 'ENOENT' ? new NoCargoError('there is no cargo (https://rustup.rs)') : error),
      )
      child.on('close', resolve)
    })
    if (code !== 0) throw new Error(`cargo build failed (exit ${code}):\n${tail.join('\n')}`)
    told()
  } finally {
    clearInterval(timer)
  }
}
