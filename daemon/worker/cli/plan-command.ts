import { stat, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import { parseEndpoint } from '../../../rpc-schema/rpc/endpoint.js'
import { SECTOR_SIZES, sectorSizeLabel } from '../../../rpc-schema/wire/proof-types.js'
import { formatByteSize, parseByteSize } from '../../kit/config/byte-size.js'
import { parseToml } from '../../kit/config/toml-file.js'
import { type CapacityPlan, type Goal, planCapacity } from '../capacity-plan/capacity-plan.js'
import { GPU_ROLES, type GpuRole } from '../capacity-plan/gpu-roles.js'
import type { StoreRoom } from '../capacity-plan/permits.js'
import { paceText, permitTable } from '../capacity-plan/plan-report.js'
import { planToml } from '../capacity-plan/plan-toml.js'
import { loadWorkerConfig } from '../config/worker-config.js'
import { allowedCpus, restrictTopology } from '../hardware/allowed-cpus.js'
import { type Disk, mountOf } from '../hardware/disks.js'
import { fileSystemSpaces } from '../hardware/file-system-space.js'
import { type Machine, readMachine } from '../hardware/machine.js'
import { readMachineFile } from '../hardware/machine-file.js'
import { sizeText } from '../hardware/size-text.js'
import { HOLDER_FILE } from '../store/store-lock.js'

interface PlanOptions {
  machine?: string
  sectorSize: number
  threads?: number
  sectorsPerDay?: number
  headroom: number
  manager: string
  miner: number[]
  store: string[]
  attach: Attached[]
  gpuRoles: GpuRole[]
  treeDMins?: number
  pc1Mins?: number
  pc2Mins?: number
  c2Mins?: number
  seedMins?: number
  output?: string
  force: boolean
}

interface Attached {
  readonly name?: string
  readonly location: string
}

function wholeNumber(from: number): (text: string) => number {
  return text => {
    if (!/^\d{1,6}$/.test(text) || Number(text) < from) {
      throw new InvalidArgumentError(`expected a whole number from ${from}.`)
    }
    return Number(text)
  }
}

function positive(text: string): number {
  if (!/^\d+(\.\d+)?$/.test(text) || Number(text) <= 0) throw new InvalidArgumentError('expected a number above 0.')
  return Number(text)
}

function sectorSize(text: string): number {
  const sizes = SECTOR_SIZES.map(sectorSizeLabel).join(', ')
  try {
    const bytes = parseByteSize(text)
    if (SECTOR_SIZES.includes(bytes)) return bytes
  } catch {
    // Told below.
  }
  throw new InvalidArgumentError(`expected a sector size (${sizes}).`)
}

function managerAddress(text: string): string {
  try {
    parseEndpoint(text)
  } catch (error) {
    throw new InvalidArgumentError(`${(error as Error).message}.`)
  }
  return text
}

const added = <T>(parse: (text: string) => T): ((text: string, before: T[]) => T[]) => {
  return (text, before) => [...before, parse(text)]
}

function minerId(text: string): number {
  const id = Number(/^(?:[ft]0)?(\d+)$/.exec(text)?.[1] ?? Number.NaN)
  if (!Number.isSafeInteger(id)) throw new InvalidArgumentError('expected a miner, as in 1000, t01000 or f01000.')
  return id
}

function attached(text: string): Attached {
  const match = /^([^=/]+)=(.+)$/.exec(text)
  return match ? { name: match[1]!, location: match[2]! } : { location: text }
}

function gpuRoles(text: string): GpuRole[] {
  const roles = text === 'none' ? [] : text.split(',').map(role => role.trim().toLowerCase())
  const unknown = roles.find(role => !(GPU_ROLES as readonly string[]).includes(role))
  if (unknown !== undefined) {
    throw new InvalidArgumentError(`expected a list of ${GPU_ROLES.join(', ')}, or none; found "${unknown}".`)
  }
  return roles as GpuRole[]
}

const HELP = `
Memory decides how many sectors are sealed at once, the disk comes second; processors and GPUs decide how fast:
  32GiB: memory 56 GiB + 64 GiB a sector, disk 520 GiB a sector
  64GiB: memory 112 GiB + 128 GiB a sector, disk 1 TiB a sector
  less:  in proportion, for trials (four threads at most unless --threads says more)
GPUs go to window PoSt, then C2, then PC2. Each number of the file stands there with its reason.
Exit code 1 when the machine cannot do it, with what it lacks.

Examples:
  damocles-worker-util plan --sector-size 32GiB --miner f01000 --manager /ip4/10.0.0.1/tcp/1789 \\
    --store /mnt/nvme0 --store /mnt/nvme1 --attach persist1=/mnt/nas/1 -o damocles-worker.toml
  damocles-worker-util hwinfo --json > host7.json; damocles-worker-util plan --machine host7.json --sectors-per-day 20`

/** `damocles-worker-util plan`: from a machine and a goal to a worker configuration with its reasons. */
export function planCommand(): Command {
  const minutes = (stage: string): Option =>
    new Option(`--${stage}-mins <MINUTES>`, `measured minutes of ${stage}, in place of the documented ones`).argParser(
      positive,
    )
  return new Command('plan')
    .description('work out a worker configuration from the hardware and a goal')
    .option('--machine <FILE>', 'a described machine (what `hwinfo --json` prints, or TOML) in place of this one')
    .addOption(
      new Option('--sector-size <SIZE>', 'size of the sectors').argParser(sectorSize).default(32 * 1024 ** 3, '32GiB'),
    )
    .addOption(
      new Option('--threads <N>', 'sectors at once; as many as possible when not given').argParser(wholeNumber(1)),
    )
    .addOption(
      new Option('--sectors-per-day <N>', 'the fewest sectors at once that give so many a day')
        .argParser(positive)
        .conflicts('threads'),
    )
    .addOption(new Option('--headroom <N>', 'sectors less than memory permits').argParser(wholeNumber(0)).default(1))
    .addOption(
      new Option('--manager <ADDR>', 'address of the manager')
        .argParser(managerAddress)
        .default('/ip4/127.0.0.1/tcp/1789'),
    )
    .addOption(
      new Option('--miner <ID>', 'seal for this miner (repeatable); any when not given')
        .argParser(added(minerId))
        .default([], 'any'),
    )
    .addOption(
      new Option(
        '--store <DIR>',
        'directory for sealing stores, or a sealing store (repeatable); the roomiest disk when not given',
      )
        .argParser(added(String))
        .default([], 'the roomiest disk'),
    )
    .addOption(
      new Option('--attach <[NAME=]DIR>', 'persist store that sealed sectors go to (repeatable)')
        .argParser(added(attached))
        .default([], 'none'),
    )
    .addOption(
      new Option(
        '--gpu-roles <ROLES>',
        `what GPUs are for: a list of ${GPU_ROLES.join(', ')}, or none; wdpost adds a thread that proves windows`,
      )
        .argParser(gpuRoles)
        .default(['c2', 'pc2'], 'c2,pc2'),
    )
    .addOption(minutes('tree-d'))
    .addOption(minutes('pc1'))
    .addOption(minutes('pc2'))
    .addOption(minutes('c2'))
    .addOption(minutes('seed'))
    .option('-o, --output <FILE>', 'write the configuration there and print what it rests on; else it is printed')
    .option('--force', 'replace a file that is there', false)
    .addHelpText('after', HELP)
    .action((options: PlanOptions) => plan(options))
}

async function plan(options: PlanOptions): Promise<void> {
  const described = options.machine !== undefined
  const directories = described ? options.store : options.store.map(path => resolve(path))
  const machine = described ? await readMachineFile(options.machine!) : await thisMachine(directories)
  if (!described) await checkPlaces([...directories, ...options.attach.map(store => resolve(store.location))])
  const stores = await roomsFor(directories, machine.disks, described)
  const goal: Goal = {
    sectorSize: options.sectorSize,
    threads: options.threads,
    sectorsPerDay: options.sectorsPerDay,
    headroom: options.headroom,
    gpuRoles: options.gpuRoles,
    minutes: measuredMinutes(options),
    stores,
  }
  const result = planCapacity(machine, goal)
  if ('impossible' in result) {
    process.stdout.write(`${permitTable(result.impossible)}\n`)
    const what = options.threads ?? (options.sectorsPerDay === undefined ? 1 : undefined)
    const aim =
      what === undefined ? `${options.sectorsPerDay} sectors a day` : `${what} sector${what === 1 ? '' : 's'} at once`
    const lacks = result.impossible.lacks.map(lack => `  ${lack}`).join('\n')
    throw new Error(`this machine cannot do ${aim} of ${formatByteSize(options.sectorSize)}; it lacks\n${lacks}`)
  }
  const text = planToml(result.plan, {
    manager: options.manager,
    miners: options.miner,
    stores,
    attached: described
      ? options.attach
      : options.attach.map(store => ({ ...store, location: resolve(store.location) })),
    gpuRoles: options.gpuRoles,
    topology: machine.topology,
    title: titleOf(machine, options),
  })
  loadWorkerConfig(parseToml(text, options.output ?? 'the planned configuration'))
  if (options.output === undefined) process.stdout.write(text)
  else await writePlan(options.output, text, result.plan, options.force)
}

function measuredMinutes({ treeDMins, pc1Mins, pc2Mins, c2Mins, seedMins }: PlanOptions): Goal['minutes'] {
  const given = { treeD: treeDMins, pc1: pc1Mins, pc2: pc2Mins, c2: c2Mins, seed: seedMins }
  return Object.fromEntries(Object.entries(given).filter(([, minutes]) => minutes !== undefined))
}

async function thisMachine(holding: readonly string[]): Promise<Machine> {
  const machine = await readMachine({ holding })
  const allowed = await allowedCpus()
  return allowed === undefined ? machine : { ...machine, topology: restrictTopology(machine.topology, allowed) }
}

/** Asked from outside this process: one of them may be on a mount that hangs. */
async function checkPlaces(directories: readonly string[]): Promise<void> {
  const found = await fileSystemSpaces(directories)
  const missing = directories.filter(path => !found.has(path))
  if (missing.length > 0) throw new Error(`not there, or on a mount that does not answer: ${missing.join(', ')}`)
}

/** Throws for a directory that no disk of the machine holds, or whose disk does not answer. */
async function roomsFor(
  directories: readonly string[],
  disks: readonly Disk[],
  described: boolean,
): Promise<StoreRoom[]> {
  const wanted = directories.length > 0 ? directories : [roomiest(disks)]
  const rooms: StoreRoom[] = []
  for (const path of wanted) {
    const disk = mountOf(path, disks)
    if (disk === undefined) throw new Error(`no disk of the machine holds ${path}`)
    if (disk.space === undefined) throw new Error(`${path}: the file system at ${disk.mountPoint} does not answer`)
    rooms.push({
      path,
      disk: disk.mountPoint,
      freeBytes: disk.space.freeBytes,
      isStore: !described && (await isThere(join(path, HOLDER_FILE))),
    })
  }
  return rooms
}

function roomiest(disks: readonly Disk[]): string {
  const free = (disk: Disk): number => disk.space?.freeBytes ?? 0
  const [best] = [...disks].sort((a, b) => Number(b.kind === 'SSD') - Number(a.kind === 'SSD') || free(b) - free(a))
  if (best === undefined) throw new Error('no disk is known: name a directory for sealing stores with --store')
  return best.mountPoint
}

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )

