import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect } from 'chai'
import { type BuiltInStages, createBuiltInStages } from '../../../plugins/stages/built-in-stages.js'
import { proverId } from '../../../rpc-schema/processor/sector.js'
import { STAGES, type StageName, type StageTask } from '../../../rpc-schema/processor/stages.js'
import { sealProofByName } from '../../../rpc-schema/wire/proof-types.js'
import { vectorLines } from '../../rpc-schema/rpc/recorded-calls.js'
import { failureOf } from './context.js'

const V1_1 = sealProofByName('StackedDrg2KiBV1_1').number
const SYNTHETIC = sealProofByName('StackedDrg2KiBV1_1_Feat_SyntheticPoRep').number
const SEED = new Uint8Array(32).fill(3)

interface Recorded {
  readonly stage: string
  readonly dir: 'in' | 'out'
  readonly line: string
}

/** The last request of a recorded stage that was answered with an output, and that output. */
function recordedSuccess(stage: StageName): { task: Record<string, unknown>; output: unknown } {
  const lines = (vectorLines('rpc/processor.jsonl') as Recorded[]).filter(line => line.stage === stage)
  const frames = (dir: string) =>
    lines.filter(each => each.dir === dir && each.line.startsWith('{')).map(each => JSON.parse(each.line))
  const answer = frames('out').findLast(frame => frame.err_msg === null)
  const request = frames('in').findLast(frame => frame.id === answer.id)
  return { task: request.task, output: answer.output }
}

