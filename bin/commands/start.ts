import { availableParallelism, cpus, totalmem } from 'node:os'
import { Command } from 'commander'
import { formatByteSize } from '../../daemon/kit/config/byte-size.js'
import { ProgressLine } from '../../daemon/kit/terminal/progress-line.js'
import { tableText } from '../../daemon/kit/terminal/table.js'
import { defaultHome, YardHome } from '../../daemon/yard/home.js'
import type { WatchedSector } from '../../daemon/yard/sector-watch.js'
import { seconds, Yard } from '../../daemon/yard/yard.js'
import { ensureParameters } from '../../plugins/prover/parameters.js'
import { errorText } from '../../rpc-schema/seal-error.js'

interface StartOptions {
  home: string
  once: boolean
  epochMs: string
}

/** `sealyard start`: from nothing to two proven sectors, on a simulated chain that verifies real proofs. */
export function startCommand(): Command {
  return new Command('start')
    .description(
      'start a simulated chain, a manager and a worker, and seal two real 2 KiB sectors: one without data, one with a piece',
    )
    .option(
      '--home <dir>',
      'where everything is kept; a second start goes on from there ($SEALYARD_HOME)',
      defaultHome(),
    )
    .option(
      '--once',
      'stop when both sectors are active (on the chain, their first window proven): exit 0; non-zero with the reason when that fails',
      false,
    )
    .option('--epoch-ms <ms>', 'length of an epoch of the chain', '500')
    .action(start)
}

async function start(options: StartOptions): Promise<void> {
  const epochMs = Number(options.epochMs)
  if (!Number.isInteger(epochMs) || epochMs < 1)
    throw new Error(`--epoch-ms: expected a whole number of milliseconds, found ${options.epochMs}`)
  const stopping = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => stopping.abort(new Error(`stopped by ${signal}`)))
  process.exitCode = await seal(new YardHome(options.home), epochMs, options.once, stopping.signal)
  // The prover's threads would keep the process alive.
  process.exit()
}

/** The exit code. */
async function seal(home: YardHome, epochMs: number, once: boolean, signal: AbortSignal): Promise<number> {
  // On a terminal the line of progress stands where the text is to go.
  const clear = process.stdout.isTTY ? '\r\x1b[2K' : ''
  const tell = (text: string): void => void process.stdout.write(`${clear}${text}\n`)
  const startedAt = performance.now()
  let unlock: (() => void) | undefined
  let yard: Yard | undefined
  try {
    home.create()
    unlock = home.lock()
    tell(
      `machine    ${cpus()[0]?.model ?? 'unknown processor'}, ${availableParallelism()} cores, ${formatByteSize(totalmem())}`,
    )
    tell(`home       ${home.dir}`)
    await makeParameters(tell, signal)
    yard = await Yard.start({ home, epochMs, signal, tell })
    tell('sealing a sector without data and one with a piece of data: a proof takes a minute or two on two cores')
    const sectors = await yard.untilActive(progress())
    tell(`\n${sectorTable(sectors)}\n`)
    tell(`both sectors are active on the chain, ${seconds(performance.now() - startedAt)} after the start`)
    if (once) return 0
    tell(
      `\nchain's API    ${yard.addresses.chain}/rpc/v1\nmanager's API  ${yard.addresses.manager}/rpc/v0\nworker's API   ${yard.addresses.worker}/\nCtrl-C stops everything.`,
    )
    await Promise.race([new Promise(resolve => signal.addEventListener('abort', resolve)), yard.surprise()])
    return 0
  } catch (error) {
    if (signal.aborted) {
      tell(once ? 'stopped before both sectors were active' : 'stopped')
      return once ? 130 : 0
    }
    process.stderr.write(`sealyard start: ${errorText(error)}\n`)
    return 1
  } finally {
    if (yard) tell('stopping worker, manager and chain')
    await yard?.stop()
    unlock?.()
  }
}

async function makeParameters(tell: (text: string) => void, signal: AbortSignal): Promise<void> {
  const line = new ProgressLine()
  const startedAt = performance.now()
  const made = await ensureParameters({
    sectorSize: 2048,
    signal,
    onProgress: ({ set, share }) => line.update(`parameters ${set}`, share),
  })
  if (made.generated.length === 0) tell(`parameters ready in ${made.directory}`)
  else
    line.end(
      `parameters ${made.generated.join(', ')} made in ${seconds(performance.now() - startedAt)} in ${made.directory}`,
    )
}

/** On a terminal, one line that says where each sector stands. */
function progress(): (sectors: readonly WatchedSector[]) => void {
  if (!process.stdout.isTTY) return () => {}
  const line = new ProgressLine()
  return sectors => line.text(sectors.map(sector => `${sector.name} (${sector.kind}) ${sector.state}`).join('   '))
}

function sectorTable(sectors: readonly WatchedSector[]): string {
  const rows = sectors.flatMap(sector => [
    ...sector.stages.map(({ stage, tookMs }) => [
      sector.name,
      sector.kind,
      stage,
      Number((tookMs / 1_000).toFixed(2)),
      'done',
    ]),
    [
      sector.name,
      sector.kind,
      'all',
      Number((sector.stages.reduce((sum, { tookMs }) => sum + tookMs, 0) / 1_000).toFixed(2)),
      'active',
    ],
  ])
  return tableText(['sector', 'kind', 'stage', 'seconds', 'result'], rows)
}
