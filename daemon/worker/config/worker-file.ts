import { isIP } from 'node:net'
import { z } from 'zod'
import { parseEndpoint } from '../../../rpc-schema/rpc/endpoint.js'
import { Duration } from '../../kit/config/duration.js'
import { ProcessorsFile } from './processors-config.js'
import { SealingOverrides } from './sealing-config.js'

// `damocles-worker.toml`, as it is written. Every key of damocles-worker is here, those with no effect any more included.

const Port = z.int().min(0).max(65_535)
const Ip = z.string().refine(text => isIP(text) !== 0, 'expected an IP address')

/** `0.0.0.0:9000`, `[::]:9000` */
const IpPort = z.string().refine(text => {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(text)
  return match !== null && isIP(match[1] ?? match[2]!) !== 0 && Number(match[3]) <= 65_535
}, 'expected IP:PORT')

const RpcAddress = z.string().superRefine((text, context) => {
  try {
    parseEndpoint(text)
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message })
  }
})

const WorkerSection = z.object({
  name: z.string().min(1).optional(),
  rpc_server: z.object({ host: Ip.optional(), port: Port.optional() }).optional(),
  ping_interval: Duration.optional(),
  /** One directory; the list wins. */
  local_pieces_dir: z.string().optional(),
  local_pieces_dirs: z.array(z.string()).optional(),
  scan_persist_stores: z.array(z.string()).optional(),
  ScanPersistStores: z.array(z.string()).optional(),
})

const ManagerSection = z.object({
  rpc_client: z.object({ addr: RpcAddress, headers: z.record(z.string(), z.string()).optional() }),
  piece_token: z.string().optional(),
})

const ThreadEntry = z.object({
  location: z.string().min(1).optional(),
  plan: z.string().optional(),
  sealing: SealingOverrides.optional(),
})

const AttachedEntry = z.object({
  name: z.string().min(1).optional(),
  location: z.string().min(1),
  readonly: z.boolean().optional(),
})

export const WorkerFile = z.object({
  worker: WorkerSection.optional(),
  metrics: z.object({ enable: z.boolean().optional(), http_listen: IpPort.optional() }).optional(),
  sector_manager: ManagerSection,
  sealing: SealingOverrides.optional(),
  sealing_thread: z.array(ThreadEntry),
  attached: z.array(AttachedEntry).optional(),
  /** The single attached store of old versions. */
  remote_store: AttachedEntry.optional(),
  /** Of old versions; the manager chooses the store now. */
  attached_selection: z.object({ enable_space_weighted: z.boolean().optional() }).optional(),
  processors: ProcessorsFile.optional(),
})
export type WorkerFile = z.output<typeof WorkerFile>
