const { Server } = require('node:net')

const GRACE_MS = 10_000
const listenedAt = new WeakMap()
const { listen } = Server.prototype

Server.prototype.listen = function (...args) {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 30
  listenedAt.set(this, new Error('listens since').stack)
  Error.stackTraceLimit = stackTraceLimit
  return listen.apply(this, args)
}

/**
 * A test that leaves a server, a connection or a child open keeps the whole run from ending, long after its summary was printed. What is
 * still open a while after the last test is told, children are killed, and the process ends with the code that the tests earned and the
 * summary as its last line.
 */
exports.endInTime = function endInTime(summary, output = process.stderr) {
  setTimeout(() => {
    const open = process._getActiveHandles().filter(handle => handle !== process.stdout && handle !== process.stderr)
    output.write(`\nthe tests are over, but these keep their process alive (closed now by force):\n`)
    for (const handle of open) output.write(`  ${describe(handle)}\n`)
    output.write(`  all resources: ${count(process.getActiveResourcesInfo())}\n`)
    for (const handle of open) if (handle.constructor.name === 'ChildProcess') handle.kill('SIGKILL')
    process.stdout.write(summary)
    // mocha's own listener of 'exit' puts in the code.
    process.exit()
  }, GRACE_MS).unref()
}

function describe(handle) {
  const kind = handle.constructor.name
  if (kind === 'ChildProcess') return `child ${handle.pid}: ${handle.spawnargs?.join(' ')}`
  if (kind === 'Server' || kind === 'TLSServer')
    return `server on ${JSON.stringify(handle.address())}, ${listenedAt.get(handle)}`
  if (typeof handle.remotePort === 'number')
    return `connection ${handle.localPort} -> ${handle.remoteAddress}:${handle.remotePort}`
  return kind
}

function count(names) {
  const counts = new Map()
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
  return [...counts].map(([name, times]) => `${times} ${name}`).join(', ')
}
