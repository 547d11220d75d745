import { boxTable } from '../../kit/terminal/box-table.js'
import { sizeText } from '../hardware/size-text.js'
import { type CapacityPlan, numberText, type Survey } from './capacity-plan.js'
import { CORES_PER_PC1 } from './placement.js'
import { stageLoads } from './throughput.js'

/** What each resource permits. */
export function permitTable({ permits, binding, cores, demand }: Survey): string {
  return boxTable(
    ['Resource', 'Has', 'Per sector', 'Permits', 'Binding'],
    [
      ...permits.map(({ resource, has, perSector, permits: count }) => [
        resource,
        has,
        perSector,
        numberText(Math.floor(count * 1_000) / 1_000),
        binding.includes(resource) ? 'yes' : 'no',
      ]),
      [
        'cores',
        `${cores.count} in ${cores.l3s} L3 group${cores.l3s === 1 ? '' : 's'}`,
        demand.forTrials ? 'any' : `${CORES_PER_PC1} of one L3`,
        demand.forTrials ? String(cores.count) : String(cores.pc1Slots),
        'no (beyond: slower)',
      ],
    ],
  )
}

/** What each stage could do, and what comes out; undefined when no times are known. */
export function paceText({ line, perDay, demand }: CapacityPlan): string | undefined {
  if (line === undefined || perDay === undefined) return undefined
  const table = boxTable(
    ['Stage', 'At once', 'Minutes', 'Sectors a day at most'],
    stageLoads(line).map(({ stage, concurrent, minutes, perDay: most }) => [
      stage,
      String(concurrent),
      numberText(minutes),
      most.toFixed(1),
    ]),
  )
  return `${table}\nTo be expected: ${perDay.toFixed(1)} sectors (${sizeText(perDay * demand.sectorSize)}) a day.`
}
