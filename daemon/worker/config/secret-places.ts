import { pathText } from '../../../rpc-schema/schema-issue.js'
import type { ConfigProblem } from '../../kit/config/config-error.js'
import type { TomlFile } from '../../kit/config/toml-file.js'
import { CHILD_STAGES } from './processors-config.js'
import { resolveSecret, type SecretSources } from './secrets.js'
import type { WorkerFile } from './worker-file.js'

/** Key path -> `env NAME` or `file PATH`. */
export type ResolvedPlaces = ReadonlyMap<string, string>

/** The file with every reference replaced by what it points to. Problems name the key. */
export function resolveSecrets(
  written: WorkerFile,
  file: TomlFile,
  sources: SecretSources,
): { written: WorkerFile; places: ResolvedPlaces; problems: ConfigProblem[] } {
  const places = new Map<string, string>()
  const problems: ConfigProblem[] = []

  const resolved = (text: string, path: readonly (string | number)[]): string => {
    try {
      const { value, origin } = resolveSecret(text, sources)
      if (origin !== undefined) places.set(pathText(path), origin)
      return value
    } catch (error) {
      problems.push({ line: file.lineOf(path), path: pathText(path), message: (error as Error).message })
      return ''
    }
  }
  const resolvedTable = (
    table: Readonly<Record<string, string>>,
    path: readonly (string | number)[],
  ): Record<string, string> =>
    Object.fromEntries(Object.entries(table).map(([key, text]) => [key, resolved(text, [...path, key])]))

  const { rpc_client, piece_token } = written.sector_manager
  const headersPath = ['sector_manager', 'rpc_client', 'headers']
  const headers = rpc_client.headers && resolvedTable(rpc_client.headers, headersPath)
  for (const [name, value] of Object.entries(headers ?? {})) {
    const path = [...headersPath, name]
    if (!isHeader(name, value))
      problems.push({ line: file.lineOf(path), path: pathText(path), message: 'cannot be sent as an HTTP header' })
  }
  const processors = { ...written.processors }
  for (const stage of CHILD_STAGES) {
    const entries = processors[stage]
    if (entries === undefined) continue
    processors[stage] = entries.map((entry, index) =>
      entry.envs === undefined
        ? entry
        : { ...entry, envs: resolvedTable(entry.envs, ['processors', stage, index, 'envs']) },
    )
  }
  return {
    written: {
      ...written,
      sector_manager: {
        rpc_client: { ...rpc_client, headers },
        piece_token: piece_token === undefined ? undefined : resolved(piece_token, ['sector_manager', 'piece_token']),
      },
      processors: written.processors && processors,
    },
    places,
    problems,
  }
}

function isHeader(name: string, value: string): boolean {
  try {
    new Headers([[name, value]])
    return true
  } catch {
    return false
  }
}
