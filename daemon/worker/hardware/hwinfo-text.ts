import { boxTable } from '../../kit/terminal/box-table.js'
import type { Disk } from './disks.js'
import type { Machine } from './machine.js'
import type { MemoryUse } from './memory.js'
import { percentText, sizeText } from './size-text.js'
import { topologyTree } from './topology-tree.js'

/** What `hwinfo` prints: the tree of processors, and tables of disks, GPUs and memory. */
export function hwinfoText({ topology, memory, disks, gpus }: Machine, full = false): string {
  return [
    `CPU topology:\n${topologyTree(topology, full)}`,
    `Disks:\n${tableOr(
      'No Disk device detected',
      ['Disk type', 'Device name', 'Mount point', 'Filesystem', 'Space'],
      disks.map(disk => [disk.kind, disk.device, disk.mountPoint, disk.filesystem, spaceText(disk)]),
    )}`,
    `GPU:\n${tableOr(
      'No GPU device detected',
      ['Name', 'Vendor', 'Memory'],
      gpus.map(({ name, vendor, memoryBytes }) => [
        name,
        vendor,
        memoryBytes === undefined ? 'unknown' : sizeText(memoryBytes),
      ]),
    )}`,
    `Memory:\n${memoryTable(memory)}`,
  ].join('\n\n')
}

const tableOr = (nothing: string, header: readonly string[], rows: readonly string[][]): string =>
  rows.length === 0 ? nothing : boxTable(header, rows)

function spaceText({ space }: Disk): string {
  if (space === undefined) return 'does not answer'
  const { usedBytes, totalBytes } = space
  return `${sizeText(usedBytes)} / ${sizeText(totalBytes)} (${percentText(usedBytes, totalBytes)} used)`
}

function memoryTable({ totalBytes, usedBytes, swapTotalBytes, swapUsedBytes, limitBytes }: MemoryUse): string {
  const used = (bytes: number, whole: number): string => `${sizeText(bytes)} (${percentText(bytes, whole)})`
  const limit = limitBytes === undefined ? [] : [['Limit of this container', sizeText(limitBytes)]]
  const columns = [
    ['Total memory', sizeText(totalBytes)],
    ['Used memory', used(usedBytes, totalBytes)],
    ['Total swap', sizeText(swapTotalBytes)],
    ['Used swap', used(swapUsedBytes, swapTotalBytes)],
    ...limit,
  ]
  return boxTable(
    columns.map(([title]) => title!),
    [columns.map(([, value]) => value!)],
  )
}
