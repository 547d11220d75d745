import { z } from 'zod'
import { ActorId } from '../../../rpc-schema/wire/numbers.js'
import { Duration } from '../../kit/config/duration.js'
import { isKeepFree } from '../storage/store-choice.js'
import { MinerSettings } from './miner-settings.js'
import { key, secretKey, section } from './notes.js'

const text = (value = '') => z.string().default(value)
const bool = (value: boolean) => z.boolean().default(value)
const count = (value: number) => z.int().nonnegative().default(value)
const meta = key(
  z.record(z.string(), z.string()).optional(),
  'Anything that workers and plugins need to know of the store.',
)

const plugin = {
  PluginName: key(
    text(),
    'What keeps the store when it is no directory: "s3", or the module of a plugin; see docs/storage.md.',
    's3',
  ),
  /** Old name of PluginName. */
  Plugin: text(),
}

const KeepFree = z
  .string()
  .refine(isKeepFree, 'expected a size like "100GiB" or a percentage like "2%"')
  .default('0.1%')

export const PieceStoreSettings = z.object({
  Name: key(text(), 'Default: the path.', 'pieces'),
  Path: key(text(), 'A directory with files named by their piece CID.', '/mnt/pieces'),
  Meta: meta,
  ReadOnly: key(bool(false), 'Never written to.'),
  ...plugin,
})
export type PieceStoreSettings = z.output<typeof PieceStoreSettings>

export const PersistStoreSettings = z.object({
  Name: key(text(), 'The name that workers know the store by. Default: the path.', 'persist'),
  Path: key(text(), 'A directory; it must exist.', '/mnt/persist'),
  Meta: meta,
  Strict: key(bool(false), 'Refuse what is not a regular file, e.g. symbolic links.'),
  ReadOnly: key(bool(false), 'Never chosen for new sectors.'),
  KeepFree: key(
    KeepFree,
    'Space that stays free: nothing new is put into the store beyond it. A size, or a percentage of the store.',
  ),
  Weight: key(count(0), 'Share among the stores that have room: weight / sum of weights; 0 counts as 1.'),
  AllowMiners: key(z.array(ActorId).default([]), 'Only for these miners; empty is all.', [1000]),
  DenyMiners: key(z.array(ActorId).default([]), 'Not for these miners; wins over AllowMiners.', [2000]),
  ...plugin,
})
export type PersistStoreSettings = z.output<typeof PersistStoreSettings>

const mongo = { DSN: text(), DatabaseName: text() }

export const CommonSettings = section({
  ScanPersistStores: key(
    z.array(z.string()).default([]),
    'Patterns of directories: each one that holds a sectorstore.json is a persist store.',
  ),
  API: section({
    Chain: key(
      z.union([z.string(), z.array(z.string())], { error: 'expected an address or a list of addresses' }).default(''),
      'The chain node: multiaddr or URL, with its own token in front as in TOKEN:ADDRESS if need be; or a list of nodes, of which the one with the heaviest head is used and the others stand by. Default: the gateways.',
      '/ip4/127.0.0.1/tcp/1234/ws',
    ),
    Messager: key(
      text(),
      'A Venus messager, which signs and sends messages. Default: the first gateway; without gateways the node itself, by its mempool.',
      '/ip4/127.0.0.1/tcp/39812',
    ),
    Market: key(
      text(),
      'The market that gives deals. Default: the first gateway, if there is one.',
      '/ip4/127.0.0.1/tcp/41235',
    ),
    Gateway: key(
      z.array(z.string()).default([]),
      'Gateways of a Venus cluster, which stand in for what has no address above.',
      ['/ip4/127.0.0.1/tcp/45132'],
    ),
    Token: secretKey(text(), 'Token for all of them.', ''),
    ChainEventInterval: key(
      Duration.prefault('1m0s'),
      'The longest pause between two looks at the head of a chain that cannot be subscribed to.',
    ),
  }),
  Access: section({
    RequireToken: key(
      bool(false),
      'Refuse calls without a token of this manager (made by `damocles-manager auth create-token`).',
    ),
  }),
  Plugins: section({ Dir: text() }),
  PieceStores: key(z.array(PieceStoreSettings).default([]), 'Where pieces of deals lie, served at /piecestore/.'),
  PersistStores: key(z.array(PersistStoreSettings).default([]), 'Where sealed sectors end.'),
  DB: section({
    Driver: key(text('sqlite'), 'sqlite keeps everything in one file in the home directory; mysql needs a DSN.'),
    SQL: section({
      DSN: secretKey(text(), 'Of a MySQL, MariaDB or TiDB database.', 'mysql://user:password@host:3306/name'),
    }),
    Badger: section({ BaseDir: text() }),
    Mongo: section(mongo),
    Plugin: section({ PluginName: text(), Meta: z.record(z.string(), z.string()).optional() }),
  }),
  /** Old form of DB.Mongo. */
  MongoKVStore: section({ Enable: bool(false), ...mongo }),
  Proving: section({
    ParallelCheckLimit: key(count(128), 'Sectors checked at the same time; 0 is no limit.'),
    SingleCheckTimeout: key(Duration.prefault('10m0s'), 'For one sector; 0s: no limit.'),
    PartitionCheckTimeout: key(Duration.prefault('20m0s'), 'For one partition; 0s: no limit.'),
    ScrubPeriod: key(
      Duration.prefault('720h0m0s'),
      'Every stored sector is looked at once in this time, whether its files are there and can be proven; 0s: never.',
    ),
    Rehearsal: section({
      SectorsPerPartition: key(
        count(4),
        'Sectors of each partition that are read for trial before its deadline, to foresee whether there is time enough; 0: none.',
      ),
      KeepFor: key(Duration.prefault('168h0m0s'), 'What the trials have shown is forgotten after so long.'),
    }),
    WorkerProver: section({
      JobMaxTry: key(count(2), 'Attempts of one job.'),
      HeartbeatTimeout: key(Duration.prefault('15s'), 'A job without a sign of life for so long is taken back.'),
      JobLifetime: key(Duration.prefault('25h0m0s'), 'Jobs are forgotten so long after they were made.'),
      Redundancy: key(
        count(1),
        'Workers that make the same proof at the same time; the first good one is taken. 0 and 1: one worker.',
      ),
      Split: key(
        bool(false),
        'Reading the sectors and making the proof of them are jobs of their own, for workers whose threads have `sealing.window_parts`.',
      ),
    }),
  }),
  /** Obsolete. */
  PieceStorePreset: z.unknown().optional(),
})
export type CommonSettings = z.output<typeof CommonSettings>

/** `sector-manager.cfg`. */
export const ManagerSettings = z.object({
  Common: CommonSettings,
  Miners: key(z.array(MinerSettings).default([]), 'The storage providers.'),
})
export type ManagerSettings = z.output<typeof ManagerSettings>
