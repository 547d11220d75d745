import { type Command, Option } from 'commander'
import { z } from 'zod'
import { type ExtendedSectorInfo, ProvingSectorInfo } from '../../../rpc-schema/manager/proving.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import { tableText } from '../../kit/terminal/table.js'
import type { ChainApi } from '../chain/chain-node.js'
import { numberArgument } from './arguments.js'
import type { Reach } from './reach.js'
import { say } from './talk.js'

interface CheckFlags {
  onlyBad: boolean
  slow: boolean
  stateCheck: boolean
  faulty: boolean
  detail: boolean
  json: boolean
}

/** Sectors of one partition and what is wrong with some of them. */
interface CheckedPartition {
  readonly deadline: number
  readonly partition: number
  readonly sectors: readonly number[]
  readonly faults: Readonly<Record<string, string>>
}

/** The commands of `util sealer proving` that look at the files of sectors. */
export function addProvingChecks(proving: Command, reach: Reach, miner: () => number): void {
  proving
    .command('check')
    .description('Check sectors provable')
    .argument('<deadlineIdx>', 'the deadline', numberArgument)
    .option('--only-bad', 'print only bad sectors', false)
    .option('--slow', 'run slower checks: sizes, and the proof of one leaf of each sector', false)
    .option('--state-check', 'check the local status, only in the slow mode', false)
    .option('--faulty', 'only check faulty sectors', false)
    .option('--detail', 'show detail', false)
    .option('--json', 'as JSON', false)
    .action((deadline: number, flags: CheckFlags) => check(reach, miner(), deadline, flags))

  proving
    .command('sector-info')
    .description('Print sector info')
    .argument('<number...>', 'the sectors', collectNumbers, [])
    .option('--json', 'as it is: the output is JSON', false)
    .action((numbers: number[]) =>
      reach.manager(async manager => {
        for (const number of numbers) {
          const info = await manager.ProvingSectorInfo({ Miner: miner(), Number: number })
          say(JSON.stringify(z.encode(ProvingSectorInfo, info), null, '\t'))
        }
      }),
    )

  proving
    .command('simulate-wdpost')
    .description('Prove a partition for trial; not while a window PoSt is due: it takes the same sectors and GPUs')
    .requiredOption('--ddl-idx <index>', 'the deadline', numberArgument)
    .requiredOption('--partition-idx <index>', 'the partition', numberArgument)
    .option('--include-faulty', 'whether include faulty sectors or not', false)
    .addOption(
      new Option('--challenge <epoch>', 'epoch of the randomness; default: the challenge of the current deadline')
        .argParser(numberArgument)
        .default(0, 'that of the deadline'),
    )
    .action((flags: SimulationFlags) => simulate(reach, miner(), flags))
}

const collectNumbers = (text: string, before: number[]): number[] => [...before, numberArgument(text)]

async function check(reach: Reach, miner: number, deadline: number, flags: CheckFlags): Promise<void> {
  const results: CheckedPartition[] = []
  await reach.chain(async chain => {
    const { WindowPoStProofType } = await chain.StateMinerInfo(Address.fromId(miner), [])
    const partitions = await chain.StateMinerPartitions(Address.fromId(miner), deadline, [])
    await reach.manager(async manager => {
      for (const [partition, { LiveSectors, FaultySectors }] of partitions.entries()) {
        const infos = await sectorsOf(chain, miner, flags.faulty ? FaultySectors : LiveSectors)
        const faults =
          infos.length === 0
            ? {}
            : ((await manager.CheckProvable(miner, WindowPoStProofType, infos, flags.slow, flags.stateCheck)) ?? {})
        results.push({ deadline, partition, sectors: infos.map(info => info.SectorNumber), faults })
      }
    })
  })
  if (flags.json) return say(JSON.stringify(results, null, 2))
  say(flags.detail || flags.onlyBad ? detailTable(results, flags.onlyBad) : countTable(results))
}

function countTable(results: readonly CheckedPartition[]): string {
  const rows = results.map(({ deadline, partition, sectors, faults }) => {
    const bad = Object.keys(faults).length
    return [deadline, partition, sectors.length - bad, bad].map(String)
  })
  return tableText(['deadline', 'partition', 'good', 'bad'], rows)
}

function detailTable(results: readonly CheckedPartition[], onlyBad: boolean): string {
  const rows = results.flatMap(({ deadline, partition, sectors, faults }) =>
    sectors
      .filter(number => !onlyBad || String(number) in faults)
      .map(number => {
        const fault = faults[String(number)]
        return [deadline, partition, number, fault === undefined ? 'good' : `bad (${fault})`].map(String)
      }),
  )
  return tableText(['deadline', 'partition', 'sector', 'status'], rows)
}

/** Named by the chain; a filter that names nothing would be answered with all. */
async function sectorsOf(chain: ChainApi, miner: number, numbers: Bitfield): Promise<ExtendedSectorInfo[]> {
  if (numbers.count === 0) return []
  const infos = await chain.StateMinerSectors(Address.fromId(miner), numbers, [])
  return infos.map(({ SealProof, SectorNumber, SectorKeyCID, SealedCID }) => ({
    SealProof,
    SectorNumber,
    SectorKey: SectorKeyCID,
    SealedCID,
  }))
}

interface SimulationFlags {
  ddlIdx: number
  partitionIdx: number
  includeFaulty: boolean
  challenge: number
}

function simulate(reach: Reach, miner: number, flags: SimulationFlags): Promise<void> {
  const { ddlIdx, partitionIdx, includeFaulty, challenge } = flags
  const address = Address.fromId(miner)
  return reach.chain(async chain => {
    const partition = (await chain.StateMinerPartitions(address, ddlIdx, []))[partitionIdx]
    if (partition === undefined) throw new Error(`deadline ${ddlIdx} has no partition ${partitionIdx}`)
    const { LiveSectors, FaultySectors } = partition
    const chosen = includeFaulty ? LiveSectors : Bitfield.of(LiveSectors.toArray().filter(n => !FaultySectors.has(n)))
    const sectors = await sectorsOf(chain, miner, chosen)
    if (sectors.length === 0) throw new Error(`partition ${partitionIdx} of deadline ${ddlIdx} has no sectors to prove`)
    const { WindowPoStProofType } = await chain.StateMinerInfo(address, [])
    const epoch = challenge || (await chain.StateMinerProvingDeadline(address, [])).Challenge
    await reach.manager(async manager => {
      const { Rand } = await manager.GetWindowPoStChanlleengeRand([], epoch, miner)
      await manager.SimulateWdPoSt(ddlIdx, partitionIdx, address, WindowPoStProofType, sectors, Rand)
      say(`the manager proves ${sectors.length} sectors: the outcome is in its log (mock generate window post)`)
    })
  })
}
