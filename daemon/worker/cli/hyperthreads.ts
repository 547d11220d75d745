import { Command } from 'commander'
import { allowedCpus } from '../hardware/allowed-cpus.js'
import { formatCpuList } from '../hardware/cpu-list.js'
import { coreShares, type Hyperthreads, readHyperthreads, switchCpus } from '../hardware/hyperthreads.js'
import type { KernelRoots } from '../hardware/kernel-files.js'
import { readTopology } from '../hardware/read-topology.js'
import { pusOf } from '../hardware/topology.js'
import { wholeNumber } from './numbers.js'

const say = (text: string): void => void process.stdout.write(`${text}\n`)
const DRY = 'pass --really-do-it to do it (as root; it lasts until the next start of the machine)'

/** `hyperthreads`: what is on, and how second threads are switched off for as long as the machine runs. */
export function hyperthreadsCommand(roots: Partial<KernelRoots> = {}): Command {
  const command = new Command('hyperthreads').description(
    'Second threads of cores, which blur how many cores a worker has',
  )
  command
    .command('status')
    .description('What is on, and what to do')
    .action(async () => say(statusText(await readHyperthreads(roots))))
  for (const on of [false, true]) {
    command
      .command(on ? 'on' : 'off')
      .description(on ? 'Switch every processor on that is off' : 'Switch the second threads of all cores off')
      .option('--really-do-it', 'do it', false)
      .action(async ({ reallyDoIt }: { reallyDoIt: boolean }) => {
        const found = await readHyperthreads(roots)
        const cpus = on ? found.off : found.siblingsOn
        if (cpus.length === 0) return say('nothing to do')
        say(`processors ${formatCpuList(cpus)} are to be switched ${on ? 'on' : 'off'}`)
        if (!reallyDoIt) return say(DRY)
        await switchCpus(cpus, on, roots)
        say('done')
      })
  }
  return command
}

export function statusText({ cores, siblingsOn, off }: Hyperthreads): string {
  const switchedOff = off.length === 0 ? '' : `; processors ${formatCpuList(off)} are off`
  if (siblingsOn.length === 0)
    return `${cores} cores, one thread each${switchedOff}\nnothing to do: limits by processors are limits by cores`
  return `${cores} cores; processors ${formatCpuList(siblingsOn)} are second threads${switchedOff}
a limit of processors may be half as many cores: give workers whole cores (\`core-shares\` prints them), or switch the second threads off with
\`hyperthreads off --really-do-it\`, which lasts until the next start; for good it is a setting of the firmware`
}

/** `core-shares`: processors of whole cores for several workers of a machine. */
export function coreSharesCommand(roots: Partial<KernelRoots> = {}): Command {
  return new Command('core-shares')
    .description('Print the processors of whole cores for workers that share this machine, as in core-shares 75 25')
    .argument('<percent...>', 'share of the cores of each worker', (text: string, before: number[] = []) => [
      ...before,
      wholeNumber(text),
    ])
    .action(async (shares: number[]) => {
      if (shares.reduce((sum, share) => sum + share, 0) > 100) throw new Error('more than 100 % are asked for')
      const allowed = await allowedCpus(roots.procRoot)
      const pus = pusOf(await readTopology(roots)).filter(({ index }) => allowed?.has(index) ?? true)
      for (const [index, cpus] of coreShares(pus, shares).entries()) {
        const cores = new Set(pus.filter(pu => cpus.includes(pu.index)).map(({ core }) => core)).size
        say(
          `${shares[index]} %: ${cores} ${cores === 1 ? 'core' : 'cores'}: taskset -c ${formatCpuList(cpus)} venus-worker run …`,
        )
      }
    })
}
