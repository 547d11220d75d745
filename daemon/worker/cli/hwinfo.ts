import { Command } from 'commander'
import { hwinfoText } from '../hardware/hwinfo-text.js'
import { readMachine } from '../hardware/machine.js'
import { machineFile, readMachineFile } from '../hardware/machine-file.js'

interface HwinfoOptions {
  full: boolean
  json: boolean
  machine?: string
}

/** `damocles-worker-util hwinfo`: processors and their caches, disks, GPUs and memory of this machine. */
export function hwinfoCommand(): Command {
  return new Command('hwinfo')
    .description('show processors with their caches, disks, GPUs and memory')
    .option(
      '--full',
      'every cache, core and processor; also file systems that are not on a disk of this machine',
      false,
    )
    .option('--json', 'as JSON: a description of the machine that `plan --machine` reads', false)
    .option('--machine <FILE>', 'show a described machine (TOML, or JSON as --json prints) in place of this one')
    .action(async ({ full, json, machine: file }: HwinfoOptions) => {
      const machine = file === undefined ? await readMachine({ all: full }) : await readMachineFile(file)
      process.stdout.write(`${json ? JSON.stringify(machineFile(machine), null, 2) : hwinfoText(machine, full)}\n`)
    })
}
