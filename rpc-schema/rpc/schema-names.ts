import { z } from 'zod'
import { AddressJson } from '../wire/address.js'
import { BitfieldJson } from '../wire/bitfield.js'
import { Base64Bytes, ByteArray, Commitment } from '../wire/bytes.js'
import { CidJson } from '../wire/cid.js'
import {
  ActorId,
  AllocationId,
  ChainEpoch,
  DealId,
  Int64,
  PaddedPieceSize,
  SectorNumber,
  Uint64,
  Uint64Limit,
  UnpaddedPieceSize,
} from '../wire/numbers.js'
import {
  PoStProofName,
  RegisteredPoStProof,
  RegisteredSealProof,
  RegisteredUpdateProof,
  SealProofName,
  UpdateProofName,
} from '../wire/proof-types.js'
import { SectorID } from '../wire/sector-id.js'
import { TipSetKey } from '../wire/tipset-key.js'
import { TokenAmount } from '../wire/token-amount.js'

/** Under which name a schema stands among the components of a document. */
export const schemaNames = z.registry<{ id: string; description?: string }>()

const isSchema = (value: unknown): value is z.ZodType => value instanceof z.ZodType

/** Gives the schemas that modules export the names they are exported by. The first name of a schema stays. */
export function nameSchemas(...modules: readonly Record<string, unknown>[]): void {
  for (const exported of modules) {
    for (const [id, value] of Object.entries(exported)) {
      if (isSchema(value) && !schemaNames.has(value)) schemaNames.add(value, { id })
    }
  }
}

const WIRE: readonly (readonly [z.ZodType, id: string, description: string])[] = [
  [AddressJson, 'Address', 'Filecoin address as text (`f01000`, `t3…`); `<empty>` is the undefined address.'],
  [CidJson, 'Cid', 'IPLD link.'],
  [TokenAmount, 'TokenAmount', 'attoFIL (or another big number) as decimal text.'],
  [BitfieldJson, 'Bitfield', 'Run lengths, the first run being zeros: `[0,3,5,2]` is {0,1,2,8,9}.'],
  [Base64Bytes, 'Base64Bytes', 'Bytes in standard base64 with padding.'],
  [Commitment, 'Commitment', '32 bytes as an array of numbers.'],
  [ByteArray, 'ByteArray', 'Bytes as an array of numbers.'],
  [TipSetKey, 'TipSetKey', 'CIDs of the blocks of a tipset; empty or null is the head.'],
  [SectorID, 'SectorID', 'A sector of a miner.'],
  [Uint64, 'Uint64', 'Unsigned number.'],
  [Uint64Limit, 'Uint64Limit', 'Unsigned number; the largest there is means no limit.'],
  [Int64, 'Int64', 'Signed number.'],
  [ActorId, 'ActorId', 'Number of an actor: 1000 of f01000.'],
  [SectorNumber, 'SectorNumber', 'Number of a sector within its miner.'],
  [ChainEpoch, 'ChainEpoch', 'Height of the chain.'],
  [DealId, 'DealId', 'Deal of the built-in market; 0 is none.'],
  [AllocationId, 'AllocationId', 'Allocation of the verified registry; 0 is none.'],
  [PaddedPieceSize, 'PaddedPieceSize', 'Bytes of a piece after padding.'],
  [UnpaddedPieceSize, 'UnpaddedPieceSize', 'Bytes of a piece before padding.'],
  [RegisteredSealProof, 'RegisteredSealProof', 'Number of a seal proof, 0–19.'],
  [RegisteredPoStProof, 'RegisteredPoStProof', 'Number of a PoSt proof, 0–14.'],
  [RegisteredUpdateProof, 'RegisteredUpdateProof', 'Number of a replica update proof, 0–4.'],
  [SealProofName, 'SealProofName', 'Name of a seal proof: `StackedDrg32GiBV1_1`.'],
  [PoStProofName, 'PoStProofName', 'Name of a PoSt proof: `StackedDrgWindow32GiBV1_2`.'],
  [UpdateProofName, 'UpdateProofName', 'Name of a replica update proof: `StackedDrg32GiBV1`.'],
]
for (const [schema, id, description] of WIRE) schemaNames.add(schema, { id, description })
