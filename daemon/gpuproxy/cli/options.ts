import { InvalidArgumentError, Option } from 'commander'
import { parseDuration } from '../../kit/config/duration.js'
import type { ListenAddress } from '../../kit/http/http-server.js'
import type { LogOptions } from '../../kit/log.js'

const LEVELS: Readonly<Record<string, string>> = {
  off: 'silent',
  error: 'error',
  warn: 'warn',
  info: 'info',
  debug: 'debug',
  trace: 'trace',
}

export const logLevelOption = (): Option =>
  new Option('--log-level <level>', Object.keys(LEVELS).join(', ')).env('C2PROXY_LOG_LEVEL').default('info')

/** The level of our log for one of the original's names, in whatever case. */
export function logLevel(text: string): Pick<LogOptions, 'level'> {
  const level = LEVELS[text.toLowerCase()]
  if (level === undefined)
    throw new Error(`--log-level: expected ${Object.keys(LEVELS).join(', ')}, found ${JSON.stringify(text)}`)
  return { level }
}

export function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('expected a whole number.')
  return Number(text)
}

export function positiveNumber(text: string): number {
  const value = wholeNumber(text)
  if (value === 0) throw new InvalidArgumentError('expected a number from 1 on.')
  return value
}

export function durationMs(text: string): number {
  try {
    return parseDuration(text)
  } catch (error) {
    throw new InvalidArgumentError(`${(error as Error).message}.`)
  }
}

/** `1 2`, or one after the other. */
export const taskType = (text: string, before: number[] | undefined): number[] => {
  if (text !== '0') throw new InvalidArgumentError('expected 0, which is C2.')
  return [...new Set([...(before ?? []), 0])]
}

/** From the environment only `true` and `false`; on the command line it stands alone. */
export const switchOption = (flags: string, description: string, env: string): Option =>
  new Option(`${flags} [value]`, description)
    .env(env)
    .preset('true')
    .default(false)
    .argParser(text => {
      if (text === 'true' || text === 'false') return text === 'true'
      throw new InvalidArgumentError('expected true or false.')
    })

export function listenAddress(url: string): ListenAddress {
  const match = /^(?:https?:\/\/)?(?:\[([^\]]+)\]|([^:/]+)):(\d{1,5})\/?$/.exec(url)
  if (match === null) throw new Error(`--url: expected IP:PORT to listen on, found ${JSON.stringify(url)}`)
  return { host: (match[1] ?? match[2])!, port: Number(match[3]) }
}

/** Where a client finds the server: the scheme may be missing. */
export const serverUrl = (url: string): string => (/^https?:\/\//.test(url) ? url : `http://${url}`)
