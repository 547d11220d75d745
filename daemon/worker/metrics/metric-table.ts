import type { MetricDeclaration } from '../../kit/metrics/metric-declaration.js'

/** Stages take from a second (2 KiB) to a day (a 64 GiB PC1 on a slow machine). */
const STAGE_BUCKETS = [1, 10, 60, 300, 600, 1_200, 1_800, 3_600, 7_200, 10_800, 14_400, 21_600, 43_200, 86_400]
const WAIT_BUCKETS = [0.01, 0.1, 1, 10, 60, 300, 1_800, 3_600, 10_800, 43_200, 86_400]

/**
 * Everything a worker measures, by name; the registry is made from this. Times in seconds, sizes in bytes. Each carries the labels
 * `worker_name` and `worker_ip` besides its own. The first four are damocles-worker's.
 */
export const WORKER_METRICS = {
  rpc_call: { type: 'counter', help: 'Calls of the manager', labels: ['method'] },
  rpc_error: { type: 'counter', help: 'Calls of the manager that failed', labels: ['method'] },
  rpc_timing: { type: 'summary', help: 'Time a call of the manager took', labels: ['method'] },
  task_threads_pause: { type: 'gauge', help: 'Sealing threads that are paused', labels: [] },
  worker_info: { type: 'gauge', help: 'Always 1; the build of this worker', labels: ['version', 'node', 'arch'] },
  worker_threads: { type: 'gauge', help: 'Sealing threads by what they do', labels: ['state'] },
  worker_threads_with_error: { type: 'gauge', help: 'Sealing threads whose last step failed', labels: [] },
  worker_threads_without_job: { type: 'gauge', help: 'Sealing threads that have no sector', labels: [] },
  worker_threads_draining: { type: 'gauge', help: 'Sealing threads that take no new sector', labels: [] },
  worker_thread_elapsed_seconds: {
    type: 'gauge',
    help: 'How long each thread has been at what it does',
    labels: ['thread', 'plan', 'state', 'stage'],
  },
  worker_stage_progress_ratio: {
    type: 'gauge',
    help: 'Part of a running stage that is done, 0 to 1, where its processor tells',
    labels: ['thread', 'stage'],
  },
  worker_stage_eta_seconds: {
    type: 'gauge',
    help: 'Time a running stage still needs at its present pace',
    labels: ['thread', 'stage'],
  },
  worker_stage_duration_seconds: {
    type: 'histogram',
    help: 'Time of a stage without the waits before it',
    labels: ['stage', 'result'],
    buckets: STAGE_BUCKETS,
  },
  worker_limit_wait_seconds: {
    type: 'histogram',
    help: 'Wait for a place or a turn of processors.limitation',
    labels: ['stage'],
    buckets: WAIT_BUCKETS,
  },
  worker_child_wait_seconds: {
    type: 'histogram',
    help: 'Wait for a child processor with a free slot and free locks',
    labels: ['stage'],
    buckets: WAIT_BUCKETS,
  },
  worker_child_restarts_total: { type: 'counter', help: 'Child processors started again', labels: ['stage'] },
  worker_transferred_bytes_total: {
    type: 'counter',
    help: 'Bytes of files that transfers brought to their place; links count nothing',
    labels: ['to'],
  },
  worker_window_sectors_total: {
    type: 'counter',
    help: 'Sectors that were to be read for windows proven elsewhere: read, faulty, or unread since their store did not answer',
    labels: ['outcome'],
  },
  worker_store_up: {
    type: 'gauge',
    help: '1 when the file system of the store answered the last time it was asked',
    labels: ['kind', 'store'],
  },
  worker_store_free_bytes: {
    type: 'gauge',
    help: 'Space left for this worker in the file system of the store',
    labels: ['kind', 'store'],
  },
  worker_store_size_bytes: { type: 'gauge', help: 'Size of the file system of the store', labels: ['kind', 'store'] },
} as const satisfies Readonly<Record<string, MetricDeclaration>>
