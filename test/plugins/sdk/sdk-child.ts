// A processor made with the SDK, as a program: its one argument says what the handler does.
import { setTimeout } from 'node:timers/promises'
import { defineProcessor, SealError } from '../../../plugins/sdk/index.js'

const behaviour = process.argv[2]

await defineProcessor('tree_d', async (task, context) => {
  if (behaviour === 'chatty') {
    console.log('printed by console.log')
    process.stdout.write('written to stdout\n')
  }
  if (behaviour === 'fails') throw new SealError('temporary', 'outer', { cause: new Error('inner', { cause: 'root' }) })
  if (behaviour === 'progress') {
    for (const done of [0.25, 0.75]) context.progress({ done, step: task.staged_file })
  }
  if (behaviour === 'tidies') {
    context.log.info('begun')
    await setTimeout(600_000, undefined, { signal: context.signal }).catch(() => context.log.info('tidied up'))
    context.signal.throwIfAborted()
  }
  if (behaviour === 'hangs') {
    context.log.info('begun')
    await setTimeout(600_000)
  }
  if (behaviour === 'spins') for (;;) await setTimeout(0)
  return true
}).serve({ tidyMs: behaviour === 'tidies' ? 30_000 : 300 })
