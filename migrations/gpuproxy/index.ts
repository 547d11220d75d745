import type { Migration } from '../../daemon/kit/database.js'
import { original } from './001-original.js'
import { leases } from './002-leases.js'
import { outbox } from './003-outbox.js'
import { resourceIndex } from './004-resource-index.js'

/** The schema of the databases of gpuproxy and its workers, in order. A migration that has run anywhere is never changed. */
export const gpuproxyMigrations: readonly Migration[] = [original, leases, outbox, resourceIndex]
