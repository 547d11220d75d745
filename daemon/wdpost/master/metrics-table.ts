import type { MetricDeclaration } from '../../kit/metrics/metric-declaration.js'
import { TASK_EVENTS } from './task-events.js'

/** A partition of 32 GiB takes minutes with a GPU, and an hour or more without. */
const PROOF_BUCKETS = [10, 30, 60, 120, 180, 300, 600, 900, 1_200, 1_800, 3_600, 7_200]

/** Everything a master measures, by name. Times in seconds. */
export const MASTER_METRICS = {
  wdpost_info: { type: 'gauge', help: 'Always 1; the version of this master', labels: ['version'] },
  wdpost_tasks: {
    type: 'gauge',
    help: 'Tasks in the database by state: ready, running, failed, done, or archived',
    labels: ['state'],
  },
  wdpost_wanted: {
    type: 'gauge',
    help: 'Tasks that the manager of this master waits for, by kind: proof, or trial',
    labels: ['kind'],
  },
  wdpost_wanted_oldest_seconds: {
    type: 'gauge',
    help: 'For how long the manager has waited for the oldest of them',
    labels: [],
  },
  wdpost_task_events_total: {
    type: 'counter',
    help: `What happened to tasks: ${Object.keys(TASK_EVENTS).join(', ')}`,
    labels: ['event'],
  },
  wdpost_proof_seconds: {
    type: 'histogram',
    help: 'Time from a task being given to a slave to its proof',
    labels: [],
    buckets: PROOF_BUCKETS,
  },
  wdpost_slave_running: { type: 'gauge', help: 'Tasks that each slave works on', labels: ['slave'] },
  wdpost_slave_tasks: {
    type: 'gauge',
    help: 'Of this master and since its start, what became of the tasks of each slave: given, done, late, failed, or taken from it',
    labels: ['slave', 'outcome'],
  },
  wdpost_slave_silent_seconds: {
    type: 'gauge',
    help: 'Since a slave was last heard of; it is forgotten after an hour',
    labels: ['slave'],
  },
} as const satisfies Readonly<Record<string, MetricDeclaration>>

/** The table of the documentation. */
export const masterMetricsMarkdown = (): string =>
  [
    '| name | type | labels | |',
    '|---|---|---|---|',
    ...Object.entries(MASTER_METRICS).map(
      ([name, { type, labels, help }]) =>
        `| \`${name}\` | ${type} | ${labels.map(label => `\`${label}\``).join(', ')} | ${help} |`,
    ),
  ].join('\n')
