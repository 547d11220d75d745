import work, { type PoolTask } from '../../../../plugins/prover/pool-worker.js'
import { errorText } from '../../../../rpc-schema/seal-error.js'
import { type ReaderReply, ReaderRequest } from './reader-protocol.js'

/** The program of a process that reads sectors: it answers over its IPC channel, one call at a time, and ends with it. */
process.on('message', message => {
  const frame = ReaderRequest.safeParse(message)
  if (!frame.success || !process.connected) return
  const { id, method, request } = frame.data
  let reply: ReaderReply
  try {
    reply = { id, answer: work({ method, request } satisfies PoolTask) }
  } catch (error) {
    reply = { id, error: errorText(error) }
  }
  process.send!(reply)
})
process.on('disconnect', () => process.exit())
