import type { Migration } from '../../daemon/kit/database.js'
import { tasks } from './001-tasks.js'

/** The schema of the database of `wdpost` masters, in order. A migration that has run anywhere is never changed. */
export const wdpostMigrations: readonly Migration[] = [tasks]
