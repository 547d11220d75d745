/** One metric: everything that is told of it stands here, the code only gives it values. */
export interface MetricDeclaration {
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly labels: readonly string[]
  readonly help: string
  readonly buckets?: readonly number[]
}

/** As in the original: `damocles_manager_` and the name. */
export const PREFIX = 'damocles_manager_'

const MS_BUCKETS = [0.3, 1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000]

export const METRICS = {
  info: { name: 'info', type: 'gauge', labels: ['version'], help: 'Always 1; the version of this manager' },
  newSector: { name: 'new_sector', type: 'counter', labels: ['miner'], help: 'Sectors allocated' },
  preCommit: {
    name: 'sector_pre_commit',
    type: 'counter',
    labels: ['miner', 'exit_code'],
    help: 'Sectors whose pre-commit message has landed',
  },
  commit: {
    name: 'sector_commit',
    type: 'counter',
    labels: ['miner', 'exit_code'],
    help: 'Sectors whose prove-commit message has landed',
  },
  request: {
    name: 'api_request_duration_ms',
    type: 'histogram',
    labels: ['api', 'endpoint', 'result'],
    help: 'Time of an API request',
    buckets: MS_BUCKETS,
  },
  apiState: { name: 'api_state', type: 'gauge', labels: [], help: '1 while the API is served' },
  workers: {
    name: 'worker_count',
    type: 'gauge',
    labels: ['category'],
    help: 'Workers by the time since their last ping: <=60s, <=120s, <=300s, >300s',
  },
  threads: {
    name: 'thread_count',
    type: 'gauge',
    labels: ['category'],
    help: 'Sealing threads by state, as the workers told in their last pings',
  },
  sectors: { name: 'sectors', type: 'gauge', labels: ['store'], help: 'Records of sectors, online and offline' },
  messages: {
    name: 'messages',
    type: 'gauge',
    labels: ['state'],
    help: 'Messages to the chain that are not settled, by state',
  },
  headHeight: { name: 'chain_head_height', type: 'gauge', labels: [], help: 'Height of the newest head seen' },
  storeUp: { name: 'store_up', type: 'gauge', labels: ['store'], help: '1 when the persist store answered last time' },
  storeFree: { name: 'store_free_bytes', type: 'gauge', labels: ['store'], help: 'Space left in a persist store' },
  storeSize: { name: 'store_size_bytes', type: 'gauge', labels: ['store'], help: 'Size of a persist store' },
  storeReserved: {
    name: 'store_reserved_bytes',
    type: 'gauge',
    labels: ['store'],
    help: 'Space held in a persist store for sectors on their way',
  },
  loopDelay: {
    name: 'event_loop_delay_seconds',
    type: 'gauge',
    labels: ['quantile'],
    help: 'How late the event loop was since the last scrape',
  },
  database: {
    name: 'database_up',
    type: 'gauge',
    labels: [],
    help: '0 when the database could not be read, or could not be written to the last time that was tried',
  },
  alarms: {
    name: 'alarms',
    type: 'gauge',
    labels: ['alarm'],
    help: 'What needs a person now, by kind; see `util alarms`',
  },
  scrubbed: {
    name: 'scrub_sectors',
    type: 'counter',
    labels: ['result'],
    help: 'Stored sectors that the scrub has looked at: well, damaged, unknown, busy, not needed',
  },
  reloads: {
    name: 'config_reloads',
    type: 'counter',
    labels: ['result'],
    help: 'Reloads of the configuration: done, or refused for its problems',
  },
  windows: {
    name: 'post_windows',
    type: 'counter',
    labels: ['miner', 'outcome'],
    help: 'Proving windows that have closed: proven, partly, missed, or nothing to prove',
  },
  windowsAtRisk: {
    name: 'post_windows_at_risk',
    type: 'gauge',
    labels: ['miner'],
    help: 'Proving windows that would be missed at the present pace',
  },
  windowProof: {
    name: 'post_proof_seconds',
    type: 'histogram',
    labels: ['miner'],
    help: 'Time from the first look at the sectors of a message to its verified proof',
    buckets: [1, 3, 10, 30, 60, 120, 300, 600, 1_200, 1_800],
  },
  windowJobs: {
    name: 'post_worker_jobs',
    type: 'gauge',
    labels: ['part', 'state'],
    help: 'Window proof jobs for workers that are waiting, ready, running or failed: whole proofs, such that read, and such that prove',
  },
  forecast: {
    name: 'post_forecast_ratio',
    type: 'gauge',
    labels: ['miner'],
    help: 'Time that the next window needs, by its rehearsal, in the time that there is: above 1 it would be missed',
  },
  rehearsals: {
    name: 'post_rehearsals',
    type: 'counter',
    labels: ['miner', 'verdict'],
    help: 'Rehearsals of windows: good, tight, late, nothing to prove, or failed',
  },
  unreadSectors: {
    name: 'post_unread_sectors',
    type: 'gauge',
    labels: ['miner'],
    help: 'Sectors that could not be read in the last rehearsal',
  },
  sectorRead: {
    name: 'post_sector_read_seconds',
    type: 'gauge',
    labels: ['store'],
    help: 'What reading one sector of a store for a proof took in the last rehearsal, on average',
  },
  windowSkipped: {
    name: 'post_skipped_sectors',
    type: 'counter',
    labels: ['miner'],
    help: 'Sectors that were left out of window proofs, and so became faulty',
  },
  winning: {
    name: 'winning_posts',
    type: 'counter',
    labels: ['miner', 'outcome'],
    help: 'Winning proofs that block producers have asked for: proven, or failed',
  },
  winningProof: {
    name: 'winning_proof_seconds',
    type: 'histogram',
    labels: ['miner'],
    help: 'Time from the question for a winning proof to its answer; a block is lost after 30 s, on the main network rather earlier',
    buckets: [0.3, 1, 2, 3, 5, 8, 12, 20, 30],
  },
  winningGateway: {
    name: 'winning_gateway_up',
    type: 'gauge',
    labels: ['gateway', 'miner'],
    help: '1 while winning proofs of a miner can be asked for through a gateway',
  },
} as const satisfies Record<string, MetricDeclaration>
export type MetricKey = keyof typeof METRICS

/** The table of the documentation. */
export const metricsMarkdown = (): string =>
  [
    '| name | type | labels | |',
    '|---|---|---|---|',
    ...Object.values(METRICS).map(
      ({ name, type, labels, help }) =>
        `| \`${PREFIX}${name}\` | ${type} | ${labels.map(label => `\`${label}\``).join(', ')} | ${help} |`,
    ),
    '',
  ].join('\n')
