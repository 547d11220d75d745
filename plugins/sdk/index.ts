/** What the author of a processor imports, as `sealyard/plugin`. */
export { z } from 'zod'
export type { Progress } from '../../rpc-schema/processor/frames.js'
export { STAGES, type StageName, type StageOutput, type StageTask } from '../../rpc-schema/processor/stages.js'
export { SealError, type SealErrorClass } from '../../rpc-schema/seal-error.js'
export { defineProcessor, type Processor, type StageDefinition } from './define-processor.js'
export { type EndingReason, ProcessorEnding } from './ending.js'
export { createProcessorLog, type Logger } from './processor-log.js'
export {
  type CustomStage,
  type ServeOptions,
  type StageProcessor,
  serveCustomProcessor,
  serveProcessor,
  type TaskContext,
} from './serve-processor.js'
