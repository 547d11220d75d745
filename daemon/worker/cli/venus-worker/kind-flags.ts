import { InvalidArgumentError } from 'commander'
import { STAGE_KINDS, type StageKind } from '../../../../rpc-schema/stages/kinds.js'

const ON: ReadonlySet<string> = new Set(['1', 't', 'T', 'true', 'TRUE', 'True'])
const OFF: ReadonlySet<string> = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False'])

/** Go's way to say a boolean: `--flag`, `--flag=false`, and the other words that the original takes. */
export function isOn(value: string | boolean): boolean {
  if (typeof value === 'boolean') return value
  if (ON.has(value) || OFF.has(value)) return ON.has(value)
  throw new InvalidArgumentError('expected true or false.')
}

/** The flags of `run` and of `tasks`, and the kinds that they are about; all are on unless they are switched off. */
export const KIND_FLAGS = {
  addpiece: { kinds: ['AP'], about: 'add pieces' },
  precommit1: { kinds: ['PC1'], about: 'PC1: one core and the most memory for hours' },
  precommit2: { kinds: ['PC2'], about: 'PC2: the GPU where there is one, else all cores' },
  commit: { kinds: ['C2'], about: 'the proof: the GPU where there is one, else all cores' },
} as const satisfies Record<string, { kinds: readonly StageKind[]; about: string }>
export type KindFlag = keyof typeof KIND_FLAGS

/** Done by every worker: what costs next to nothing, or is done where the files are. */
const ALWAYS: readonly StageKind[] = ['WAIT', 'C1', 'FINALIZE']

export function kindsOf(flags: Readonly<Partial<Record<KindFlag, boolean>>>): StageKind[] {
  const chosen = Object.entries(KIND_FLAGS).flatMap(([flag, { kinds }]) =>
    flags[flag as KindFlag] === false ? [] : kinds,
  )
  return STAGE_KINDS.filter(kind => ALWAYS.includes(kind) || (chosen as StageKind[]).includes(kind))
}

/** Kinds by their names, by the names of the flags, or as the older programs say. */
const NAMES: ReadonlyMap<string, readonly StageKind[]> = new Map<string, readonly StageKind[]>([
  ...STAGE_KINDS.map((kind): [string, StageKind[]] => [kind.toLowerCase(), [kind]]),
  ...Object.entries(KIND_FLAGS).map(([flag, { kinds }]): [string, readonly StageKind[]] => [flag, kinds]),
  ['p1', ['PC1']],
  ['p2', ['PC2']],
  ['commit2', ['C2']],
  ['commit1', ['C1']],
])

export function kindsNamed(names: readonly string[]): StageKind[] {
  return names.flatMap(name => {
    const kinds = NAMES.get(name.toLowerCase())
    if (kinds === undefined) throw new Error(`${name}: expected a kind of task, one of ${STAGE_KINDS.join(', ')}`)
    return kinds
  })
}
