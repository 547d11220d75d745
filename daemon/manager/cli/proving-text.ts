import type { Deadline, Partition } from '../../../rpc-schema/chain/partitions.js'
import type { TipSet } from '../../../rpc-schema/chain/tipset.js'
import type { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import type { DeadlineInfo } from '../../../rpc-schema/wire/deadline.js'
import { clockText, epochText } from './epoch-text.js'

/** A miner's proving state at one head. */
export interface ProvingView {
  readonly miner: string
  readonly head: TipSet
  readonly blockDelaySecs: number
  readonly current: DeadlineInfo
  readonly deadlines: readonly { readonly deadline: Deadline; readonly partitions: readonly Partition[] }[]
}

const sum = (partitions: readonly Partition[], of: (partition: Partition) => Bitfield): number =>
  partitions.reduce((total, partition) => total + of(partition).count, 0)

/** Time of day at which a deadline of the present proving period opens. */
function openText({ head, current, blockDelaySecs }: ProvingView, index: number): string {
  const epoch = current.Open + (index - current.Index) * current.WPoStChallengeWindow
  return clockText(epoch, { height: head.Height, timestamp: head.Blocks[0]!.Timestamp }, blockDelaySecs)
}

export function infoFigures({ current, deadlines }: ProvingView) {
  const all = deadlines.flatMap(({ partitions }) => partitions)
  const live = sum(all, partition => partition.LiveSectors)
  const faults = sum(all, partition => partition.FaultySectors)
  return {
    Faults: faults,
    FaultPercent: live === 0 ? 0 : (faults * 100) / live,
    Recovering: sum(all, partition => partition.RecoveringSectors),
    DeadlineSectors: sum(deadlines[current.Index]?.partitions ?? [], partition => partition.LiveSectors),
  }
}

export function infoText(view: ProvingView): string {
  const { current, blockDelaySecs, miner } = view
  const { Faults, FaultPercent, Recovering, DeadlineSectors } = infoFigures(view)
  const at = (epoch: number): string => epochText(epoch, current.CurrentEpoch, blockDelaySecs)
  const period = current.WPoStProvingPeriod
  return [
    `Sealer: ${miner}`,
    `Current Epoch:           ${current.CurrentEpoch}`,
    `Proving Period Boundary: ${((current.PeriodStart % period) + period) % period}`,
    `Proving Period Start:    ${at(current.PeriodStart)}`,
    `Next Period Start:       ${at(current.PeriodStart + period)}`,
    '',
    `Faults:      ${Faults} (${FaultPercent.toFixed(2)}%)`,
    `Recovering:  ${Recovering}`,
    `Deadline Index:       ${current.Index}`,
    `Deadline Sectors:     ${DeadlineSectors}`,
    `Deadline Open:        ${at(current.Open)}`,
    `Deadline Close:       ${at(current.Close)}`,
    `Deadline Challenge:   ${at(current.Challenge)}`,
    `Deadline FaultCutoff: ${at(current.FaultCutoff)}`,
  ].join('\n')
}

export interface DeadlineRow {
  readonly Deadline: number
  readonly Open: string
  readonly Partitions: number
  readonly Sectors: number
  readonly Faults: number
  readonly ProvenPartitions: number
  readonly Current: boolean
}

/** `all`: also sectors that are terminated, and the partitions that they leave behind. */
export const deadlineRows = (view: ProvingView, all: boolean): DeadlineRow[] =>
  view.deadlines.map(({ deadline, partitions }, index) => {
    const sectors = (partition: Partition): Bitfield => (all ? partition.AllSectors : partition.LiveSectors)
    return {
      Deadline: index,
      Open: openText(view, index),
      Partitions: all ? partitions.length : partitions.filter(partition => !sectors(partition).isEmpty).length,
      Sectors: sum(partitions, sectors),
      Faults: sum(partitions, partition => partition.FaultySectors),
      ProvenPartitions: deadline.PostSubmissions.count,
      Current: index === view.current.Index,
    }
  })

const SETS = [
  ['All', 'AllSectors'],
  ['Live', 'LiveSectors'],
  ['Active', 'ActiveSectors'],
  ['Faulty', 'FaultySectors'],
  ['Recovering', 'RecoveringSectors'],
] as const

export function deadlineText(
  view: ProvingView,
  index: number,
  options: { sectorNums: boolean; bitfield: boolean },
): string {
  const { deadline, partitions } = view.deadlines[index]!
  const lines = [
    `Deadline Index:           ${index}`,
    `Deadline Open:            ${openText(view, index)}`,
    `Partitions:               ${partitions.length}`,
    `Proven Partitions:        ${deadline.PostSubmissions.count}`,
    `Current:                  ${index === view.current.Index}`,
    '',
  ]
  for (const [at, partition] of partitions.entries()) {
    lines.push(`Partition Index:          ${at}`)
    for (const [name, key] of SETS) {
      const sectors = partition[key]
      lines.push(
        `\t${name} Sectors:${' '.repeat(18 - name.length)}${sectors.count}${options.bitfield ? ` ${bitsText(sectors)}` : ''}`,
      )
      if (options.sectorNums)
        lines.push(`\t${name} Sector Numbers:${' '.repeat(12 - name.length)}[${sectors.toArray().join(' ')}]`)
    }
  }
  return lines.join('\n')
}

/** Runs of zeros and ones in a set, and the bytes that it takes on the chain. */
function bitsText(sectors: Bitfield): string {
  const runs = sectors.toRuns()
  const zeros = runs.filter((length, at) => at % 2 === 0 && length > 0)
  const ones = runs.filter((length, at) => at % 2 === 1 && length > 0)
  const total = (lengths: readonly number[]): number => lengths.reduce((sum, length) => sum + length, 0)
  // As a CBOR byte string: a head of one to three bytes.
  const bytes = sectors.toRlePlus().length
  const size = bytes + (bytes < 24 ? 1 : bytes < 256 ? 2 : 3)
  const counts = `${zeros.length}+${ones.length}=${zeros.length + ones.length}`
  return `(bitfield - runs ${counts} - ${total(zeros)} 0s ${total(ones)} 1s - 0 inv - ${size} B ${size}B)`
}
