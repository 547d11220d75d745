import { readFile, stat } from 'node:fs/promises'
import { z } from 'zod'
import { SealError } from '../../../rpc-schema/seal-error.js'
import { ConfigError, type ConfigProblem } from '../../kit/config/config-error.js'
import { loadConfig } from '../../kit/config/load.js'
import { parseToml, type TomlFile } from '../../kit/config/toml-file.js'
import { checkPlan } from './plan-name.js'
import { SealingOverrides } from './sealing-config.js'

/** `<location>/config.toml`: the shape of one `[[sealing_thread]]`, flat. `location` and `count` in it are ignored. */
export const HotFile = z.object({
  location: z.string().optional(),
  count: z.int().optional(),
  plan: z.string().optional(),
  sealing: SealingOverrides.optional(),
})
export type HotFile = z.output<typeof HotFile>

export const HOT_FILE = 'config.toml'

export interface HotSettings {
  readonly plan: string | undefined
  readonly sealing: SealingOverrides | undefined
  readonly warnings: readonly ConfigProblem[]
}

const NOTHING: HotSettings = { plan: undefined, sealing: undefined, warnings: [] }

/**
 * A thread's own settings, read again before each task when the file has been made, changed or removed. They are laid over the main
 * file's, never over older ones of this file.
 */
export class HotConfig {
  readonly path: string
  /** Identity of the file's content as last read; undefined: no file. */
  #seen: string | undefined
  #settings: HotSettings = NOTHING

  constructor(path: string) {
    this.path = path
  }

  get settings(): HotSettings {
    return this.#settings
  }

  /** True when there are other settings than before. Throws a ConfigError for a broken file; the next call looks again. */
  async reload(): Promise<boolean> {
    const stamp = await this.#stamp()
    if (stamp === this.#seen) return false
    this.#settings = stamp === undefined ? NOTHING : (await readHotFile(this.path)).settings
    this.#seen = stamp
    return true
  }

  async #stamp(): Promise<string | undefined> {
    try {
      const { mtimeNs, size, ino } = await stat(this.path, { bigint: true })
      return `${mtimeNs}-${size}-${ino}`
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw new SealError('critical', `cannot look at ${this.path}`, { cause: error })
    }
  }
}

/** Throws a ConfigError for a broken file. */
export async function readHotFile(path: string): Promise<{ settings: HotSettings; file: TomlFile }> {
  const file = parseToml(await readFile(path, 'utf8'), path)
  const { config, warnings } = loadConfig(HotFile, file)
  const problem = config.plan === undefined ? undefined : checkPlan(config.plan)
  if (problem !== undefined)
    throw new ConfigError(file.name, [{ line: file.lineOf(['plan']), path: 'plan', message: problem }])
  return { settings: { plan: config.plan, sealing: config.sealing, warnings }, file }
}
