import { z } from 'zod'
import { AllocatedSector } from '../../../rpc-schema/manager/allocation.js'
import { Seed, Ticket } from '../../../rpc-schema/manager/commitment.js'
import { SectorPieces } from '../../../rpc-schema/manager/deals.js'
import { UnsealUpgrade } from '../../../rpc-schema/manager/unseal.js'
import { C2Output, PC2Output } from '../../../rpc-schema/processor/seal.js'
import { PieceInfo, ProverId, proverId } from '../../../rpc-schema/processor/sector.js'
import { SnapEncodeOutput, SnapProveOutput } from '../../../rpc-schema/processor/snap.js'
import { orNull } from '../../../rpc-schema/rpc/zero-value.js'
import { Commitment } from '../../../rpc-schema/wire/bytes.js'
import { CidJson } from '../../../rpc-schema/wire/cid.js'
import { UnpaddedPieceSize } from '../../../rpc-schema/wire/numbers.js'
import { SECTOR_STATES, type SectorStateName } from '../../../rpc-schema/worker/sector-states.js'

// The record of the sector in a sealing store: what a thread needs to go on after a kill at any point. Keys, numbers and nesting are
// those of damocles's `meta/info`; what is ours alone is under `sealyard`.

const StateNumber = z.codec(
  z.int(),
  z.custom<SectorStateName>(value => SECTOR_STATES.includes(value as SectorStateName)),
  {
    decode: (number, context) => {
      const name = SECTOR_STATES[number]
      if (name !== undefined) return name
      const message = `expected the number of a sector state (0–${SECTOR_STATES.length - 1})`
      context.issues.push({ code: 'custom', input: number, message })
      return z.NEVER
    },
    encode: name => SECTOR_STATES.indexOf(name),
  },
)

/** A stage output too large for the record: a file beside it. */
export const OutputFile = z.object({ file: z.string().regex(/^[\w.-]+$/) })
export type OutputFile = z.infer<typeof OutputFile>

/** What is to be read back from a sealed sector; sizes in unpadded bytes. */
const UnsealInput = z.object({
  piece_cid: CidJson,
  comm_d: Commitment,
  offset: UnpaddedPieceSize,
  size: UnpaddedPieceSize,
})

/** Of a sector that was sealed before: its replica's commitment on the chain, and the persist store with its files. */
const Finalized = z.object({
  public: z.object({ CommR: Commitment }),
  private: z.object({ AccessInstance: z.string() }),
})

const Phases = z.object({
  pieces: orNull(z.array(PieceInfo)),
  ticket: orNull(Ticket),
  pc1out: orNull(OutputFile),
  pc2out: orNull(PC2Output),
  pc2_re_submit: z.boolean().default(false),
  persist_instance: orNull(z.string()),
  seed: orNull(Seed),
  c1out: orNull(OutputFile),
  c2out: orNull(C2Output),
  c2_re_submit: z.boolean().default(false),
  snap_encode_out: orNull(SnapEncodeOutput),
  snap_prov_out: orNull(SnapProveOutput),
  unseal_in: orNull(UnsealInput),
})
export type Phases = z.output<typeof Phases>

/** What was about to be done when the record was written: asked again after a crash, these would not be harmless. */
const Intents = z.object({
  /** A sector number was asked for; without `base` afterwards, a number may have been given out and lost. It is skipped, never reused. */
  allocating: z.boolean().default(false),
  /** A submission with hardReset was sent for the failure seen last; it must not be sent twice. */
  reset_sent: z.boolean().default(false),
  /** The sector has been in a state in which its deposit may be paid, wherever it was sent since. */
  deposited: z.boolean().default(false),
  /** Why the sector is given up. */
  abort_reason: z.string().nullable().default(null),
  /** When the ticket was assigned, Unix ms; null: not known, or a ticket whose age does not count. */
  ticket_assigned_at: z.number().nullable().default(null),
  /** `pc2out` is what PC2 made of the present layers, and is on the disk: in PC1Done, only its check is left to do. */
  pc2_complete: z.boolean().default(false),
  /** Times that files were persisted again because the manager did not find them. */
  repersists: z.int().nonnegative().default(0),
  /** Set when the sector whose piece is to be read back was upgraded; its ticket and comm_d are then those from before. */
  unseal_upgrade: UnsealUpgrade.nullable().default(null),
  /** SHA-256 of each destination that has the unsealed piece. */
  uploaded: z.array(z.string()).default([]),
  /** All destinations have the piece, and the manager may have been told so: it may not know the task any more. */
  achieving: z.boolean().default(false),
})
export type Intents = z.output<typeof Intents>

const noIntents = (): Intents => Intents.parse({})

export const RECORD_VERSION = 1

export const SectorRecord = z.object({
  version: z.literal(RECORD_VERSION),
  plan: z.string(),
  state: StateNumber,
  prev_state: orNull(StateNumber),
  /** Temporary errors in a row in this state. */
  retry: z.int().nonnegative(),
  base: orNull(z.object({ allocated: AllocatedSector, prove_input: z.tuple([ProverId, z.int().nonnegative()]) })),
  deals_v2: SectorPieces,
  finalized: orNull(Finalized),
  phases: Phases,
  sealyard: z.codec(Intents.optional(), z.custom<Intents>(), {
    decode: intents => intents ?? noIntents(),
    encode: intents => intents,
  }),
})
export type SectorRecord = z.output<typeof SectorRecord>

export const newRecord = (plan: string): SectorRecord => ({
  version: RECORD_VERSION,
  plan,
  state: 'Empty',
  prev_state: null,
  retry: 0,
  base: null,
  deals_v2: null,
  finalized: null,
  phases: {
    pieces: null,
    ticket: null,
    pc1out: null,
    pc2out: null,
    pc2_re_submit: false,
    persist_instance: null,
    seed: null,
    c1out: null,
    c2out: null,
    c2_re_submit: false,
    snap_encode_out: null,
    snap_prov_out: null,
    unseal_in: null,
  },
  sealyard: noIntents(),
})

export const baseOf = (allocated: AllocatedSector): NonNullable<SectorRecord['base']> => ({
  allocated,
  prove_input: [proverId(allocated.ID.Miner), allocated.ID.Number],
})
