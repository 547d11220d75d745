import type { SectorState } from '../../../rpc-schema/manager/sector-state.js'
import { toHex } from '../../../rpc-schema/wire/bytes.js'
import { sectorName } from '../../../rpc-schema/wire/sector-id.js'
import { sectorPieces } from '../allocation/pieces.js'

const MARKS = [
  ['Upgraded', 'upgrade'],
  ['NeedRebuild', 'rebuild'],
  ['Unsealing', 'unseal'],
] as const

/** One entry of `sectors list`. */
export function sectorListText(record: SectorState): string {
  const marks = MARKS.filter(([field]) => record[field]).map(([, mark]) => mark)
  const { LatestState: latest } = record
  return [
    `${sectorName(record.ID)}${marks.length > 0 ? `(${marks.join(', ')})` : ''}:`,
    ...(latest
      ? [
          `\tWorker: ${latest.Worker.Instance} @ ${latest.Worker.Location}`,
          `\tState: ${latest.StateChange.Prev} => ${latest.StateChange.Next} @${latest.StateChange.Event}`,
        ]
      : ['\tNULL']),
    `\tFinalized: ${record.Finalized}, Removed: ${record.Removed}`,
    '',
  ].join('\n')
}

type Field = readonly [name: string, value: string]

const NULL = 'NULL'
const orNull = (value: { toString(): string } | null | undefined): string => value?.toString() ?? NULL
const fields = (...list: readonly Field[]): string[] => list.map(([name, value]) => `\t${name}: ${value}`)
const section = (title: string, lines: readonly string[]): string[] => [`${title}:`, ...lines, '']

/** `sectors state`. */
export function sectorStateText(record: SectorState): string {
  return [
    `Sector ${sectorName(record.ID)}: `,
    '',
    ...section('Common', [
      ...fields(['Finalized', String(record.Finalized)], ['Removed', String(record.Removed)]),
      '\tAborting: ',
      `\t\t${record.AbortReason || NULL}`,
    ]),
    ...section('LatestState', latestState(record)),
    ...section('Deals', deals(record)),
    ...section('Sealing', sealing(record)),
    ...section('SnapUp', snapUp(record)),
    ...section('Termination', fields(['Terminate Message', orNull(record.TerminateInfo.TerminateCid)])),
    `Rebuild: ${record.NeedRebuild}`,
    '',
  ].join('\n')
}

function latestState({ LatestState: latest }: SectorState): string[] {
  if (latest === undefined) return [`\t${NULL}`]
  const { StateChange: change, Worker: worker, Failure: failure } = latest
  return fields(
    ['State Change', `${change.Prev} => ${change.Next}, by ${change.Event}`],
    ['Worker', `${worker.Instance}(${worker.Location})`],
    ['Failure', failure === null ? NULL : `[${failure.Level}] ${failure.Desc}`],
  )
}

function deals(record: SectorState): string[] {
  const pieces = sectorPieces(record)
  if (pieces.length === 0) return [`\t${NULL}`]
  return pieces.flatMap(piece => {
    const { PieceCID, Size } = piece.piece
    if (piece.kind === 'filler') return fields(['Piece', `{ cid: ${PieceCID}; size: ${Size} }`])
    const offset = 'Offset' in piece.deal ? piece.deal.Offset : piece.deal.Piece.Offset
    return fields(
      piece.kind === 'direct'
        ? ['AllocID', `ddo(${piece.allocationId})`]
        : ['DealID', `builtinmarket(${piece.dealId})`],
      ['Piece', `{ cid: ${PieceCID}; size: ${Size}; offset: ${offset} }`],
    )
  })
}

function sealing(record: SectorState): string[] {
  const { Ticket: ticket, Seed: seed, Pre: pre, Proof: proof, MessageInfo: message } = record
  return [
    ...fields(['Ticket', ticket ? `(${ticket.Epoch}) ${toHex(ticket.Ticket)}` : NULL]),
    '\tPreCommit Info:',
    ...(pre ? [`\t\tCommD: ${pre.CommD}`, `\t\tCommR: ${pre.CommR}`] : [`\t\t${NULL}`]),
    ...fields(
      ['PreCommit Message', orNull(message.PreCommitCid)],
      ['Seed', seed ? `(${seed.Epoch}) ${toHex(seed.Seed)}` : NULL],
    ),
    '\tProveCommit Info:',
    `\t\t${proof ? `Proof: ${toHex(proof.Proof)}` : NULL}`,
    ...fields(['ProveCommit Message', orNull(message.CommitCid)], ['Message NeedSend', String(message.NeedSend)]),
  ]
}

function snapUp(record: SectorState): string[] {
  const { UpgradedInfo: info } = record
  if (!record.Upgraded) return fields(['Upgraded', 'false'])
  return fields(
    ['Upgraded', 'true'],
    ['UnsealedCID', orNull(info?.UnsealedCID)],
    ['SealedCID', orNull(info?.SealedCID)],
    ['Proof', info ? toHex(info.Proof) : NULL],
    ['Upgrade Message', orNull(record.UpgradeMessageID)],
    ['Landed Epoch', orNull(record.UpgradeLandedEpoch)],
  )
}
