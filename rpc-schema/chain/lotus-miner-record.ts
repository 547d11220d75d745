import { z } from 'zod'
import { DealProposal } from '../actors/market.js'
import { PieceActivationManifest } from '../actors/miner-pieces.js'
import {
  array,
  bigInt,
  bool,
  bytes,
  type Cbor,
  type CborValue,
  cborError,
  cborShape,
  cid,
  int,
  nullable,
  text,
  tuple,
  uint,
} from '../wire/cbor.js'

// What a lotus-miner keeps of a sector in its datastore. Go's map-encoded structs: readers take the fields in any order, leave out what they do not
// know, and take what is missing for zero.

type Fields = { readonly [name: string]: Cbor }
type MapJson<F extends Fields> = z.ZodObject<{ -readonly [K in keyof F]: F[K]['json'] }>

/** Go's struct as a CBOR map. Fields that are not declared are skipped, as its readers do. */
function map<const F extends Fields>(fields: F): Cbor<MapJson<F>> {
  const entries = Object.entries(fields)
  const at = (path: string, name: string) => (path === '' ? name : `${path}.${name}`)
  const each = (value: unknown, path: string, one: (field: Cbor, value: unknown, path: string) => unknown) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw cborError(path, 'expected a map')
    const values = value as Record<string, unknown>
    return Object.fromEntries(entries.map(([name, field]) => [name, one(field, values[name], at(path, name))]))
  }
  return cborShape<MapJson<F>>({
    json: z.object(Object.fromEntries(entries.map(([name, field]) => [name, field.json]))) as unknown as MapJson<F>,
    toNode: (value, path) => each(value, path, (field, item, where) => field.toNode(item as never, where)),
    fromNode: (node, path, prefix) =>
      each(node, path, (field, item, where) => field.fromNode(item, where, prefix)) as z.output<MapJson<F>>,
  })
}

const PieceInfo = tuple({ Size: uint, PieceCID: cid })

const PieceDealInfo = map({
  /** Set is a deal of the built-in market, which then has a proposal; not set is direct onboarding, which then has a manifest. */
  PublishCid: nullable(cid),
  DealID: uint,
  DealProposal: nullable(DealProposal),
  DealSchedule: map({ StartEpoch: int, EndEpoch: int }),
  PieceActivationManifest: nullable(PieceActivationManifest),
  KeepUnsealed: bool,
})

const RecordPiece = map({ Piece: PieceInfo, DealInfo: nullable(PieceDealInfo) })
export type LotusMinerPiece = CborValue<typeof RecordPiece>

/** The record of a sector, below `/sectors/<number>`. What only a sector being sealed has, and where other miners' data comes from, is left out. */
export const LotusMinerRecord = map({
  State: text,
  SectorNumber: uint,
  SectorType: int,
  /** Seconds since the Unix epoch. */
  CreationTime: int,
  Pieces: array(RecordPiece),
  TicketValue: bytes,
  TicketEpoch: int,
  PreCommit1Out: bytes,
  CommD: nullable(cid),
  /** Of the sealed file, also after an upgrade. */
  CommR: nullable(cid),
  Proof: bytes,
  PreCommitDeposit: bigInt,
  PreCommitMessage: nullable(cid),
  /** A tipset key: the CIDs one after the other. */
  PreCommitTipSet: bytes,
  PreCommit2Fails: uint,
  SeedValue: bytes,
  SeedEpoch: int,
  CommitMessage: nullable(cid),
  InvalidProofs: uint,
  CCUpdate: bool,
  CCPieces: array(RecordPiece),
  UpdateSealed: nullable(cid),
  UpdateUnsealed: nullable(cid),
  ReplicaUpdateProof: bytes,
  ReplicaUpdateMessage: nullable(cid),
  FaultReportMsg: nullable(cid),
  Return: text,
  TerminateMessage: nullable(cid),
  TerminatedAt: int,
  LastErr: text,
})
export type LotusMinerRecord = CborValue<typeof LotusMinerRecord>
