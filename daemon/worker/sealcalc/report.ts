import { tableText } from '../../kit/terminal/table.js'
import type { LineSnapshot, SealingLine } from './model.js'

const HEADER = [
  'time (mins)',
  'sealing threads (running/total)',
  'tree_d (running/total)',
  'pc1 (running/total)',
  'pc2 (running/total)',
  'wait seed',
  'c2 (running/total)',
  'finished sectors',
]

function cells(line: SealingLine, at: LineSnapshot): string[] {
  return [
    String(at.minute),
    `${at.sealing}/${line.sealingThreads}`,
    `${at.treeD}/${line.treeD.concurrent}`,
    `${at.pc1}/${line.pc1.concurrent}`,
    `${at.pc2}/${line.pc2.concurrent}`,
    String(at.waitSeed),
    `${at.c2}/${line.c2.concurrent}`,
    String(at.finished),
  ]
}

export const csvText = (line: SealingLine, snapshots: readonly LineSnapshot[]): string =>
  [HEADER, ...snapshots.map(at => cells(line, at))].map(row => row.join(',')).join('\n')

export const reportText = (line: SealingLine, snapshots: readonly LineSnapshot[]): string =>
  tableText(
    HEADER,
    snapshots.map(at => cells(line, at)),
  )
