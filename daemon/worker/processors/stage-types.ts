/** Interim names of the stages' types until `rpc-schema/processor/stages.ts` declares them; then this file only re-exports. */
export type StageName =
  | 'add_pieces'
  | 'tree_d'
  | 'pc1'
  | 'pc2'
  | 'c1'
  | 'c2'
  | 'snap_encode'
  | 'snap_prove'
  | 'synth_proof'
  | 'transfer'
  | 'unseal'
  | 'window_post'
  | 'winning_post'

// biome-ignore lint/suspicious/noExplicitAny: replaced by the declared types
export type StageTask<_S extends StageName> = any
// biome-ignore lint/suspicious/noExplicitAny: replaced by the declared types
export type StageOutput<_S extends StageName> = any
