import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { parseByteSize } from '../../../kit/config/byte-size.js'
import type { StoreToOpen } from './store-driver.js'

const Meta = z.object({
  /** `https://host:port` of the service. */
  Endpoint: z.url({ protocol: /^https?$/ }),
  Bucket: z.string().min(1),
  /** In front of every key, with or without a slash at its end. */
  Prefix: z.string().default(''),
  Region: z.string().default('us-east-1'),
  /** A file like ~/.aws/credentials. Default: the environment. */
  CredentialsFile: z.string().optional(),
  Profile: z.string().default('default'),
  /** An object store does not tell how much room it has. */
  Capacity: z.string().default('1PiB'),
  /** `bucket.host` instead of `host/bucket`. */
  VirtualHost: z.enum(['true', 'false']).default('false'),
})

export interface S3Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
}

export interface S3Settings {
  readonly endpoint: URL
  readonly bucket: string
  readonly prefix: string
  readonly region: string
  readonly pathStyle: boolean
  readonly capacityBytes: number
  readonly credentials: S3Credentials
}

type Environment = Readonly<Record<string, string | undefined>>

/** From the `Meta` of a store. Secrets come from a file or from the environment, never from the configuration. */
export async function s3Settings(store: StoreToOpen, env: Environment = process.env): Promise<S3Settings> {
  const meta = Meta.safeParse(store.meta)
  if (!meta.success) {
    const [issue] = meta.error.issues
    throw new Error(`store ${store.name}: Meta.${issue!.path.join('.')}: ${issue!.message}`)
  }
  const { Endpoint, Bucket, Prefix, Region, CredentialsFile, Profile, Capacity, VirtualHost } = meta.data
  const prefix = Prefix.replace(/^\/+|\/+$/g, '')
  return {
    endpoint: new URL(Endpoint),
    bucket: Bucket,
    prefix: prefix === '' ? '' : `${prefix}/`,
    region: Region,
    pathStyle: VirtualHost === 'false',
    capacityBytes: parseByteSize(Capacity),
    credentials:
      CredentialsFile === undefined
        ? fromEnvironment(store.name, env)
        : credentialsIn(await readFile(CredentialsFile, 'utf8'), Profile, CredentialsFile),
  }
}

function fromEnvironment(name: string, env: Environment): S3Credentials {
  const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret, AWS_SESSION_TOKEN: token } = env
  if (!id || !secret)
    throw new Error(
      `store ${name}: no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or Meta.CredentialsFile`,
    )
  return keys(id, secret, token)
}

/** The keys of a profile in the form of ~/.aws/credentials. */
export function credentialsIn(text: string, profile: string, file: string): S3Credentials {
  const found = new Map<string, string>()
  let section = ''
  for (const line of text.split('\n').map(each => each.trim())) {
    const header = /^\[(.+)\]$/.exec(line)
    const pair = /^(\w+)\s*=\s*(.*)$/.exec(line)
    if (header) section = header[1]!.trim()
    else if (pair && section === profile) found.set(pair[1]!, pair[2]!)
  }
  const id = found.get('aws_access_key_id')
  const secret = found.get('aws_secret_access_key')
  if (!id || !secret) throw new Error(`${file}: [${profile}]: expected aws_access_key_id and aws_secret_access_key`)
  return keys(id, secret, found.get('aws_session_token'))
}

const keys = (accessKeyId: string, secretAccessKey: string, sessionToken: string | undefined): S3Credentials => ({
  accessKeyId,
  secretAccessKey,
  ...(sessionToken && { sessionToken }),
})
