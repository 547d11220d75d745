import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import type { ProverRequest } from '../../../plugins/prover/calls.js'
import { windowPoSt } from '../../../plugins/stages/post.js'
import { vanillaRecord } from '../../../rpc-schema/manager/vanilla-chunk.js'
import { failureOf, fakeProver, stageContext } from './context.js'

const SEED = new Uint8Array(32).fill(9)
const vanillaOf = (sector: number): Uint8Array => new Uint8Array(30).fill(sector)
const chunk = (numbers: readonly number[]): Uint8Array =>
  Buffer.concat(numbers.map(sector => vanillaRecord({ sector, vanilla: vanillaOf(sector) })))

describe('window_post over what was read elsewhere', () => {
  let dir: string

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'window-vanilla-'))
  })
  afterEach(() => rm(dir, { recursive: true, force: true }))

  async function task(sectors: readonly number[], ...chunks: readonly (readonly number[])[]) {
    const vanilla_files = chunks.map((_, at) => join(dir, String(at)))
    for (const [at, file] of vanilla_files.entries()) await writeFile(file, chunk(chunks[at]!))
    const replicas = sectors.map(sector_id => ({ sector_id, comm_r: SEED, cache_dir: '', sealed_file: '' }))
    return { miner_id: 1000, proof_type: 10, replicas, seed: SEED, vanilla_files }
  }

  it('is one proof of its partitions, in the order of the sectors, whatever the order in which they were read', async () => {
    const asked: ProverRequest<'windowPostPartition'>[] = []
    const prover = fakeProver({
      windowPostPartition: async request => {
        asked.push(request)
        return { proofType: request.proofType, proof: new Uint8Array(2).fill(request.partitionIndex + 1) }
      },
    })
    // Partitions of 2 KiB sectors have two; what is not asked for is left out.
    const output = await windowPoSt(await task([1, 2, 5], [5, 2], [7, 1]), stageContext({ prover }))
    expect(output).to.deep.equal({ proofs: [Buffer.from([1, 1, 2, 2])], faults: [] })
    expect(
      asked.map(({ partitionIndex, vanillaProofs }) => [partitionIndex, vanillaProofs.map(([first]) => first)]),
    ).to.deep.equal([
      [0, [1, 2]],
      [1, [5]],
    ])
    expect(asked[0]).to.deep.include({ proofType: 'StackedDrgWindow2KiBV1_2', randomness: SEED })
  })

  it('names the sector of which nothing was read, and makes no proof', async () => {
    const error = await failureOf(windowPoSt(await task([1, 2], [1]), stageContext()))
    expect(error.message).to.equal('nothing of sector 2 of miner 1000 is in the files that were read')
  })

  it('says what is no chunk', async () => {
    const broken = await task([1], [1])
    await writeFile(broken.vanilla_files[0]!, 'something else')
    expect((await failureOf(windowPoSt(broken, stageContext()))).message).to.contain('not a chunk of vanilla proofs')
  })
})
