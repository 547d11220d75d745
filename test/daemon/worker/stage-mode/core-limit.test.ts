import { expect } from 'chai'
import { allowedCpus } from '../../../../daemon/worker/hardware/allowed-cpus.js'
import { DEFAULT_CHILD } from '../../../../daemon/worker/processors/processors.js'
import { checkChildrenWithin, limitedCpus } from '../../../../daemon/worker/stage-mode/core-limit.js'

/** So many cores; processor n and n + cores are threads of the same. */
const machine = (cores: number, threads: 1 | 2) =>
  Array.from({ length: cores * threads }, (_, index) => ({ index, core: index % cores }))

describe('worker: its share of the cores (S002-27)', () => {
  it('is a part of the whole cores; every core counts once, whatever threads it has', () => {
    expect(limitedCpus('75%', machine(4, 2))).to.deep.equal([0, 1, 2, 4, 5, 6])
    expect(limitedCpus('75-100%', machine(4, 2))).to.deep.equal([3, 7])
    expect(limitedCpus('100%', machine(2, 1))).to.deep.equal([0, 1])
  })

  it('has no core in common with the others, and none is left', () => {
    for (let cores = 4; cores < 40; cores++) {
      const all = ['20%', '20-75%', '75-100%'].flatMap(share => limitedCpus(share, machine(cores, 1)))
      expect(all, `${cores} cores`).to.have.length(cores)
      expect(new Set(all).size, `${cores} cores`).to.equal(cores)
    }
  })

  it('may be named by its processors, as long as they are there', () => {
    expect(limitedCpus('0-1,3', machine(4, 1))).to.deep.equal([0, 1, 3])
    expect(() => limitedCpus('2-5', machine(4, 1))).to.throw(
      'processors 4-5 are not there for this worker, which has 0-3',
    )
  })

  it('is refused when it is none', () => {
    for (const share of ['0%', '75-75%', '90-75%', '120%'])
      expect(() => limitedCpus(share, machine(8, 1)), share).to.throw('expected a share')
    expect(() => limitedCpus('10%', machine(2, 1))).to.throw('10% of 2 cores is not one core')
    expect(() => limitedCpus('most', machine(2, 1))).to.throw('expected a list of processors')
  })

  it('holds for children, too: none is put elsewhere by its entry', async function () {
    const allowed = await allowedCpus()
    if (allowed === undefined) return this.skip()
    const entry = (cpuset: string) => ({ pc1: [{ ...DEFAULT_CHILD, cgroup: { ...DEFAULT_CHILD.cgroup, cpuset } }] })
    await checkChildrenWithin(entry([...allowed].join(',')))
    const text = await checkChildrenWithin(entry('4000')).catch((error: Error) => error.message)
    expect(text).to.contain("processors.pc1[0].cgroup.cpuset: processors 4000 are not the worker's")
  })
})