/** The real proofs library on sectors of 2 KiB; everything but the proofs of minutes. */
describe('built-in stages with real proofs', function () {
  this.timeout(60_000)
  let stages: BuiltInStages
  let root: string
  let server: Server
  let origin: string
  const served = new Map<string, Buffer>()

  before(async () => {
    stages = createBuiltInStages({ env: { PIECE_FETCHER_TOKEN: 'token' } })
    root = await mkdtemp(path.join(tmpdir(), 'sealyard-stages-'))
    server = createServer((request, response) => {
      const body = served.get(request.url!)
      if (body !== undefined && request.headers.authorization === 'Bearer token') response.end(body)
      else response.writeHead(302, { location: `${request.url}-data` }).end()
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  after(async () => {
    server.close()
    await stages.close()
    await rm(root, { recursive: true, force: true })
  })

  let count = 0
  /** A sector with its own places, as a plan would lay them out. */
  async function newSector(proof: number, miner = 10_000, number = 77) {
    count += 1
    const at = (name: string) => path.join(root, String(count), name)
    const files = { staged: at('unsealed'), sealed: at('sealed'), cache: at('cache') }
    await mkdir(files.cache, { recursive: true })
    const ticket = new Uint8Array(32).fill(1)
    ticket[31] = 0
    return {
      ...files,
      at,
      identity: { registered_proof: proof, prover_id: proverId(miner), sector_id: number, ticket },
    }
  }
  type Sector = Awaited<ReturnType<typeof newSector>>

  const stage = (sector: Sector, pieces: StageTask<'add_pieces'>['pieces']) =>
    stages.run('add_pieces', {
      seal_proof_type: sector.identity.registered_proof,
      pieces,
      staged_filepath: sector.staged,
    })

  async function preCommit(sector: Sector, pieces: StageTask<'add_pieces'>['pieces']) {
    const { identity, staged, sealed, cache } = sector
    const pieceInfos = await stage(sector, pieces)
    const registered_proof = identity.registered_proof
    await stages.run('tree_d', { registered_proof, staged_file: staged, cache_dir: cache })
    await writeFile(sealed, '')
    const pc1out = await stages.run('pc1', {
      ...identity,
      cache_path: cache,
      in_path: staged,
      out_path: sealed,
      piece_infos: pieceInfos,
    })
    const pc2out = await stages.run('pc2', { pc1out, cache_dir: cache, sealed_file: sealed })
    return { pieceInfos, pc1out, pc2out }
  }

  const unseal = (sector: Sector, commD: Uint8Array, offset: number, bytes: number) =>
    stages.run('unseal', {
      ...sector.identity,
      comm_d: commD,
      cache_dir: sector.cache,
      sealed_file: sector.sealed,
      unsealed_output: sector.at(`unsealed-${offset}-${bytes}`),
      offset,
      num_bytes: bytes,
    })

  it('seals an empty sector to what a damocles worker made of the same sector', async () => {
    const sector = await newSector(V1_1)
    const { pieceInfos, pc1out, pc2out } = await preCommit(sector, [])
    const recordedPc1 = recordedSuccess('pc1')
    expect(STAGES.pc1.task.shape.prover_id.encode(sector.identity.prover_id)).to.deep.equal(recordedPc1.task.prover_id)
    const cacheThen = recordedPc1.task.cache_path as string
    expect(JSON.stringify(pc1out)).to.equal(JSON.stringify(recordedPc1.output).replaceAll(cacheThen, sector.cache))
    expect(STAGES.pc2.output.encode(pc2out)).to.deep.equal(recordedSuccess('pc2').output)
    expect(pieceInfos[0]!.commitment).to.deep.equal(pc2out.comm_d)
  })

  it('brings local, fetched and pledged pieces into a sector, and reads each of them back', async () => {
    const sector = await newSector(V1_1)
    const local = randomBytes(500)
    const remote = randomBytes(508)
    const localFile = path.join(root, 'piece.car')
    await writeFile(localFile, local)
    served.set('/piece-data', remote)
    const { pieceInfos, pc2out } = await preCommit(sector, [
      { piece_file: { local: localFile }, payload_size: 500, piece_size: 508 },
      { piece_file: { url: `${origin}/piece` }, payload_size: 508, piece_size: 508 },
      { piece_file: 'pledge', payload_size: 0, piece_size: 1016 },
    ])
    expect(pieceInfos.map(each => each.size)).to.deep.equal([508, 508, 1016])
    expect((await stat(sector.staged)).size).to.equal(2048)

    expect(await unseal(sector, pc2out.comm_d, 0, 2032)).to.equal(2032)
    const whole = await readFile(sector.at('unsealed-0-2032'))
    expect(whole.equals(Buffer.concat([local, Buffer.alloc(8), remote, Buffer.alloc(1016)]))).to.equal(true)
    await unseal(sector, pc2out.comm_d, 508, 508)
    expect((await readFile(sector.at('unsealed-508-508'))).equals(remote)).to.equal(true)
    expect((await readdir(path.dirname(sector.staged))).filter(name => name.startsWith('.'))).to.deep.equal([])
  })

  it('puts a piece where its size wants it, with zeros before it', async () => {
    const sector = await newSector(V1_1)
    const [small, large] = [randomBytes(127), randomBytes(1016)]
    await Promise.all([writeFile(path.join(root, 'small'), small), writeFile(path.join(root, 'large'), large)])
    const { pc2out } = await preCommit(sector, [
      { piece_file: { local: path.join(root, 'small') }, payload_size: 127, piece_size: 127 },
      { piece_file: { local: path.join(root, 'large') }, payload_size: 1016, piece_size: 1016 },
    ])
    await unseal(sector, pc2out.comm_d, 1016, 1016)
    expect((await readFile(sector.at('unsealed-1016-1016'))).equals(large)).to.equal(true)
  })

  it('answers the challenges of a seed; after clearing the cache no more, but unsealing goes on', async () => {
    const sector = await newSector(V1_1)
    const { pieceInfos, pc2out } = await preCommit(sector, [])
    const { registered_proof: _, ...commitments } = pc2out
    const task = {
      ...sector.identity,
      ...commitments,
      cache_path: sector.cache,
      sealed_file: sector.sealed,
      seed: SEED,
      piece_infos: pieceInfos,
    }
    const c1out = await stages.run('c1', task)
    expect(c1out).to.have.all.keys(
      'registered_proof',
      'vanilla_proofs',
      'comm_r',
      'comm_d',
      'replica_id',
      'seed',
      'ticket',
    )
    expect(c1out.registered_proof).to.equal('StackedDrg2KiBV1_1')
    expect(c1out.comm_r).to.deep.equal([...pc2out.comm_r])

    await stages.run('clear_cache', { registered_proof: V1_1, cache_path: sector.cache, synthetic: false })
    expect((await readdir(sector.cache)).sort()).to.deep.equal(['p_aux', 'sc-02-data-tree-r-last.dat', 't_aux'])
    const error = await failureOf(stages.run('c1', task))
    expect([error.class, error.message]).to.deep.equal(['permanent', `c1 of ${sector.sealed} in ${sector.cache}`])
    expect(await unseal(sector, pc2out.comm_d, 0, 2032)).to.equal(2032)
    expect(await readdir(sector.cache), 'unsealing leaves the cache as it was').to.have.length(3)
  })

  it('makes synthetic proofs, from which C1 works without the layers', async () => {
    const sector = await newSector(SYNTHETIC)
    const { pieceInfos, pc2out } = await preCommit(sector, [])
    const { registered_proof: _, ...commitments } = pc2out
    const task = {
      ...sector.identity,
      ...commitments,
      cache_path: sector.cache,
      sealed_file: sector.sealed,
      piece_infos: pieceInfos,
    }
    expect(await stages.run('synth_proof', task)).to.equal(true)
    await stages.run('clear_cache', { registered_proof: SYNTHETIC, cache_path: sector.cache, synthetic: false })
    const c1out = await stages.run('c1', { ...task, seed: SEED })
    expect(c1out.registered_proof).to.equal('StackedDrg2KiBV1_1_Feat_SyntheticPoRep')
    await stages.run('clear_cache', { registered_proof: SYNTHETIC, cache_path: sector.cache, synthetic: true })
    expect(await readdir(sector.cache)).to.not.include('syn-porep-vanilla-proofs.dat')
  })

  it('encodes new data into a sealed sector, makes the vanilla proof of it, and reads a part back', async () => {
    const sector = await newSector(V1_1)
    const { pc2out } = await preCommit(sector, [])
    const data = path.join(root, 'new-data')
    const content = randomBytes(2032)
    await writeFile(data, content)
    const update = await newSector(V1_1)
    const pieceInfos = await stage(update, [{ piece_file: { local: data }, payload_size: 2032, piece_size: 2032 }])
    await stages.run('tree_d', { registered_proof: V1_1, staged_file: update.staged, cache_dir: update.cache })
    const files = {
      registered_proof: 0,
      new_replica_path: update.sealed,
      new_cache_path: update.cache,
      sector_path: sector.sealed,
      sector_cache_path: sector.cache,
    }
    const encoded = await stages.run('snap_encode', {
      ...files,
      staged_data_path: update.staged,
      piece_infos: pieceInfos,
    })
    expect(encoded.comm_d_new).to.deep.equal(pieceInfos[0]!.commitment)
    const proofs = await stages.run('snap_vanilla', {
      ...files,
      comm_r_old: pc2out.comm_r,
      comm_r_new: encoded.comm_r_new,
      comm_d_new: encoded.comm_d_new,
    })
    expect(proofs.map(proof => proof.length)).to.deep.equal([15_064])

    await rm(sector.sealed)
    await rm(sector.cache, { recursive: true })
    const task = {
      ...sector.identity,
      comm_d_old: pc2out.comm_d,
      comm_r_old: pc2out.comm_r,
      comm_d_new: encoded.comm_d_new,
      new_replica_path: update.sealed,
      unsealed_output: update.at('decoded'),
      offset: 508,
      num_bytes: 1016,
    }
    expect(await stages.run('snap_decode', task)).to.equal(1016)
    expect((await readFile(update.at('decoded'))).equals(content.subarray(508, 508 + 1016))).to.equal(true)
    expect((await readdir(path.dirname(update.sealed))).filter(name => name.startsWith('.'))).to.deep.equal([])
    const error = await failureOf(stages.run('snap_decode', { ...task, new_replica_path: update.at('nothing') }))
    expect([error.class, error.message]).to.deep.equal(['permanent', `replica not found: ${update.at('nothing')}`])
  })

  it('names what is missing', async () => {
    const sector = await newSector(V1_1)
    const task = {
      ...sector.identity,
      cache_path: sector.cache,
      in_path: sector.staged,
      out_path: sector.sealed,
      piece_infos: [],
    }
    const missing = async (what: string, file: string) => {
      const error = await failureOf(stages.run('pc1', task))
      expect([error.class, error.message]).to.deep.equal(['permanent', `${what} not found: ${file}`])
    }
    await missing('staged file', sector.staged)
    await stage(sector, [])
    await missing('sealed file (it must be created before PC1)', sector.sealed)
    await rm(sector.cache, { recursive: true })
    await missing('cache directory', sector.cache)
    const replicas = [{ sector_id: 77, comm_r: SEED, cache_dir: sector.cache, sealed_file: sector.sealed }]
    const post = { miner_id: 10_000, proof_type: 10, replicas, seed: SEED }
    expect((await failureOf(stages.run('winning_post', post))).message).to.equal(
      `sealed file of sector 77 not found: ${sector.sealed}`,
    )
    const error = await failureOf(stages.run('window_post', post))
    expect(error.message).to.match(/^the files of all 1 sectors of miner 10000 .*not to be mounted/)
    expect((error.cause as Error).message).to.equal(`sealed file of sector 77 not found: ${sector.sealed}`)
    const there = { ...replicas[0]!, sector_id: 78, cache_dir: sector.at('c78'), sealed_file: sector.at('s78') }
    await mkdir(there.cache_dir)
    await Promise.all([path.join(there.cache_dir, 'p_aux'), there.sealed_file].map(file => writeFile(file, '')))
    expect(await stages.run('window_post', { ...post, replicas: [there, ...replicas] })).to.deep.equal({
      proofs: [],
      faults: [77],
    })
  })
})
