import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { controlCommand } from '../../../../daemon/worker/cli/control.js'
import type { ControlTerminal } from '../../../../daemon/worker/cli/control-session.js'
import { WorkerBench } from '../support/bench.js'
import { FakeClock } from '../support/fake-clock.js'

/** A terminal that is looked at instead of looked upon. */
class FakeTerminal implements ControlTerminal {
  readonly clock = new FakeClock()
  readonly interrupt = new AbortController()
  text = ''
  exitCode = 0
  readonly output: { isTTY: boolean; write: (text: string) => unknown }

  constructor(isTTY = false) {
    this.output = { isTTY, write: text => (this.text += text) }
  }

  interruption() {
    return { signal: this.interrupt.signal, done: () => {} }
  }

  setExitCode(code: number): void {
    this.exitCode = code
  }

  get lines(): string[] {
    return this.text.trimEnd().split('\n')
  }
}

describe('damocles-worker worker', () => {
  let bench: WorkerBench
  let terminal: FakeTerminal

  beforeEach(async () => {
    bench = await WorkerBench.make()
    terminal = new FakeTerminal()
  })
  afterEach(() => bench.close())

  const control = (...args: string[]): Promise<unknown> =>
    controlCommand(terminal)
      .exitOverride()
      .parseAsync(['-H', new URL(bench.worker!.address).host, ...args], { from: 'user' })
  const said = async (...args: string[]): Promise<string> => {
    terminal.text = ''
    await control(...args)
    return terminal.text.trimEnd()
  }
  const paused = (index = 0) => bench.until(() => bench.threads[index]!.thread_state.state === 'Paused', 'a pause')
  /** Holds a stage; calling what it gives lets it go on. */
  const hold = (name: string) => {
    let release = (): void => {}
    const held = new Promise<void>(resolve => {
      release = resolve
    })
    let reached = false
    bench.processors.gate(({ stage }, when) => {
      if (stage !== name || when !== 'before') return
      reached = true
      return held
    })
    return { release, reached: () => bench.until(() => reached, name) }
  }

  it('S000-41 S000-44: list and resume find the worker by its configuration file', async () => {
    const { release, reached } = hold('c2')
    await bench.start()
    await reached()
    const file = join(bench.dir, 'w.toml')
    const { port } = new URL(bench.worker!.address)
    await writeFile(file, `[worker]\nrpc_server.host = "0.0.0.0"\nrpc_server.port = ${port}\n`)
    const byFile = async (...args: string[]): Promise<string> => {
      terminal.text = ''
      await controlCommand(terminal).parseAsync(['-c', file, ...args], { from: 'user' })
      return terminal.text.trimEnd()
    }
    expect(await byFile('list')).to.contain(bench.thread.location)
    bench.thread.pause()
    release()
    await paused()
    expect(await byFile('resume', '-i', '0')).to.equal('#0 resumed: s-t010000-1 goes on in state C2Done')
    await bench.until(() => bench.manager.sector(1).finalized)
  })

  it('S000-42: list --format old prints the lines of old workers', async () => {
    await bench.start()
    await bench.until(() => bench.manager.sectors.size > 0 && bench.manager.sector(1).finalized)
    await bench.settle(() => bench.threads[0]!.thread_state.state === 'Idle')
    const line = `#0: "${bench.thread.location}"; plan=sealer, sector_id=None, paused=false, paused_elapsed=None, state=Empty, last_err=None`
    expect(await said('list', '--format', 'old')).to.equal(line)
  })

  it('pause says when it takes effect, what is on its way, and what was so already', async () => {
    const { release, reached } = hold('pc2')
    await bench.start()
    await reached()
    expect(await said('pause', '-i', '0')).to.equal('#0 will pause after PC2 of s-t010000-1')
    expect(await said('pause', '-i', '0')).to.equal(
      '#0 nothing done: a pause is on its way already, after PC2 of s-t010000-1',
    )
    release()
    await paused()
    expect(await said('pause', '-i', '0')).to.equal('#0 was paused already: sector s-t010000-1 stays in state PC2Done')
    expect(JSON.parse(await said('pause', '-i', '0', '--json'))).to.deep.equal({
      index: 0,
      done: false,
      thread: bench.threads[0],
    })
    expect(terminal.exitCode).to.equal(0)
  })

  it('resume fails only when a state cannot be set', async () => {
    const { release, reached } = hold('pc2')
    await bench.start()
    await reached()
    expect(await said('resume', '-i', '0')).to.equal('#0 nothing done: it is not paused (Running(0s) fake pc2)')
    expect(terminal.exitCode).to.equal(0)
    expect(JSON.parse(await said('resume', '-i', '0', '-s', 'PC1Done', '--json'))).to.deep.include({ done: false })
    expect(terminal.exitCode).to.equal(1)
    bench.thread.pause()
    release()
    await paused()
    const refused = await control('resume', '-i', '0', '-s', 'Nowhere').catch((error: Error) => error.message)
    expect(refused).to.contain('unknown state "Nowhere"')
    expect(await said('resume', '-i', '0', '-s', 'TreeDBuilt')).to.equal(
      '#0 resumed: s-t010000-1 goes on in state TreeDBuilt',
    )
  })

  it('a pause of an idle thread', async () => {
    await bench.start()
    await bench.until(() => bench.manager.sectors.size > 0 && bench.manager.sector(1).finalized)
    await bench.settle(() => bench.threads[0]!.thread_state.state === 'Idle')
    bench.thread.pause()
    await paused()
    expect(await said('pause', '-i', '0')).to.equal('#0 was paused already: it has no sector')
    expect(await said('resume', '-i', '0')).to.equal('#0 resumed')
  })

  it('list --watch shows the threads again until Ctrl-C, and says when the worker does not answer', async () => {
    await bench.start()
    await bench.until(() => bench.manager.sectors.size > 0 && bench.manager.sector(1).finalized)
    const watching = control('list', '--json', '--watch', '5')
    await bench.settle(() => terminal.clock.sleepers === 1)
    expect(JSON.parse(terminal.lines[0]!)).to.deep.equal(bench.threads)
    terminal.clock.advance(4_999)
    expect(terminal.lines).to.have.length(1)
    await bench.worker!.stop()
    terminal.clock.advance(1)
    await bench.settle(() => terminal.clock.sleepers === 1)
    expect(terminal.lines).to.have.length(2)
    expect(terminal.lines[1]).to.contain('ECONNREFUSED')
    terminal.interrupt.abort()
    await watching
    expect(terminal.exitCode).to.equal(0)
  })

  it('list --watch draws the table again on a terminal, every two seconds', async () => {
    terminal = new FakeTerminal(true)
    await bench.start()
    const watching = control('list', '--watch')
    await bench.settle(() => terminal.clock.sleepers === 1)
    terminal.clock.advance(2_000)
    await bench.settle(() => terminal.text.split('\x1b[H').length === 4)
    terminal.interrupt.abort()
    await watching
    expect(terminal.text.startsWith('\x1b[H\x1b[2J\x1b[H#')).to.equal(true)
  })

  it('refuses what is no time to wait', async () => {
    await bench.start()
    for (const text of ['0', 'soon', '-1']) {
      const command = controlCommand(terminal).configureOutput({ writeErr: () => {} })
      for (const sub of command.commands) sub.exitOverride().configureOutput({ writeErr: () => {} })
      const refused = await command.parseAsync(['list', `--watch=${text}`], { from: 'user' }).then(
        () => undefined,
        (error: { code: string }) => error.code,
      )
      expect(refused, text).to.equal('commander.invalidArgument')
    }
  })

  it('drain says of every thread what it does', async () => {
    bench.threadCount = 3
    bench.sealing = 'seal_interval = "10s"'
    const { release, reached } = hold('pc1')
    await bench.start()
    await reached()
    await bench.until(() => bench.threads.every(thread => thread.job_stage === 'PC1'))
    bench.worker!.threads[1]!.pause()
    const sector = (index: number) => bench.threads[index]!.job_id
    expect(await said('drain', '-i', '2')).to.equal(`#2 finishes PC1 of ${sector(2)} and takes no other`)
    expect(await said('drain', '--undo', '-i', '0')).to.equal('#0 was not draining')
    release()
    await paused(1)
    expect((await said('drain')).split('\n')[1]).to.equal(
      `#1 is paused with ${sector(1)}: it drains once it is resumed`,
    )
    await bench.until(() => bench.threads[0]!.drain === 'drained' && bench.threads[2]!.drain === 'drained')
    expect((await said('drain')).split('\n')[0]).to.equal('#0 has no sector and takes none')
    expect(await said('list')).to.match(/Idle drained/)
    expect(await said('resume', '-i', '0')).to.equal('#0 takes new sectors again')
    expect(JSON.parse(await said('drain', '--undo', '--json')).changed).to.deep.equal([1, 2])
  })

  it('drain --wait shows how it goes and ends when no thread has a sector', async () => {
    bench.sealing = 'seal_interval = "10s"'
    const { release, reached } = hold('pc1')
    await bench.start()
    await reached()
    const waiting = control('drain', '--wait')
    await bench.settle(() => terminal.clock.sleepers === 1)
    expect(terminal.lines).to.deep.equal([
      '#0 finishes PC1 of s-t010000-1 and takes no other',
      '0 of 1 drained; #0 PC1 of s-t010000-1 Running(0s) fake pc1',
    ])
    release()
    await bench.until(() => bench.threads[0]!.drain === 'drained')
    terminal.clock.advance(2_000)
    await waiting
    expect(terminal.lines.at(-1)).to.equal('#0 has no sector any more')
    expect(terminal.exitCode).to.equal(0)
  })

  it('drain --wait ends when it is interrupted, and when someone lifts the drain', async () => {
    const { reached } = hold('pc1')
    await bench.start()
    await reached()
    const interrupted = control('drain', '--wait')
    await bench.settle(() => terminal.clock.sleepers === 1)
    terminal.interrupt.abort()
    await interrupted
    expect(terminal.exitCode).to.equal(130)
    expect(terminal.lines.at(-1)).to.contain('the threads drain on')
    expect(bench.threads[0]!.drain).to.equal('draining')
    terminal = new FakeTerminal()
    const lifted = control('drain', '--wait').catch((error: Error) => error.message)
    await bench.settle(() => terminal.clock.sleepers === 1)
    bench.thread.drain(false)
    terminal.clock.advance(2_000)
    expect(await lifted).to.equal('the drain of #0 was lifted')
  })

  it('a dump needs a directory that is there', async () => {
    await bench.start()
    const refused = (...args: string[]) =>
      control('enable-dump', '--child-pid', '1', ...args).catch((e: Error) => e.message)
    expect(await refused('--dump-dir', join(bench.dir, 'nowhere'))).to.contain('cannot be used for answers')
    await writeFile(join(bench.dir, 'file'), '')
    expect(await refused('--dump_dir', join(bench.dir, 'file'))).to.contain('is not a directory')
    expect(await said('enable_dump', '--child_pid', '7', '--dump-dir', bench.dir)).to.contain('processor 7')
    expect(await said('disable-dump', '--child-pid', '7')).to.equal('answers of processor 7 are not kept any more')
  })
})
