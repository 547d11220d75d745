import { expect } from 'chai'
import { defineProcessor, type SealError, type StageName, z } from '../../../plugins/sdk/index.js'

const C2 = {
  c1out: { registered_proof: 'StackedDrg2KiBV1_1', vanilla_proofs: {} },
  prover_id: Array<number>(32).fill(9),
  sector_id: 7,
  miner_id: 1000,
}
const failure = (run: Promise<unknown>): Promise<SealError> =>
  run.then(
    () => expect.fail('it did not fail'),
    error => error,
  )

describe('defineProcessor', () => {
  it('gives the handler a decoded task and encodes what it returns', async () => {
    const processor = defineProcessor('c2', task => ({ proof: task.prover_id.subarray(0, 2) }))
    expect(processor.stage.name).to.equal('c2')
    expect(await processor.run(C2)).to.deep.equal({ proof: [9, 9] })
  })

  it('a bad task does not reach the handler; the error names the path, what was expected and what was found', async () => {
    const processor = defineProcessor('c2', () => expect.fail('the handler was called'))
    const error = await failure(processor.run({ ...C2, prover_id: [1, 2], sector_id: 'seven' }))
    expect(error.message).to.match(/^bad c2 task: /)
    expect(error.message).to.contain('prover_id').and.contain('sector_id: expected').and.contain('found "seven"')
    expect(error.class).to.equal('permanent')
  })

  it('a bad output is an error that names the path', async () => {
    const processor = defineProcessor('pc2', () => ({
      registered_proof: 5,
      comm_r: new Uint8Array(31),
      comm_d: new Uint8Array(32),
    }))
    const task = { pc1out: { registered_proof: 'StackedDrg2KiBV1_1' }, cache_dir: '/cache', sealed_file: '/sealed' }
    const error = await failure(processor.run(task))
    expect(error.message).to.match(/^the pc2 processor made a bad output: comm_r: expected exactly 32 bytes/)
  })

  it('serves a stage of one’s own, with its schemas on both sides', async () => {
    const processor = defineProcessor(
      { stage: 'sum', task: z.object({ numbers: z.array(z.number()) }), output: z.number().max(10) },
      ({ numbers }) => numbers.reduce((a, b) => a + b, 0),
    )
    expect(await processor.run({ numbers: [1, 2] })).to.equal(3)
    expect((await failure(processor.run({ numbers: ['1'] }))).message).to.contain('numbers[0]')
    expect((await failure(processor.run({ numbers: [9, 9] }))).message).to.contain(
      'the sum processor made a bad output',
    )
  })

  it('a test may give what the handler is given on the wire', async () => {
    const seen: unknown[] = []
    const processor = defineProcessor('tree_d', (_task, { id, progress }) => {
      progress({ done: id / 10 })
      return true
    })
    const task = { registered_proof: 'StackedDrg2KiBV1_1', staged_file: '/staged', cache_dir: '/cache' }
    await processor.run(task, { id: 5, progress: progress => seen.push(progress) })
    expect(seen).to.deep.equal([{ done: 0.5 }])
  })

  it('refuses a stage that nobody knows, and a name that no ready line can carry', () => {
    expect(() => defineProcessor('c3' as StageName, () => expect.fail())).to.throw(/no stage "c3", only add_pieces/)
    const any = { task: z.unknown(), output: z.unknown() }
    expect(() => defineProcessor({ stage: 'two words', ...any }, () => 1)).to.throw(/one word, found "two words"/)
  })
})
