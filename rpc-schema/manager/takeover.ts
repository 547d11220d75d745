import { z } from 'zod'
import { method, param } from '../rpc/method.js'
import { Bool, orNull } from '../rpc/zero-value.js'
import { list } from '../wire/list.js'
import { Int64 } from '../wire/numbers.js'
import { SectorID } from '../wire/sector-id.js'
import { SectorState } from './sector-state.js'
import { SectorAccessStores } from './stores.js'

/** Most sectors in one call: they are one transaction. */
export const TAKEOVER_AT_ONCE = 200

/** A sector of another manager: its record, and where its files are (null: not known there). */
export const SectorToTake = z.object({
  Store: z.enum(['online', 'offline']),
  Record: SectorState,
  Normal: orNull(SectorAccessStores),
  Upgrade: orNull(SectorAccessStores),
})
export type SectorToTake = z.infer<typeof SectorToTake>

/** What became of it. `kept`: this manager has changed its record since, which stays as it is. */
export const TAKEOVER_OUTCOMES = ['new', 'renewed', 'same', 'kept'] as const
export const TakenSector = z.object({ ID: SectorID, Outcome: z.enum(TAKEOVER_OUTCOMES) })
export type TakenSector = z.infer<typeof TakenSector>

/** Times in milliseconds since the Unix epoch. */
export const Takeover = z.object({ Source: z.string(), BeganAt: Int64, FinishedAt: orNull(Int64) })
export type Takeover = z.infer<typeof Takeover>

const source = param('source', z.string())

export const takeoverMethods = {
  Takeovers: method('Managers whose sectors are, or have been, taken over.', [], list(Takeover)),
  BeginTakeover: method(
    'Begins to take over the sectors of another manager, or goes on. Until it is finished no sector numbers are given here and nothing is sent for what was taken.',
    [source],
    Takeover,
    { permission: 'admin' },
  ),
  TakeOver: method(
    `Takes over up to ${TAKEOVER_AT_ONCE} sectors, all or none. The same again changes nothing. \`last\`: with the mark of those that wait to be sent.`,
    [source, param('sectors', list(SectorToTake)), param('last', Bool)],
    list(TakenSector),
    { permission: 'admin' },
  ),
  FinishTakeover: method('Ends a takeover: from now on this manager works on the sectors.', [source], Takeover, {
    permission: 'admin',
  }),
} as const
