import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { isTicketTooOld, ticketLifeMs } from '../../../../daemon/worker/plans/steps/ticket-age.js'
import { SealError } from '../../../../rpc-schema/seal-error.js'
import { WorkerBench } from '../support/bench.js'
import { forever } from '../support/cut-points.js'

const HOUR = 3_600_000

describe('the age of a ticket', () => {
  it('may be a day less two hours at the end of PC2, and half a year for a non-interactive proof', () => {
    expect(ticketLifeMs({ feature: 'none' }) / HOUR).to.equal(22)
    expect(ticketLifeMs({ feature: 'synthetic' }) / HOUR).to.equal(22)
    expect(ticketLifeMs({ feature: 'nonInteractive' }) / HOUR).to.equal(180 * 24 - 7.5 - 2)
  })

  const outlook = (age: number, remaining: number, afresh: number, life = 22) =>
    isTicketTooOld({ ageMs: age, remainingMs: remaining, afreshMs: afresh, lifeMs: life })

  it('counts with what is still to come', () => {
    expect(outlook(10, 12, 12)).to.equal(false)
    expect(outlook(10.1, 12, 12)).to.equal(true)
    expect(outlook(10.1, 6, 12)).to.equal(false)
  })

  it('is no reason to start over where a new one would not end younger', () => {
    expect(outlook(2, 28, 40)).to.equal(false)
    expect(outlook(20, 28, 40)).to.equal(true)
    expect(outlook(0, 40, 40)).to.equal(false)
  })

  describe('before PC1', () => {
    let bench: WorkerBench

    beforeEach(async () => {
      bench = await WorkerBench.make()
    })
    afterEach(() => bench.close())

    const sector = (number: number) => bench.manager.sector(number)
    const finished = (number: number) =>
      bench.until(() => bench.manager.sectors.size >= number && sector(number).finalized, 'the end of the sector')

    /** Seals a sector on a machine that takes 10 h for PC1 and 2 h for PC2. */
    async function measure(): Promise<void> {
      bench.processors.gate((call, when) => {
        if (when !== 'before') return
        if (call.stage === 'pc1') bench.clock.advance(10 * HOUR)
        if (call.stage === 'pc2') bench.clock.advance(2 * HOUR)
      })
      await bench.start()
      await finished(1)
      await bench.settle(() => bench.threads[0]!.thread_state.state === 'Idle')
      await bench.stop()
      bench.processors.gate(undefined)
    }

    /** Kills the worker in PC1, at a layer, and lets time pass. */
    async function cutFor(ms: number, number: number, at = 1): Promise<void> {
      let held = false
      bench.processors.onLayer = layer => {
        if (layer !== at) return
        held = true
        return forever()
      }
      await bench.start()
      await bench.until(() => held)
      await bench.stop()
      bench.processors.onLayer = undefined
      bench.processors.layersMade.length = 0
      bench.clock.advance(ms)
      await bench.start()
      await finished(number)
    }

    it('stages are measured, and remembered beside the store', async () => {
      await measure()
      const times = JSON.parse(await readFile(join(bench.store, 'stage-times.json'), 'utf8'))
      expect(times['pc1 2048']).to.have.length(1)
      expect(times['pc1 2048'][0] / HOUR).to.be.closeTo(10, 0.5)
      expect(times['pc2 2048'][0] / HOUR).to.be.closeTo(2, 0.5)
    })

    for (const [hours, tickets] of [
      [9, 1],
      [11, 2],
    ] as const) {
      it(`${hours} h old, with 12 h to go: ${tickets === 1 ? 'is kept' : 'another is asked for'}`, async () => {
        await measure()
        await cutFor(hours * HOUR, 2)
        expect(sector(2).tickets).to.have.length(tickets)
        expect(sector(2).preCommits[0]).to.contain(Buffer.from(sector(2).tickets.at(-1)!).toString('hex'))
        expect(sector(2).preCommits).to.have.length(1)
      })
    }

    it('a layer that is there makes the way shorter', async () => {
      await measure()
      await cutFor(14 * HOUR, 2, 2)
      expect(sector(2).tickets).to.have.length(1)
      expect(bench.processors.layersMade).to.deep.equal([2])
    })

    it('after too long a pause PC1 starts over, whatever it had', async () => {
      await measure()
      await cutFor(16 * HOUR, 2, 2)
      expect(sector(2).tickets).to.have.length(2)
      expect(bench.processors.layersMade).to.deep.equal([1, 2])
    })

    for (const [hours, tickets] of [
      [21, 1],
      [23, 2],
    ] as const) {
      it(`without measured times, ${hours} h old: ${tickets === 1 ? 'is kept' : 'another is asked for'}`, async () => {
        await cutFor(hours * HOUR, 1)
        expect(sector(1).tickets).to.have.length(tickets)
      })
    }

    it('of which nothing is known makes it ask for another', async () => {
      let held = false
      bench.processors.onLayer = () => {
        held = true
        return forever()
      }
      await bench.start()
      await bench.until(() => held)
      await bench.stop()
      bench.processors.onLayer = undefined
      const file = join(bench.store, 'meta/info.json')
      const record = JSON.parse(await readFile(file, 'utf8'))
      delete record.sealyard.ticket_assigned_at
      await writeFile(file, JSON.stringify(record))
      await bench.start()
      await finished(1)
      expect(sector(1).tickets).to.have.length(2)
    })

    it('does not count for a sector whose pre-commit may be on the chain: only its own ticket makes that replica', async () => {
      let held = false
      bench.manager.gate((call, when) => {
        if (call.method !== 'PollPreCommitState' || when !== 'before') return
        held = true
        throw new SealError('permanent', 'out')
      })
      await bench.start()
      await bench.until(() => held)
      bench.thread.pause()
      await bench.until(() => bench.threads[0]!.thread_state.state === 'Paused')
      bench.manager.gate(undefined)
      bench.clock.advance(200 * HOUR)
      await bench.thread.resume('TicketAssigned')
      await finished(1)
      expect(sector(1).tickets).to.have.length(1)
      expect(sector(1).preCommits).to.have.length(1)
    })

    it('with a file of times that cannot be read, only the age counts', async () => {
      await measure()
      await writeFile(join(bench.store, 'stage-times.json'), 'nonsense')
      await cutFor(15 * HOUR, 2)
      expect(sector(2).tickets).to.have.length(1)
    })
  })
})