function titleOf(
  { topology, gpus }: Machine,
  { sectorSize: size, threads, sectorsPerDay, store }: PlanOptions,
): string {
  const models = [...new Set(topology.packages.map(({ model }) => model || 'processor of unknown name'))]
  const aim =
    threads !== undefined
      ? `${threads} at once`
      : sectorsPerDay !== undefined
        ? `${sectorsPerDay} a day`
        : 'as many as the machine permits'
  return [
    'A sealing worker, planned by `damocles-worker-util plan`.',
    `Machine: ${topology.packages.length} × ${models.join(', ')}; ${sizeText(topology.memoryBytes)} of memory; ${gpus.length} GPU${gpus.length === 1 ? '' : 's'}.`,
    `Goal: sectors of ${formatByteSize(size)}, ${aim}.`,
    ...(store.length === 0 ? ['No --store given: the roomiest disk (SSD first) is taken.'] : []),
  ].join('\n')
}

async function writePlan(file: string, text: string, plan: CapacityPlan, force: boolean): Promise<void> {
  try {
    await writeFile(file, text, { flag: force ? 'w' : 'wx' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    throw new Error(`${file} is there already (--force replaces it)`)
  }
  const pace = paceText(plan)
  process.stdout.write(
    [
      permitTable(plan),
      `At once: ${plan.sectors}, ${plan.why}.`,
      ...(pace === undefined ? [] : [pace]),
      ...plan.notes.map(note => `Note: ${note}.`),
      `Written to ${file}.`,
      '',
    ].join('\n'),
  )
}
