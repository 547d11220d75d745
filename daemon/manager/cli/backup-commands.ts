import { Command } from 'commander'
import { systemClock } from '../../kit/clock.js'
import { tableText } from '../../kit/terminal/table.js'
import { behindText } from '../backup/behind-chain.js'
import { acknowledge } from '../backup/restored-mark.js'
import { type ManagerHome, managerHome } from '../config/home.js'
import { say } from './talk.js'

type HomeOf = () => ManagerHome

const rowsTable = (rows: Record<string, number>): string =>
  tableText(
    ['Table', 'Rows'],
    Object.entries(rows).map(([table, count]) => [table, String(count)]),
  )

/** `util backup`. Works on the files of the home, or on its MySQL database; the manager may run. */
export const backupCommand = (version: string, homeOf: HomeOf): Command =>
  new Command('backup')
    .description('Copy the state of this home (database, configuration, secret of the tokens); the manager may run')
    .argument('<dir>', 'a directory, made by the backup')
    .option('--rows', 'the rows in place of the SQLite file, for a restore into MySQL', false)
    .option('--json', 'the manifest as JSON', false)
    .action(async (dir: string, { rows, json }: { rows: boolean; json: boolean }) => {
      const { makeBackup } = await import('../backup/backup.js')
      const manifest = await makeBackup({ home: homeOf(), dir, version, clock: systemClock, asRows: rows })
      if (json) return say(JSON.stringify(manifest, null, 2))
      say(rowsTable(manifest.rows))
      say(`${dir}: ${manifest.files.length} files. Try it with \`damocles-manager util restore --drill ${dir}\``)
    })

interface RestoreFlags {
  drill: boolean
  replace: boolean
  acknowledge: boolean
  json: boolean
}

/** `util restore`. */
export const restoreCommand = (homeOf: HomeOf): Command =>
  new Command('restore')
    .description('Put a backup into this home; the manager must not run')
    .argument('[dir]', 'the backup')
    .option('--drill', 'restore into a temporary place, count, compare with the chain; exit code 1 on a problem', false)
    .option('--replace', 'move a database that is there aside (one in MySQL is overwritten)', false)
    .option(
      '--acknowledge',
      'let the manager start although the chain knows sectors that the restored database does not',
      false,
    )
    .option('--json', 'as JSON', false)
    .action(async (dir: string | undefined, flags: RestoreFlags) => {
      const home = homeOf()
      if (flags.acknowledge) {
        if (!(await acknowledge(home.dir)))
          throw new Error(`${home.dir}: nothing has been restored since the last start`)
        return say('acknowledged: the manager starts, and tells which sectors have no record')
      }
      if (dir === undefined) throw new Error('expected the directory of a backup')
      const { restoreBackup, restoreDrill } = await import('../backup/restore.js')
      if (!flags.drill) {
        const { manifest, movedTo } = await restoreBackup({ dir, home, clock: systemClock, replace: flags.replace })
        if (flags.json) return say(JSON.stringify({ manifest, movedTo: movedTo ?? null }, null, 2))
        say(rowsTable(manifest.rows))
        if (movedTo !== undefined) say(`what was there before is in ${movedTo}`)
        return say(`restored the copy of ${new Date(manifest.copiedAt).toISOString()} into ${home.dir}`)
      }
      const report = await restoreDrill(dir)
      if (report.problems.length > 0) process.exitCode = 1
      if (flags.json) {
        const behind = report.behind?.map(({ miner, last, missing }) => ({ miner, last, missing: missing.toArray() }))
        return say(JSON.stringify({ ...report, behind: behind ?? null }, null, 2))
      }
      say(rowsTable(report.rows))
      if (report.behind === undefined) say(`not compared with the chain: ${report.chain}`)
      else if (report.behind.length === 0) say(`it knows every sector number that the chain (${report.chain}) knows`)
      else for (const behind of report.behind) say(`behind the chain: ${behindText(behind)}`)
      for (const problem of report.problems) say(`problem: ${problem}`)
      say(report.problems.length === 0 ? 'this backup can be restored' : 'this backup is not whole')
    })

export const homeOfFlags =
  (homeFlags: () => { home?: string }, confDir: () => string | undefined): HomeOf =>
  () => {
    const dir = confDir()
    return managerHome({ ...homeFlags(), ...(dir !== undefined && { confDir: dir }) })
  }
