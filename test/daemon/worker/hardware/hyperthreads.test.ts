import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { statusText } from '../../../../daemon/worker/cli/hyperthreads.js'
import { coreShares, readHyperthreads, switchCpus } from '../../../../daemon/worker/hardware/hyperthreads.js'

describe('hyper-threads (S002-4)', () => {
  let sysRoot: string
  const cpu = (index: number, ...path: string[]): string => join(sysRoot, 'devices/system/cpu', `cpu${index}`, ...path)

  /** Two cores with two threads each, as a kernel shows them; the first processor cannot be switched off. */
  beforeEach(() => {
    sysRoot = mkdtempSync(join(tmpdir(), 'sys-'))
    for (const index of [0, 1, 2, 3]) {
      mkdirSync(cpu(index, 'topology'), { recursive: true })
      writeFileSync(cpu(index, 'topology/thread_siblings_list'), index % 2 === 0 ? '0,2\n' : '1,3\n')
      if (index > 0) writeFileSync(cpu(index, 'online'), '1\n')
    }
  })
  afterEach(() => rmSync(sysRoot, { recursive: true, force: true }))

  it('are told of, and what to do about them', async () => {
    const found = await readHyperthreads({ sysRoot })
    expect(found).to.deep.equal({ cores: 2, siblingsOn: [2, 3], off: [] })
    expect(statusText(found)).to.include('processors 2-3 are second threads').and.include('--really-do-it')
  })

  it('are switched off at the second thread of every core, and on again', async () => {
    await switchCpus([2, 3], false, { sysRoot })
    expect(readFileSync(cpu(3, 'online'), 'utf8')).to.equal('0')
    const found = await readHyperthreads({ sysRoot })
    expect(found).to.deep.equal({ cores: 2, siblingsOn: [], off: [2, 3] })
    expect(statusText(found)).to.include('nothing to do')
    await switchCpus(found.off, true, { sysRoot })
    expect((await readHyperthreads({ sysRoot })).siblingsOn).to.deep.equal([2, 3])
  })
})

describe('shares of the cores of a machine (S002-27)', () => {
  /** So many cores; processor n and n + cores are threads of the same. */
  const machine = (cores: number, threads: 1 | 2) =>
    Array.from({ length: cores * threads }, (_, index) => ({ index, core: index % cores }))

  it('75 % and 25 %, in whole cores, each core counted once whatever threads it has', () => {
    expect(coreShares(machine(8, 1), [75, 25])).to.deep.equal([
      [0, 1, 2, 3, 4, 5],
      [6, 7],
    ])
    expect(coreShares(machine(4, 2), [75, 25])).to.deep.equal([
      [0, 1, 2, 4, 5, 6],
      [3, 7],
    ])
  })

  it('leave nothing over by rounding, and nobody without a core', () => {
    expect(coreShares(machine(7, 1), [75, 25]).map(cpus => cpus.length)).to.deep.equal([5, 2])
    expect(coreShares(machine(8, 1), [50]).map(cpus => cpus.length)).to.deep.equal([4])
    expect(() => coreShares(machine(2, 1), [90, 10])).to.throw(RangeError, '10 % of 2 cores')
  })
})
