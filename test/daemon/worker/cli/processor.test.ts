import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { processorCommand } from '../../../../daemon/worker/cli/processor.js'
import { readyLine } from '../../../../rpc-schema/processor/frames.js'
import { STAGE_NAMES } from '../../../../rpc-schema/processor/stages.js'

const WORKER = fileURLToPath(new URL('../../../../bin/damocles-worker.js', import.meta.url))

/** Runs the worker's command line to its end, with nothing on stdin. */
async function run(...args: string[]): Promise<{ stdout: string; stderr: string; code: number }> {
  const running = promisify(execFile)(process.execPath, [WORKER, ...args])
  running.child.stdin!.end()
  return await running.then(
    ({ stdout, stderr }) => ({ stdout, stderr, code: 0 }),
    ({ stdout, stderr, code }) => ({ stdout, stderr, code }),
  )
}

describe('damocles-worker processor', () => {
  it('has every stage, with underscores and with hyphens', () => {
    const names = processorCommand().commands.map(command => [command.name(), ...command.aliases()])
    expect(names).to.deep.equal(
      STAGE_NAMES.map(stage => (stage.includes('_') ? [stage, stage.replaceAll('_', '-')] : [stage])),
    )
    expect(names.flat()).to.include.members(['unseal', 'c1', 'synth_proof', 'add-pieces', 'window-post'])
  })

  for (const stage of STAGE_NAMES) {
    it(`S000-35: ${stage} says that it is ready, whatever flags older processors knew`, async function () {
      this.timeout(60_000)
      const { stdout } = await run('processor', stage.replaceAll('_', '-'), '--sector_size', '32GiB', '--level=debug')
      expect(stdout).to.equal(`${readyLine(stage)}\n`)
    })
  }

  it('says which checks of a copy there are', async function () {
    this.timeout(60_000)
    const { stderr, code, stdout } = await run('processor', 'transfer', '--verify', 'md5')
    expect([code, stdout]).to.deep.equal([1, ''])
    expect(stderr).to.contain('Allowed choices are off, size, hash')
  })
})
