import { expect } from 'chai'
import { z } from 'zod'
import {
  AnyRequestFrame,
  AnyResponseFrame,
  ProgressFrame,
  parseReadyLine,
  readyLine,
  requestFrame,
  responseFrame,
} from '../../../rpc-schema/processor/frames.js'
import { proverId } from '../../../rpc-schema/processor/sector.js'
import { isStage, STAGE_NAMES, STAGES } from '../../../rpc-schema/processor/stages.js'
import { vectorLines } from '../rpc/recorded-calls.js'

interface Line {
  stage: string
  dir: 'in' | 'out'
  line: string
  note: string
}

const lines = vectorLines('rpc/processor.jsonl') as Line[]

/** Lines that damocles's processors do not answer. */
const NOT_ANSWERED = new Map([
  ['bad line: no reply, logged', 'not JSON'],
  ['no task: no reply', 'no task'],
  ['task of the wrong shape: no reply', 'pieces are required'],
  ['unknown enum: no reply', 'unknown proof type'],
])

/** Tasks that the recorded processors took and that decode to less than they were. */
const NORMALISED = new Map([
  ['unknown field ignored; first reply after the bad lines has id 10', 'extra_field is dropped'],
])

describe('processor stages', () => {
  it('cover damocles’s stages and ours', () => {
    expect(STAGE_NAMES).to.include.members(
      'add_pieces tree_d pc1 pc2 c2 snap_encode snap_prove transfer window_post winning_post unseal'.split(' '),
    )
    expect(STAGE_NAMES).to.include.members(['c1', 'synth_proof', 'clear_cache', 'snap_vanilla'])
    for (const { stage } of lines) expect(isStage(stage), stage).to.equal(true)
    expect(isStage('toString')).to.equal(false)
  })

  it('have ready lines', () => {
    for (const { stage, line } of lines.filter(({ dir, line }) => dir === 'out' && !line.startsWith('{'))) {
      expect(readyLine(stage)).to.equal(line)
      expect(parseReadyLine(`${line}\n`)).to.equal(stage)
    }
    expect(parseReadyLine('pc1 processor starting')).to.equal(undefined)
    expect(parseReadyLine('a b processor ready')).to.equal(undefined)
  })

  for (const { stage, dir, line, note } of lines.filter(({ dir, line }) => dir === 'in' || line.startsWith('{'))) {
    if (!isStage(stage)) throw new Error(`no stage ${stage}`)
    const title = `${stage} ${dir}: ${line.slice(0, 60)}${note === '' ? '' : ` (${note})`}`
    const frame: z.ZodType = dir === 'in' ? requestFrame(STAGES[stage].task) : responseFrame(STAGES[stage].output)
    const refusal = NOT_ANSWERED.get(note)
    if (refusal !== undefined) {
      it(`${title} is refused: ${refusal}`, () => {
        expect(() => z.decode(frame, JSON.parse(line) as never)).to.throw()
      })
      continue
    }
    it(`${title} is written as it was read`, () => {
      const wire = JSON.parse(line) as { task?: Record<string, unknown> }
      const written = JSON.parse(JSON.stringify(z.encode(frame, z.decode(frame, wire as never)))) as unknown
      if (NORMALISED.has(note)) delete wire.task?.extra_field
      expect(JSON.stringify(written)).to.equal(JSON.stringify(wire))
    })
  }

  it('keep the insides of the phase outputs', () => {
    const c1out = {
      registered_proof: 'StackedDrg2KiBV1_1',
      vanilla_proofs: { StackedDrg2KiBV1: [[{ any: [1] }]] },
      seed: [1],
    }
    const task = z.decode(STAGES.c2.task, { c1out, prover_id: Array(32).fill(0), sector_id: 1, miner_id: 1000 })
    expect(task.c1out).to.deep.equal(c1out)
    expect(z.safeDecode(STAGES.c2.task, { ...task, c1out: { seed: [1] } } as never).success).to.equal(false)
  })

  it('name a byte that is none', () => {
    const output = z.safeDecode(STAGES.snap_prove.output, [1, 2, 256])
    expect(output.error?.issues[0]?.path).to.deep.equal([2])
  })
})

describe('processor frames', () => {
  it('can be read before the stage looks at them', () => {
    expect(z.decode(AnyRequestFrame, { id: 3, task: { anything: true } })).to.deep.equal({
      id: 3,
      task: { anything: true },
    })
    expect(z.decode(AnyResponseFrame, { id: 3 })).to.deep.equal({ id: 3, err_msg: null, output: null })
    expect(z.safeDecode(AnyResponseFrame, { id: -1 }).success).to.equal(false)
  })

  it('of progress are told from responses by their key', () => {
    const frame = { id: 3, progress: { done: 0.5, step: 'layer 2' } }
    expect(z.decode(ProgressFrame, frame)).to.deep.equal(frame)
    expect(z.safeDecode(ProgressFrame, { id: 3, err_msg: null, output: true } as never).success).to.equal(false)
    expect(z.safeDecode(ProgressFrame, { id: 3, progress: { done: 2 } }).success).to.equal(false)
  })
})

describe('proverId', () => {
  it('is the LEB128 of the actor id in 32 bytes', () => {
    // The prover id of the recorded pc1 task of miner 10000.
    expect([...proverId(10_000)]).to.deep.equal([144, 78, ...Array<number>(30).fill(0)])
    expect(proverId(0)).to.deep.equal(new Uint8Array(32))
    expect([...proverId(2 ** 35)].slice(0, 6)).to.deep.equal([128, 128, 128, 128, 128, 1])
  })
})
