import { expect } from 'chai'
import { demandOf } from '../../../../daemon/kit/sealing/sector-demand.js'
import {
  type CapacityPlan,
  type Goal,
  type Impossible,
  planCapacity,
} from '../../../../daemon/worker/capacity-plan/capacity-plan.js'
import type { StoreRoom } from '../../../../daemon/worker/capacity-plan/permits.js'
import { permitTable } from '../../../../daemon/worker/capacity-plan/plan-report.js'
import type { Machine } from '../../../../daemon/worker/hardware/machine.js'
import { GIB, gpu, sketch, TIB } from './machines.js'

const store = (path: string, freeBytes: number, more: Partial<StoreRoom> = {}): StoreRoom => ({
  path,
  disk: path,
  freeBytes,
  isStore: false,
  ...more,
})

const GOAL: Goal = {
  sectorSize: 32 * GIB,
  headroom: 1,
  gpuRoles: ['c2', 'pc2'],
  minutes: {},
  stores: [store('/seal', 100 * TIB)],
}

function planned(machine: Machine, goal: Partial<Goal> = {}): CapacityPlan {
  const result = planCapacity(machine, { ...GOAL, ...goal })
  if ('impossible' in result) throw new Error(result.impossible.lacks.join('\n'))
  return result.plan
}

function refused(machine: Machine, goal: Partial<Goal> = {}): Impossible {
  const result = planCapacity(machine, { ...GOAL, ...goal })
  if ('plan' in result) throw new Error(`planned ${result.plan.sectors}`)
  return result.impossible
}

