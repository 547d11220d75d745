import { isIP } from 'node:net'
import { z } from 'zod'
import { parseEndpoint } from '../../../rpc-schema/rpc/endpoint.js'
import { DEFAULT_PLAN, PLANS } from '../../../rpc-schema/worker/plans.js'
import { Duration } from '../../kit/config/duration.js'
import { withoutTokens } from '../../kit/config/hidden.js'
import { optional, required } from '../../kit/config/key.js'
import { ProcessorsFile } from './processors-config.js'
import { SealingOverrides } from './sealing-config.js'
import { Secret } from './secrets.js'

// `damocles-worker.toml`, as it is written.

const Port = z.int().min(0).max(65_535).meta({ title: 'port' })
const Ip = z
  .string()
  .refine(text => isIP(text) !== 0, 'expected an IP address')
  .meta({ title: 'IP address' })
const Path = z.string().min(1).meta({ title: 'path' })

/** `0.0.0.0:9000`, `[::]:9000` */
const IpPort = z
  .string()
  .refine(text => {
    const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(text)
    return match !== null && isIP(match[1] ?? match[2]!) !== 0 && Number(match[3]) <= 65_535
  }, 'expected IP:PORT')
  .meta({ title: 'IP:PORT' })

const RpcAddress = z
  .string()
  .superRefine((text, context) => {
    try {
      parseEndpoint(text)
    } catch (error) {
      context.addIssue({
        code: 'custom',
        message: `no address of a manager found: ${withoutTokens((error as Error).message)}`,
      })
    }
  })
  .meta({ title: 'multiaddr or URL' })

export const DEFAULT_RPC = { host: '0.0.0.0', port: 17_890 }
export const DEFAULT_PING_MS = 30_000
export const DEFAULT_METRICS = { enable: false, listen: '0.0.0.0:9000' }
/** More threads than this in one entry are taken for a slip. */
const MOST_THREADS = 1_000

const WorkerSection = z.object({
  name: optional(z.string().min(1), 'Name of this worker, as the manager shows it.', {
    absent: 'the address of the interface towards the manager',
  }),
  rpc_server: z
    .object({
      host: optional(Ip, "Where the worker's API listens.", { default: DEFAULT_RPC.host }),
      port: optional(Port, 'Its port; several workers on a machine need different ones.', {
        default: DEFAULT_RPC.port,
      }),
    })
    .optional(),
  ping_interval: optional(Duration, 'Time between two signs of life to the manager.', { default: DEFAULT_PING_MS }),
  local_pieces_dirs: optional(
    z.array(Path),
    'Directories in which pieces are looked for (`<piece cid>`, `<piece cid>.car`) before the manager is asked for them.',
    { absent: 'all pieces come from the manager' },
  ),
  scan_persist_stores: optional(
    z.array(z.string()),
    'Shell patterns of directories; each that holds a `sectorstore.json` is an attached store.',
    { absent: 'none' },
  ),
})

const MetricsSection = z.object({
  enable: optional(z.boolean(), 'Serve metrics for Prometheus.', { default: DEFAULT_METRICS.enable }),
  http_listen: optional(IpPort, 'Where they are served.', { default: DEFAULT_METRICS.listen }),
})

const ManagerSection = z.object({
  rpc_client: z.object({
    addr: required(RpcAddress, 'Address of the manager: `/ip4/10.0.0.1/tcp/1789`, `http://…`, `ws://…`.'),
    headers: optional(z.record(z.string(), Secret), 'HTTP headers sent with each call.', {
      absent: 'none',
      secret: true,
    }),
  }),
  piece_token: optional(Secret, 'Token with which pieces are fetched; usually needed with `enable_deals`.', {
    absent: 'none',
    secret: true,
  }),
})

export const ThreadEntry = z.object({
  location: optional(Path, 'Directory of the sealing store, one for each thread; every plan but `wdpost` needs one.', {
    absent: 'none',
  }),
  plan: optional(z.string().meta({ title: PLANS.join(' | ') }), 'What the thread does.', { default: DEFAULT_PLAN }),
  count: optional(
    z.int().min(1).max(MOST_THREADS),
    'So many equal threads: `{n}` in `location` stands for 1, 2, 3, …, `{n:02}` for 01, 02, 03, ….',
    { default: 1 },
  ),
  sealing: SealingOverrides.optional(),
})
export type ThreadEntry = z.output<typeof ThreadEntry>

export const AttachedEntry = z.object({
  name: optional(z.string().min(1), 'Name of the store, the same as on the manager.', {
    absent: 'the absolute path of its location',
  }),
  location: required(Path, 'Directory of the store.'),
  readonly: optional(z.boolean(), 'No sectors are persisted there.', { default: false }),
})

/** Every key that has an effect. Old names have been moved to where they belong before (`old-names.ts`). */
export const WorkerFile = z.object({
  worker: WorkerSection.optional(),
  metrics: MetricsSection.optional(),
  sector_manager: ManagerSection,
  sealing: SealingOverrides.optional(),
  sealing_thread: z.array(ThreadEntry),
  attached: z.array(AttachedEntry).optional(),
  processors: ProcessorsFile.optional(),
})
export type WorkerFile = z.output<typeof WorkerFile>
