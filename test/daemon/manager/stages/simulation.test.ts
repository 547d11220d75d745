import { expect } from 'chai'
import type { WorkerView } from '../../../../daemon/manager/stages/scheduler/world.js'
import { leastMinutes, simulate } from './simulated-cluster.js'
import { GIB, path, worker } from './world-under-test.js'

/** Of a sector of 32 GiB, as operators tell of their machines. */
const MINUTES = { AP: 5, PC1: 180, PC2: 15, WAIT: 80, C1: 1, C2: 16, FINALIZE: 10 } as const
const PC1_MACHINES = 24
const PC2_MACHINES = 8
const C2_MACHINES = 9

/**
 * 50 workers: 24 machines for AP and PC1, on whose paths 8 workers for PC2 with a GPU each work too (three machines share one path), 9 machines for C2
 * without any storage, and 9 sealers that wait for the chain and bring sealed sectors to their stores.
 */
function cluster(): WorkerView[] {
  const sealing = (index: number) => path(`path ${index % PC2_MACHINES}`)
  return [
    ...Array.from({ length: PC1_MACHINES }, (_, index) =>
      worker(`p1-${index}`, { kinds: new Set(['AP', 'PC1']), paths: [sealing(index)], memoryBytes: 720 * GIB }),
    ),
    ...Array.from({ length: PC2_MACHINES }, (_, index) =>
      worker(`p2-${index}`, {
        kinds: new Set(['PC2', 'C1']),
        paths: [sealing(index)],
        gpus: ['0'],
        memoryBytes: 128 * GIB,
      }),
    ),
    ...Array.from({ length: C2_MACHINES }, (_, index) =>
      worker(`c2-${index}`, { kinds: new Set(['C2']), paths: [], gpus: ['0'], memoryBytes: 256 * GIB }),
    ),
    ...Array.from({ length: 9 }, (_, index) =>
      worker(`sealer-${index}`, {
        kinds: new Set(['WAIT', 'FINALIZE']),
        paths: [path(`store ${index}`, { canSeal: false, canStore: true })],
      }),
    ),
  ]
}

describe('manager: 50 stage workers and 2,000 sectors on a fake clock', function () {
  this.timeout(60_000)

  it('break no memory rule, let nothing starve, and need at most a tenth more than the critical path', () => {
    const workers = cluster()
    const begin = performance.now()
    // (720 − 56) / 64 GiB, one of which the AP of the next sectors take.
    const options = { workers, sectors: 2_000, maxSealing: 420, minutes: MINUTES, copyMinutes: 5 }
    const outcome = simulate(options)
    const took = performance.now() - begin
    const places = { PC1: PC1_MACHINES * 10, PC2: PC2_MACHINES, C2: C2_MACHINES }
    const bound = leastMinutes(options, places)
    console.log(
      `      2,000 sectors: ${outcome.makespanMinutes} minutes, critical path ${Math.ceil(bound)}, ` +
        `${outcome.claims} tasks (${Math.round((outcome.claims / took) * 1_000)} claims/s of the scheduler alone), ` +
        `longest waits ${JSON.stringify(outcome.longestWait)} minutes`,
    )
    expect(outcome.done).to.equal(2_000)
    expect(workers).to.have.length(50)
    expect(outcome.makespanMinutes).to.be.at.most(bound * 1.1)
    for (const { machine, memoryBytes } of workers)
      expect(outcome.mostMemory.get(machine) ?? 0, machine).to.be.at.most(memoryBytes)
    expect(outcome.mostInFlight).to.equal(420)
    expect(Math.max(...Object.values(outcome.longestWait)), 'minutes that a task waited').to.be.below(24 * 60)
  })
})
