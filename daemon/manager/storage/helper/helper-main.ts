import { pipeline } from 'node:stream/promises'
import { openDriver } from '../drivers/open-driver.js'
import type { StoreDriver } from '../drivers/store-driver.js'
import { performOperation } from './perform.js'
import { CancelFrame, HelperTask, OPERATIONS, type ReplyFrame, RequestFrame } from './protocol.js'

/** The program of a helper process: it answers over its IPC channel and ends with it, or after a stream. */
const task = HelperTask.parse(JSON.parse(process.argv[2] ?? 'null'))

let driver: Promise<StoreDriver> | undefined
const opened = (): Promise<StoreDriver> => {
  driver ??= openDriver(task, task.plugin).catch((error: unknown) => {
    driver = undefined
    throw error
  })
  return driver
}

const send = (frame: ReplyFrame): Promise<void> =>
  new Promise(resolve => (process.connected ? process.send!(frame, undefined, undefined, () => resolve()) : resolve()))

async function answer(frame: RequestFrame): Promise<void> {
  const { id, op, identity } = frame
  try {
    const request = OPERATIONS[op].request.parse(frame.request)
    const store = await opened()
    const result = await performOperation(op, request, {
      driver: store,
      identity,
      source: process.stdin,
      onContent: async content => {
        await send({ id, result: null })
        await pipeline(content, process.stdout)
      },
    })
    if (op !== 'read') await send({ id, result })
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    await send({ id, error: { ...(typeof code === 'string' && { code }), message: message ?? String(error) } })
    if (op === 'read') process.exitCode = 1
  }
  if (op === 'read' || op === 'write') process.disconnect?.()
}

process.on('message', message => {
  if (CancelFrame.safeParse(message).success) {
    process.stdin.on('error', () => {}).destroy(new Error('the content does not come to its end'))
    return
  }
  const frame = RequestFrame.safeParse(message)
  if (frame.success) void answer(frame.data)
})
// The daemon is gone, or has no more use for this process.
process.on('disconnect', () => process.exit())
// A reader that goes away ends its stream, and that is this process.
process.stdout.on('error', () => process.exit(1))
