import { z } from 'zod'
import { method, param, service } from '../rpc/method.js'
import { nameSchemas } from '../rpc/schema-names.js'
import { Null, orNull } from '../rpc/zero-value.js'
import { list } from '../wire/list.js'
import { Uint64 } from '../wire/numbers.js'
import * as threadInfo from './thread-info.js'

nameSchemas(threadInfo)

const index = param('index', Uint64)
const name = param('name', z.string())

/** Methods that damocles's workers do not have; tools made for them never call these. */
export const SEALYARD_METHODS: readonly string[] = ['WorkerDrain']

/** The worker's own API; the namespace is damocles's. An unknown thread index is answered with "invalid params". */
export const workerService = service('VenusWorker', {
  WorkerList: method('The sealing threads.', [], list(threadInfo.ThreadInfo)),
  WorkerPause: method(
    'Asks a thread to pause after its present stage; false when a pause is already asked for.',
    [index],
    z.boolean(),
    { permission: 'write' },
  ),
  WorkerResume: method(
    'Lets a paused thread go on, in another state if one is given; false when it is not paused.',
    [index, param('state', orNull(z.string()), { optional: true })],
    z.boolean(),
    { permission: 'write' },
  ),
  WorkerDrain: method(
    'Lets one thread, or all, take no new sector after the present one, or lifts that; the threads for which this changed something.',
    [param('index', orNull(Uint64)), param('drain', z.boolean())],
    list(Uint64),
    { permission: 'write' },
  ),
  WorkerSetEnv: method('Sets an environment variable of the worker.', [name, param('value', z.string())], Null, {
    permission: 'admin',
  }),
  WorkerRemoveEnv: method('Removes an environment variable of the worker.', [name], Null, { permission: 'admin' }),
  WorkerVersion: method('The version of the worker.', [], z.string()),
})
