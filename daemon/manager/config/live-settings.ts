import type { ReloadResult, SettingChange } from '../../../rpc-schema/manager/operations.js'
import { ConfigError, problemText } from '../../kit/config/config-error.js'
import { HIDDEN, withoutTokens } from '../../kit/config/hidden.js'
import type { LoadedConfig } from '../../kit/config/load.js'
import type { Logger } from '../../kit/log.js'
import type { ManagerSetup, MinerSetup } from './load-settings.js'
import { ruleOf } from './reload-rules.js'

export interface LiveSettingsOptions {
  readonly file: string
  readonly read: () => LoadedConfig<ManagerSetup>
  readonly log: Logger
  /** For rooms that keep something made of the settings. */
  readonly applied?: (setup: ManagerSetup) => void
  /** After every reload: whether the file was good. */
  readonly reloaded?: (done: boolean) => void
}

type Table = Record<string, unknown>

/**
 * The settings of a running manager. Rooms keep the objects they were given: a reload changes the tables of a miner, a store or `Proving` in them,
 * all in one turn, so that nobody sees half of it.
 */
export class LiveSettings {
  readonly setup: ManagerSetup
  readonly #options: LiveSettingsOptions

  constructor(setup: ManagerSetup, options: LiveSettingsOptions) {
    this.setup = setup
    this.#options = options
  }

  /** Reads the file again. Never throws for what is in it: a broken one leaves everything as it was. */
  reload(): ReloadResult {
    const result = this.#reload()
    this.#options.reloaded?.(result.done)
    return result
  }

  #reload(): ReloadResult {
    const { file, log } = this.#options
    let read: LoadedConfig<ManagerSetup>
    try {
      read = this.#options.read()
    } catch (error) {
      const problems =
        error instanceof ConfigError
          ? error.problems.map(problem => withoutTokens(problemText(error.file, problem)))
          : [`${file}: ${(error as Error).message}`]
      for (const problem of problems) log.error(`configuration not reloaded, the old one stays: ${problem}`)
      return { done: false, applied: [], afterRestart: [], problems, warnings: [] }
    }
    const warnings = read.warnings.map(warning => withoutTokens(problemText(file, warning)))
    for (const warning of warnings) log.warn(warning)
    const found = changes(this.setup, read.config)
    const applied = found.filter(({ rule }) => rule.effect === 'at once')
    const afterRestart = found.filter(({ rule }) => rule.effect !== 'at once')
    for (const { apply } of applied) apply()
    if (applied.length > 0) this.#options.applied?.(this.setup)
    for (const { change } of applied) log.info(change, `configuration: ${change.key} is now ${change.to}`)
    for (const { change } of afterRestart)
      log.warn(change, `configuration: ${change.key} changes to ${change.to} after a restart`)
    log.info({ applied: applied.length, afterRestart: afterRestart.length }, 'configuration reloaded')
    return {
      done: true,
      applied: applied.map(({ change }) => change),
      afterRestart: afterRestart.map(({ change }) => change),
      problems: [],
      warnings,
    }
  }
}

interface Found {
  readonly change: SettingChange
  readonly rule: ReturnType<typeof ruleOf>
  apply(): void
}

function changes(live: ManagerSetup, next: ManagerSetup): Found[] {
  return [
    ...differences(withoutStores(live), withoutStores(next), 'Common', 'Common'),
    ...named(
      byName(live.persistStores),
      byName(next.persistStores),
      name => `Common.PersistStores[${JSON.stringify(name)}]`,
      'Common.PersistStores',
    ),
    ...named(
      byName(live.pieceStores),
      byName(next.pieceStores),
      name => `Common.PieceStores[${JSON.stringify(name)}]`,
      'Common.PieceStores',
    ),
    ...named(asTables(live.miners), asTables(next.miners), actor => `Miners[f0${actor}]`, 'Miners'),
  ]
}

/** Stores are compared one by one, with the names that they get when they have none. */
function withoutStores(setup: ManagerSetup): Table {
  const { PersistStores: _, PieceStores: __, ...rest } = setup.common as unknown as Table
  return rest
}

const byName = (stores: readonly { Name: string }[]): Map<string, Table> =>
  new Map(stores.map(store => [store.Name, store as unknown as Table]))

const asTables = (miners: ReadonlyMap<number, MinerSetup>): Map<string, Table> =>
  new Map([...miners].map(([actor, setup]) => [String(actor), setup as unknown as Table]))

/** Of tables that are told apart by a name. */
function named(
  live: ReadonlyMap<string, Table>,
  next: ReadonlyMap<string, Table>,
  title: (name: string) => string,
  key: string,
): Found[] {
  const whole = (name: string, from: string, to: string): Found => ({
    change: { key: title(name), from, to },
    rule: ruleOf(key),
    apply: () => {},
  })
  const found: Found[] = []
  for (const [name, table] of live) {
    const other = next.get(name)
    if (other === undefined) found.push(whole(name, 'there', 'not there'))
    else found.push(...differences(table, other, title(name), key))
  }
  for (const name of next.keys()) if (!live.has(name)) found.push(whole(name, 'not there', 'there'))
  return found
}

/** Each key in which two tables differ; `apply` gives the live one the new value. */
function differences(live: Table, next: Table, title: string, key: string): Found[] {
  const names = new Set([...Object.keys(live), ...Object.keys(next)])
  return [...names].flatMap((name): Found[] => {
    const [from, to] = [live[name], next[name]]
    if (asText(from) === asText(to)) return []
    if (isTable(from) && isTable(to) && name !== 'Meta')
      return differences(from, to, `${title}.${name}`, `${key}.${name}`)
    return [
      {
        change: { key: `${title}.${name}`, from: shown(name, from), to: shown(name, to) },
        rule: ruleOf(`${key}.${name}`),
        apply: () => {
          live[name] = to
        },
      },
    ]
  })
}

const isTable = (value: unknown): value is Table =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype

const SECRETS: ReadonlySet<string> = new Set(['Token', 'DSN', 'Meta'])

function shown(name: string, value: unknown): string {
  if (value === undefined || value === null) return 'not set'
  if (SECRETS.has(name)) return HIDDEN
  return withoutTokens(asText(value) ?? '')
}

/** Also for comparing: an address keeps its bytes where no comparison looks. */
const asText = (value: unknown): string | undefined =>
  JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? `${inner} attoFIL` : inner))
