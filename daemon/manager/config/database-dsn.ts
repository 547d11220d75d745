import { mysqlDsn } from '../../kit/database.js'
import type { ManagerHome } from './home.js'
import type { ManagerSetup } from './load-settings.js'

/** Where the state of a manager is: a MySQL database, else the file in its home. */
export const databaseDsn = ({ common }: ManagerSetup, home: ManagerHome): string =>
  common.DB.Driver.toLowerCase() === 'mysql' ? mysqlDsn(common.DB.SQL.DSN) : home.databaseFile
