// A processor made with the SDK, as a program: its one argument says what `run` does.
import { setTimeout } from 'node:timers/promises'
import { SealError, serveProcessor } from '../../../plugins/sdk/index.js'

const behaviour = process.argv[2]

await serveProcessor({
  stage: 'tree_d',
  run: async (task, context) => {
    if (behaviour === 'chatty') {
      console.log('printed by console.log')
      process.stdout.write('written to stdout\n')
    }
    if (behaviour === 'fails')
      throw new SealError('temporary', 'outer', { cause: new Error('inner', { cause: 'root' }) })
    if (behaviour === 'progress') {
      for (const done of [0.25, 0.75]) context.progress({ done, step: task.staged_file })
    }
    if (behaviour === 'hangs') await setTimeout(600_000)
    if (behaviour === 'spins') for (;;) await setTimeout(0)
    return true
  },
})
