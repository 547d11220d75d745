/** What the author of a processor imports. */
export type { Progress } from '../../rpc-schema/processor/frames.js'
export { STAGES, type StageName, type StageOutput, type StageTask } from '../../rpc-schema/processor/stages.js'
export { SealError, type SealErrorClass } from '../../rpc-schema/seal-error.js'
export { createProcessorLog } from './processor-log.js'
export {
  type CustomStage,
  type ServeOptions,
  type StageProcessor,
  serveCustomProcessor,
  serveProcessor,
  type TaskContext,
} from './serve-processor.js'
