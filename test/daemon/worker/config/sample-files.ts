import { readFileSync } from 'node:fs'
import { parseToml } from '../../../../daemon/kit/config/toml-file.js'
import { loadWorkerConfig } from '../../../../daemon/worker/config/worker-config.js'

// Compiled tests run from dist/, the vectors stay in the source tree.
const samples = new URL('../../../../../test/vectors/worker-config/', import.meta.url)

/** A configuration of the users' documents, or a part of one. */
export const sample = (name: string): string => readFileSync(new URL(`${name}.toml`, samples), 'utf8')

export const MANAGER = '[sector_manager]\nrpc_client.addr = "/ip4/127.0.0.1/tcp/1789"\n'

/** A part with what else a configuration must have. */
export function whole(part: string): string {
  const manager = part.includes('[sector_manager]') ? '' : MANAGER
  const thread = part.includes('[[sealing_thread]]') ? '' : '[[sealing_thread]]\nlocation = "s"\n'
  return `${part}\n${manager}${thread}`
}

/** The keys that a sample has as comments, in force. One of them is no TOML even there. */
export const uncommented = (text: string): string =>
  text.replaceAll('--"args-2"', '"--args-2"').replace(/^#\s*(?=(?:[A-Za-z_.0-9]+\s*=|\[\[))/gm, '')

export const load = (text: string) => loadWorkerConfig(parseToml(text, 'w.toml'), { env: {}, readFile: () => '' })

export const config = (text: string) => load(text).config
