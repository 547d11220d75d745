import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect } from 'chai'
import { systemClock } from '../../../../daemon/kit/clock.js'
import { silentLog } from '../../../../daemon/kit/log.js'
import { attachPath } from '../../../../daemon/kit/sealing/path-identity.js'
import { StagePaths } from '../../../../daemon/worker/stage-mode/stage-paths.js'

describe('worker: the paths of a stage worker', () => {
  let home: string
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'stage-paths-'))
  })
  afterEach(() => rm(home, { recursive: true, force: true }))

  it('a hung mount is touched once, and counts again when it answers; the others go on without it', async () => {
    const [hung, well] = [join(home, 'hung'), join(home, 'well')]
    for (const path of [hung, well]) await attachPath(home, path, { init: true, seal: true, store: false, weight: 1 })
    let touched = 0
    let answer = (): void => {}
    const answered = new Promise<void>(resolve => {
      answer = resolve
    })
    const touch = async (path: string): Promise<string> => {
      if (path !== hung) return path
      touched++
      await answered
      return path
    }
    const paths = new StagePaths(home, silentLog, systemClock, async () => new Map(), { touch, ms: 400 })
    const roots = async (): Promise<string[]> => (await paths.open()).map(({ root }) => root)
    expect(await Promise.all([roots(), roots()])).to.deep.equal([[well], [well]])
    const askedAt = performance.now()
    expect(await roots()).to.deep.equal([well])
    expect(performance.now() - askedAt, 'ms waited for what is late already').to.be.lessThan(300)
    expect(touched).to.equal(1)
    answer()
    await nextTurn()
    expect(await roots()).to.deep.equal([hung, well])
  })
})
