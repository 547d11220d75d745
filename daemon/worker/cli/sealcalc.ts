import { Command, InvalidArgumentError, Option } from 'commander'
import { type SealingLine, simulate } from '../sealcalc/model.js'
import { csvText, reportText } from '../sealcalc/report.js'
import { showTable } from '../sealcalc/screen.js'

interface SealcalcOptions {
  treeDMins: number
  treeDConcurrent: number
  pc1Mins: number
  pc1Concurrent: number
  pc2Mins: number
  pc2Concurrent: number
  c2Mins: number
  c2Concurrent: number
  sealingThreads: number
  seedMins: number
  calculateDays: number
  outputStep: number
  csv: boolean
}

function positive(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('expected a whole number from 1.')
  return Number(text)
}

/** The flags are spelled with underscores. */
const flag = (name: string, description: string): Option =>
  new Option(`--${name} <number>`, description).argParser(positive)

/** commander keeps underscores in names: `--tree_d_mins` is `tree_d_mins`. */
const camelCase = (name: string): string => name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())

function lineOf(options: SealcalcOptions): SealingLine {
  return {
    treeD: { minutes: options.treeDMins, concurrent: options.treeDConcurrent },
    pc1: { minutes: options.pc1Mins, concurrent: options.pc1Concurrent },
    pc2: { minutes: options.pc2Mins, concurrent: options.pc2Concurrent },
    c2: { minutes: options.c2Mins, concurrent: options.c2Concurrent },
    seedMinutes: options.seedMins,
    sealingThreads: options.sealingThreads,
  }
}

/** `damocles-worker-util sealcalc`: how full a line of sealing threads runs, and what it gives. */
export function sealcalcCommand(): Command {
  const command = new Command('sealcalc').description('work out how a set of sealing threads keeps its stages busy')
  for (const stage of ['tree_d', 'pc1', 'pc2', 'c2']) {
    command.addOption(flag(`${stage}_mins`, `minutes that ${stage} takes`).makeOptionMandatory())
    command.addOption(flag(`${stage}_concurrent`, `sectors in ${stage} at once`).makeOptionMandatory())
  }
  return command
    .addOption(flag('sealing_threads', 'number of sealing threads').makeOptionMandatory())
    .addOption(flag('seed_mins', 'minutes until the seed is there').default(80))
    .addOption(flag('calculate_days', 'days to look ahead').default(30))
    .addOption(flag('output_step', 'minutes between two rows').default(60))
    .option('--csv', 'as comma-separated values', false)
    .addHelpText(
      'after',
      '\nOn a terminal the table takes the whole screen: Up/Down move by a row, Left/Right/Space by 20, q quits.\nElsewhere, and with --csv, it is printed.',
    )
    .action(async (raw: Record<string, unknown>) => {
      const options = Object.fromEntries(
        Object.entries(raw).map(([name, value]) => [camelCase(name), value]),
      ) as unknown as SealcalcOptions
      const line = lineOf(options)
      const snapshots = [...simulate(line, options.calculateDays, options.outputStep)]
      if (!options.csv && process.stdin.isTTY && process.stdout.isTTY) {
        const [header, ...rows] = reportText(line, snapshots).split('\n')
        await showTable(header!, rows, { input: process.stdin, output: process.stdout })
        return
      }
      process.stdout.write(`${(options.csv ? csvText : reportText)(line, snapshots)}\n`)
    })
}