describe('capacity plan', () => {
  it('S002-34 S002-35: 32 GiB take 56 GiB + 64 GiB of memory and 520 GiB of disk a sector', () => {
    expect(demandOf(32 * GIB)).to.deep.include({
      sharedMemoryBytes: 56 * GIB,
      memoryBytes: 64 * GIB,
      diskBytes: 520 * GIB,
    })
    const whole = sketch({ memoryGib: 56 + 5 * 64 })
    expect(planned(whole, { headroom: 0 }).sectors).to.equal(5)
    expect(planned(sketch({ memoryGib: 56 + 5 * 64 - 1 }), { headroom: 0 }).sectors).to.equal(4)
    expect(planned(whole, { headroom: 0, stores: [store('/a', 3.9 * 520 * GIB)] }).sectors).to.equal(3)
  })

  it('S002-36 S002-37: 64 GiB take 112 GiB + 128 GiB of memory and 1 TiB of disk a sector', () => {
    expect(demandOf(64 * GIB)).to.deep.include({
      sharedMemoryBytes: 112 * GIB,
      memoryBytes: 128 * GIB,
      diskBytes: TIB,
    })
    const machine = sketch({ memoryGib: 112 + 3 * 128 })
    expect(planned(machine, { sectorSize: 64 * GIB, headroom: 0 }).sectors).to.equal(3)
    expect(planned(machine, { sectorSize: 64 * GIB, headroom: 0, stores: [store('/a', 2.5 * TIB)] }).sectors).to.equal(
      2,
    )
  })

  it('S002-38: 1024 GiB permit 7.125 sectors of 64 GiB; six are planned, on 6 TiB', () => {
    const plan = planned(sketch({ memoryGib: 1024 }), { sectorSize: 64 * GIB })
    expect(plan.permits[0]).to.deep.include({ resource: 'memory', permits: 7.125 })
    expect(plan.sectors).to.equal(6)
    expect(plan.why).to.contain('memory permits 7.125, 1 held back')
    expect(plan.sectors * plan.demand.diskBytes).to.equal(6 * TIB)
    expect(
      planned(sketch({ memoryGib: 1024 }), { sectorSize: 64 * GIB, stores: [store('/s', 6 * TIB)] }).sectors,
    ).to.equal(6)
    expect(permitTable(plan)).to.match(/│ memory +│ 1\.00 TiB less 112\.00 GiB cache +│ 128\.00 GiB +│ 7\.125 +│ yes/)
  })

  it('S002-39: memory first, then the disk; too few processors only make it slower', () => {
    const plan = planned(sketch({ memoryGib: 1024, nodes: 1, l3sPerNode: 1 }), { stores: [store('/s', 50 * TIB)] })
    expect(plan.permits.map(permit => permit.resource)).to.deep.equal(['memory', 'disk'])
    expect(plan.binding).to.deep.equal(['memory'])
    expect(plan.sectors).to.equal(14)
    expect(plan.notes.join()).to.contain('14 PC1 share the cores of 1: nothing breaks')
    const onDisk = planned(sketch({ memoryGib: 1024 }), { stores: [store('/s', 5 * 520 * GIB)] })
    expect(onDisk).to.deep.include({ sectors: 5, binding: ['disk'] })
    expect(onDisk.why).to.contain('the disk permits no more')
  })

  describe('S002-40: GPUs go to window PoSt, then C2, then PC2', () => {
    const roles = ['pc2', 'c2', 'wdpost'] as const
    const given = (count: number): [number[], number[], number[], boolean] => {
      const gpus = Array.from({ length: count }, () => gpu('RTX 3090', 24))
      const { byRole, shared } = planned(sketch({ memoryGib: 512, gpus }), { gpuRoles: roles }).gpus
      const devices = (role: keyof typeof byRole): number[] => byRole[role].map(({ device }) => device)
      return [devices('wdpost'), devices('c2'), devices('pc2'), shared]
    }

    it('one to each while there are some', () => {
      expect(given(0)).to.deep.equal([[], [], [], false])
      expect(given(1)).to.deep.equal([[0], [], [], false])
      expect(given(3)).to.deep.equal([[0], [1], [2], false])
    })

    it('PC2 takes turns with C2, and nobody with window PoSt', () => {
      expect(given(2)).to.deep.equal([[0], [1], [1], true])
    })

    it('more only where the sectors need them', () => {
      const gpus = Array.from({ length: 8 }, () => gpu('RTX 3090', 24))
      const few = planned(sketch({ memoryGib: 512, gpus }))
      expect([few.gpus.byRole.c2.length, few.gpus.byRole.pc2.length]).to.deep.equal([1, 1])
      expect(few.notes.join()).to.contain('not needed: GPU 2')
      const many = planned(sketch({ memoryGib: 4096, gpus }))
      const need = many.sectors / 287
      expect(many.gpus.byRole.c2.length).to.equal(Math.ceil(16 * need))
      expect(many.gpus.byRole.pc2.length).to.equal(Math.ceil(13 * need))
    })

    it('the largest memory to the more important, with a warning when it is small', () => {
      const gpus = [gpu('small', 6), gpu('large', 24)]
      const { byRole, notes } = planned(sketch({ memoryGib: 512, gpus })).gpus
      expect(byRole.c2[0]!.device).to.equal(1)
      expect(byRole.pc2[0]!.device).to.equal(0)
      expect(notes).to.deep.equal([])
      const warned = planned(sketch({ memoryGib: 512, gpus: [gpu('3060Ti', 8)] })).notes
      expect(warned[0]).to.contain('GPU 0 (3060Ti) has 8.00 GiB; c2 of full-size sectors wants 10.00 GiB')
    })

    it('cards of others are told of, not assigned', () => {
      const plan = planned(sketch({ memoryGib: 512, gpus: [{ name: 'MI100', vendor: 'AMD' }] }))
      expect(plan.gpus.byRole.c2).to.deep.equal([])
      expect(plan.notes.join()).to.contain('1 GPU not of NVIDIA')
    })
  })

  it('window PoSt takes its memory before anything is sealed', () => {
    const machine = sketch({ memoryGib: 56 + 120 + 3 * 64 })
    expect(planned(machine, { headroom: 0 }).sectors).to.equal(4)
    const posting = planned(machine, { headroom: 0, gpuRoles: ['wdpost'] })
    expect(posting.sectors).to.equal(3)
    expect(posting.permits[0]!.has).to.contain('120.00 GiB for window PoSt')
  })

  it('a container is planned by its limit', () => {
    const machine = sketch({ memoryGib: 1024 })
    const limited = { ...machine, memory: { ...machine.memory, limitBytes: (56 + 64) * GIB } }
    expect(planned(limited).sectors).to.equal(1)
    expect(planned(limited).why).to.contain('too few to hold one back')
  })

  it('says what a machine lacks for a single sector, by how much', () => {
    const { lacks, permits } = refused(sketch({ memoryGib: 24 }), { stores: [store('/s', 100 * GIB)] })
    expect(lacks).to.deep.equal([
      '96.00 GiB of memory: 56.00 GiB cache and 1 × 64.00 GiB are 120.00 GiB, there are 24.00 GiB',
      '420.00 GiB of disk space: 1 × 520.00 GiB are 520.00 GiB, there are 100.00 GiB free on 1 disk for 1 directory',
    ])
    expect(permits.map(permit => Math.floor(permit.permits))).to.deep.equal([0, 0])
  })

  it('says what a machine lacks for the threads asked for', () => {
    const machine = sketch({ memoryGib: 1024 })
    expect(planned(machine, { threads: 15 }).sectors).to.equal(15)
    expect(refused(machine, { threads: 16 }).lacks).to.deep.equal([
      '56.00 GiB of memory: 56.00 GiB cache and 16 × 64.00 GiB are 1.05 TiB, there are 1.00 TiB',
    ])
    const pieces = [store('/a', 800 * GIB), store('/b', 800 * GIB)]
    expect(refused(machine, { threads: 3, stores: pieces }).lacks[0]).to.contain('room for 1 more sealing stores')
  })

  it('stores on one disk share it, a sealing store takes one thread', () => {
    const stores = [
      store('/d/1', 3 * 520 * GIB, { disk: '/d' }),
      store('/d/2', 3 * 520 * GIB, { disk: '/d' }),
      store('/e', 10 * 520 * GIB, { isStore: true }),
    ]
    const plan = planned(sketch({ memoryGib: 2048 }), { stores })
    expect(plan.threadsByStore).to.deep.equal([2, 1, 1])
    expect(plan.sectors).to.equal(4)
  })

  describe('a pace', () => {
    const machine = sketch({ memoryGib: 1024, gpus: [gpu('a', 24), gpu('b', 24)] })

    it('is reached with the fewest sectors', () => {
      const plan = planned(machine, { sectorsPerDay: 20 })
      expect(plan.perDay).to.be.at.least(20)
      const fewer = planned(machine, { threads: plan.sectors - 1 })
      expect(fewer.perDay).to.be.below(20)
    })

    it('is predicted by the model of sealing threads', () => {
      const plan = planned(machine)
      const cycle = 1 + 177 + 13 + 80 + 16
      expect(plan.perDay).to.be.closeTo((plan.sectors * 1_440) / cycle, 1)
      expect(planned(machine, { minutes: { pc1: 354 } }).perDay).to.be.closeTo(
        (plan.sectors * 1_440) / (cycle + 177),
        1,
      )
    })

    it('says what it would take when memory is too small', () => {
      const { lacks } = refused(machine, { sectorsPerDay: 80 })
      expect(lacks[0]).to.match(/14 sectors at once are expected to give [\d.]+ a day, not 80; that takes 16 sectors/)
      expect(lacks[1]).to.contain('of memory: 56.00 GiB cache and 16 × 64.00 GiB')
    })

    it('says which stage holds it up', () => {
      const slow = sketch({ memoryGib: 1024 })
      expect(refused(slow, { sectorsPerDay: 50 }).lacks[0]).to.contain(
        'pc2 (1 at once, 244 minutes each) does 5.902 a day at most: it needs 9 at once',
      )
    })

    it('counts a GPU that two stages share once', () => {
      const shared = planned(sketch({ memoryGib: 2048, gpus: [gpu('a', 24)] }))
      expect(shared.gpus.shared).to.equal(true)
      expect(shared.perDay).to.be.closeTo(1_440 / (13 + 16), 0.01)
    })

    it('of trial sectors is unknown until times are given', () => {
      const goal = { sectorSize: 2048, sectorsPerDay: 10 }
      expect(refused(machine, goal).lacks[0]).to.contain('give --pc1-mins')
      const minutes = { treeD: 1, pc1: 1, pc2: 1, c2: 1, seed: 1 }
      expect(planned(machine, { ...goal, minutes }).sectors).to.equal(1)
    })
  })

  it('small sectors take their part of 32 GiB, and no less than programs need', () => {
    expect(demandOf(512 * 1024 ** 2)).to.deep.include({
      sharedMemoryBytes: (56 * GIB) / 64,
      memoryBytes: GIB,
      diskBytes: (520 * GIB) / 64,
      forTrials: true,
    })
    expect(demandOf(2048).memoryBytes).to.equal(GIB / 2)
    const small = sketch({ memoryGib: 24, nodes: 1, l3sPerNode: 1, coresPerL3: 2 })
    expect(planned(small, { sectorSize: 2048 })).to.deep.include({ sectors: 2, placement: undefined, binding: [] })
    expect(planned(sketch({ memoryGib: 1024 }), { sectorSize: 2048 }).sectors).to.equal(4)
  })
})
