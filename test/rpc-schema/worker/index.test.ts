import { expect } from 'chai'
import { z } from 'zod'
import { SEALYARD_METHODS, workerService } from '../../../rpc-schema/worker/index.js'
import { ThreadInfo } from '../../../rpc-schema/worker/thread-info.js'
import {
  declarationOf,
  decodeParams,
  jsonText,
  type RecordedCall,
  roundTrip,
  vectorLines,
} from '../rpc/recorded-calls.js'

/** Requests that damocles's worker refused, too. */
const REFUSED = new Map([
  ['proto/wrong-type', 'an index is a number'],
  ['proto/missing-param', 'the number of parameters is exact'],
  ['proto/too-many', 'the number of parameters is exact'],
  ['proto/params-object', 'parameters are positional'],
])

const calls = (vectorLines('rpc/worker.jsonl') as RecordedCall[]).filter(call => call.tag !== 'proto/unknown-method')

describe('worker service', () => {
  it('declares every method that was recorded; every other is on the list of our own', () => {
    const recorded = new Set(calls.map(call => call.method))
    const damocles = Object.keys(workerService.methods).filter(name => !SEALYARD_METHODS.includes(name))
    expect([...recorded]).to.have.members(damocles.map(name => `VenusWorker.${name}`))
    expect(Object.keys(workerService.methods)).to.include.members([...SEALYARD_METHODS])
  })

  for (const call of calls) {
    const declaration = declarationOf(workerService, call.method)!
    const reason = REFUSED.get(call.tag)
    if (reason !== undefined) {
      it(`${call.tag}: refused, ${reason}`, () => {
        expect(() => {
          if (!Array.isArray(call.params)) throw new TypeError('not an array')
          decodeParams(declaration, call.params)
        }).to.throw()
      })
      continue
    }
    it(`${call.tag}: parameters decode`, () => {
      decodeParams(declaration, call.params ?? [])
    })
    if (call.error === undefined) {
      it(`${call.tag}: the result is written as it was read, keys in the same order`, () => {
        const written = roundTrip(declaration.result, call.result)
        expect(jsonText(written)).to.equal(jsonText(call.result))
      })
    }
  }

  it('knows the four thread states', () => {
    const info = {
      index: 0,
      job_id: null,
      job_stage: null,
      job_state: '',
      last_error: null,
      location: '-',
      plan: 'wdpost',
    }
    const states = [
      { state: 'Idle' },
      { elapsed: 1, state: 'Paused' },
      { elapsed: 1, proc: null, state: 'Running' },
      { elapsed: 1, state: 'Waiting' },
    ]
    for (const thread_state of states) {
      expect(roundTrip(ThreadInfo, { ...info, thread_state })).to.deep.equal({ ...info, thread_state })
    }
    const more = {
      ...info,
      thread_state: states[2],
      drain: 'draining',
      progress: { eta: 60, percent: 37.5, step: 'layer 4' },
    }
    expect(roundTrip(ThreadInfo, more)).to.deep.equal(more)
    expect(z.safeDecode(ThreadInfo, { ...info, thread_state: { state: 'Sleeping' } } as never).success).to.equal(false)
  })
})
