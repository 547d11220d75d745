import { z } from 'zod'
import { AddPiecesOutput, AddPiecesTask, TreeDTask } from './pieces.js'
import { PoStTask, WindowPoStOutput, WindowPoStTask, WinningPoStOutput } from './post.js'
import {
  C1Output,
  C1Task,
  C2Output,
  C2Task,
  ClearCacheTask,
  PC1Output,
  PC1Task,
  PC2Output,
  PC2Task,
  SynthProofTask,
} from './seal.js'
import {
  SnapEncodeOutput,
  SnapEncodeTask,
  SnapProveOutput,
  SnapProveTask,
  SnapVanillaOutput,
  SnapVanillaTask,
} from './snap.js'
import { TransferTask } from './transfer.js'
import { SnapDecodeTask, UnsealOutput, UnsealTask } from './unseal.js'

export interface StageDeclaration<T extends z.ZodType = z.ZodType, O extends z.ZodType = z.ZodType> {
  readonly summary: string
  readonly task: T
  readonly output: O
}

const stage = <T extends z.ZodType, O extends z.ZodType>(
  summary: string,
  task: T,
  output: O,
): StageDeclaration<T, O> => ({
  summary,
  task,
  output,
})

const Done = z.boolean()

/** What processors do, by the name on the ready line and in the configuration. */
export const STAGES = {
  add_pieces: stage('Writes the pieces of a sector into its staged file.', AddPiecesTask, AddPiecesOutput),
  tree_d: stage('Builds the tree of the staged data.', TreeDTask, Done),
  pc1: stage('Computes the layers of a sector.', PC1Task, PC1Output),
  pc2: stage('Builds the trees over the layers and seals the data.', PC2Task, PC2Output),
  synth_proof: stage('Makes the synthetic proofs from which C1 will choose.', SynthProofTask, Done),
  c1: stage('Answers the interactive challenges with vanilla proofs.', C1Task, C1Output),
  c2: stage('Makes the seal proof from the vanilla proofs.', C2Task, C2Output),
  clear_cache: stage('Removes the parts of a cache that are no longer needed.', ClearCacheTask, Done),
  snap_encode: stage('Encodes new data into a sealed sector.', SnapEncodeTask, SnapEncodeOutput),
  snap_vanilla: stage('Makes the vanilla proofs of an update.', SnapVanillaTask, SnapVanillaOutput),
  snap_prove: stage('Makes the proof of an update from its vanilla proofs.', SnapProveTask, SnapProveOutput),
  snap_decode: stage('Reads a range of the data back from an upgraded sector.', SnapDecodeTask, UnsealOutput),
  unseal: stage('Reads a range of the data back from a sealed sector.', UnsealTask, UnsealOutput),
  transfer: stage('Copies files between local paths and stores.', TransferTask, Done),
  window_post: stage('Proves sectors of a deadline.', WindowPoStTask, WindowPoStOutput),
  winning_post: stage('Proves a sector that won a block.', PoStTask, WinningPoStOutput),
} as const

export type StageName = keyof typeof STAGES
export const STAGE_NAMES = Object.keys(STAGES) as StageName[]
export const isStage = (name: string): name is StageName => Object.hasOwn(STAGES, name)

/** The decoded task of a stage. */
export type StageTask<S extends StageName> = z.output<(typeof STAGES)[S]['task']>
/** The decoded output of a stage. */
export type StageOutput<S extends StageName> = z.output<(typeof STAGES)[S]['output']>

/** Stage name of children that are only kept running (`[[processors.sealing_daemons]]`): they get no tasks. */
export const DAEMON_STAGE = 'EMPTY'
