import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

/** What napi 3 and the proofs need. */
const OLDEST = [1, 88] as const
const INSTALL =
  'install Rust with rustup (https://rustup.rs): curl --proto =https --tlsv1.2 -sSf https://sh.rustup.rs | sh'
/** Lines of cargo's output that are shown when it fails. */
const SHOWN_LINES = 60

export class CargoError extends Error {
  override readonly name = 'CargoError'
}

interface CargoRun {
  readonly args: readonly string[]
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
  readonly onLine?: (line: string) => void
}

/** Runs cargo; the lines of its stdout go to `onLine`, the end of its stderr into the error. */
async function runCargo({ args, cwd, env, onLine = () => {} }: CargoRun): Promise<void> {
  const child = spawn('cargo', args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const tail: string[] = []
  createInterface({ input: child.stdout }).on('line', onLine)
  createInterface({ input: child.stderr }).on('line', line => {
    if (/^\s*(Compiling|Fresh|Downloading|Downloaded|Updating|Locking|Adding|Blocking)\b/.test(line)) return
    tail.push(line)
    if (tail.length > SHOWN_LINES) tail.shift()
  })
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', error =>
      reject(
        (error as NodeJS.ErrnoException).code === 'ENOENT'
          ? new CargoError(`the native prover is built from Rust sources, but there is no cargo: ${INSTALL}`)
          : error,
      ),
    )
    child.on('close', resolve)
  })
  if (code === 0) return
  const text = tail.join('\n')
  const hint = /linker `cc` not found|failed to find tool|is `cc` installed/.test(text)
    ? '\nA C compiler is needed as well (Debian and Ubuntu: apt-get install build-essential).'
    : ''
  throw new CargoError(`cargo ${args[0]} failed (exit ${code}):\n${text}${hint}`)
}

/** Throws a CargoError that says what to install, unless there is a cargo that is new enough. */
export async function requireCargo(cwd: string, env: NodeJS.ProcessEnv): Promise<void> {
  let version = ''
  await runCargo({
    args: ['--version'],
    cwd,
    env,
    onLine: line => {
      version ||= line
    },
  })
  const [, major, minor] = /^cargo (\d+)\.(\d+)/.exec(version) ?? []
  const found = [Number(major), Number(minor)] as const
  if (!(found[0] > OLDEST[0] || (found[0] === OLDEST[0] && found[1] >= OLDEST[1])))
    throw new CargoError(
      `the native prover needs Rust ${OLDEST.join('.')} or newer, found ${JSON.stringify(version)}: run rustup update, or ${INSTALL}`,
    )
}

/** Crates that a build with these features consists of. */
async function countCrates(cwd: string, env: NodeJS.ProcessEnv, features: readonly string[]): Promise<number> {
  const crates = new Set<string>()
  await runCargo({
    args: ['tree', '--locked', '-e', 'normal,build', '--prefix', 'none', '-f', '{p}', '--features', features.join(',')],
    cwd,
    env,
    onLine: line => {
      const name = line.replace(/ \(.*\)$/, '').trim()
      if (name !== '') crates.add(name)
    },
  })
  return crates.size
}

export interface CargoBuild {
  readonly cwd: string
  readonly targetDir: string
  readonly features: readonly string[]
  readonly env: NodeJS.ProcessEnv
  onProgress(done: number, total: number): void
}

/** Builds the addon in release mode and returns the path of the library that came out. */
export async function cargoBuild({ cwd, targetDir, features, env, onProgress }: CargoBuild): Promise<string> {
  const cargoEnv = { ...env, CARGO_TARGET_DIR: targetDir }
  const total = await countCrates(cwd, cargoEnv, features)
  const done = new Set<string>()
  let library = ''
  const onLine = (line: string) => {
    const message = JSON.parse(line) as {
      reason: string
      package_id?: string
      target?: { kind: string[]; name: string }
      filenames?: string[]
    }
    if (message.reason !== 'compiler-artifact' || message.target?.kind.includes('custom-build')) return
    done.add(message.package_id ?? '')
    if (message.target?.name === 'sealyard_prover') library = message.filenames?.find(isLibrary) ?? ''
    onProgress(Math.min(done.size, total), total)
  }
  onProgress(0, total)
  await runCargo({
    args: [
      'build',
      '--release',
      '--locked',
      '--message-format',
      'json-render-diagnostics',
      '-p',
      'sealyard-prover',
      '--features',
      features.join(','),
    ],
    cwd,
    env: cargoEnv,
    onLine,
  })
  if (library === '') throw new CargoError('cargo built no library')
  return library
}

const isLibrary = (file: string): boolean => /\.(so|dylib|dll)$/.test(file)
