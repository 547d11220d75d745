import { serveProcessor } from '../plugins/sdk/serve-processor.js'

/** A processor that has nothing to do, for the cost of everything around it. */
await serveProcessor({ stage: 'tree_d', run: async () => true })
