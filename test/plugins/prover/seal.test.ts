import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { prover } from '../../../plugins/prover/prover.js'
import { recordedFrames, shapeOf } from './recorded-frames.js'
import { hex, SEAL_PROOF, SectorOnDisk, UPDATE_PROOF, ZERO_COMM_D } from './sealed-sector.js'

/** Not a field element until the top bits are cleared. */
const filledWithOnes = new Uint8Array(32).fill(255)

const bytes = (length: number, from: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (from + i * 7) % 251)

describe('prover: from pieces to C1', () => {
  let sector: SectorOnDisk
  beforeEach(() => {
    sector = new SectorOnDisk(77)
  })
  afterEach(() => sector.remove())

  it('seals a sector without data', () => {
    const { piece, bytesWritten } = sector.addPiece(2032)
    expect(bytesWritten).equal(2032)
    expect(hex(piece.commitment)).equal(ZERO_COMM_D)
    const { sealProof, stagedPath, cacheDir } = sector
    expect(hex(prover.treeD({ sealProof, stagedPath, cacheDir }).commD)).equal(ZERO_COMM_D)
    expect(readdirSync(cacheDir)).eql(['sc-02-data-tree-d.dat'])
    sector.preCommit()
    expect(hex(sector.commD)).equal(ZERO_COMM_D)
    const c1 = sector.c1()
    expect(c1.registered_proof).equal(SEAL_PROOF)
    expect(c1.comm_r).eql([...sector.commR])
  })

  it('seals pieces and unseals them again, whole and in part', () => {
    const first = bytes(500, 1)
    const second = bytes(1016, 2)
    sector.addPiece(508, first)
    expect(sector.addPiece(1016, second).bytesWritten).equal(508 + 1016)
    const { commD } = prover.unsealedCommitment({ sealProof: SEAL_PROOF, pieces: sector.pieces })
    sector.preCommit()
    expect(hex(sector.commD)).equal(hex(commD)).not.equal(ZERO_COMM_D)
    prover.clearCache({ cacheDir: sector.cacheDir })

    const outputPath = sector.path('unsealed')
    const unseal = (offset: number, size: number) => {
      const { commD } = sector
      prover.unseal({ ...sector.identity, ...sector.files, commD, outputPath, offset, size })
      return readFileSync(outputPath)
    }
    expect(unseal(0, 508).equals(Buffer.concat([first, new Uint8Array(8)]))).equal(true)
    expect(unseal(1016, 1016).equals(second)).equal(true)
    const whole = unseal(0, 2032)
    expect(whole.subarray(1016).equals(second)).equal(true)
    for (const [offset, size] of [
      [1, 126],
      [100, 900],
      [1015, 2],
      [1500, 532],
      [2031, 1],
      [77, 0],
    ] as const)
      expect(unseal(offset, size).equals(whole.subarray(offset, offset + size)), `${offset}+${size}`).equal(true)
    expect(readdirSync(sector.cacheDir).filter(name => /key/.test(name))).eql([])
  })

  it('unseals by the whole layers that a killed call has left, but not by part of them', () => {
    const data = bytes(2032, 5)
    sector.addPiece(2032, data)
    sector.preCommit()
    const cacheDir = sector.path('scratch')
    const outputPath = sector.path('unsealed')
    const request = {
      ...sector.identity,
      sealedPath: sector.sealedPath,
      cacheDir,
      commD: sector.commD,
      offset: 0,
      size: 2032,
    }
    const unsealed = (): boolean => {
      prover.unseal({ ...request, outputPath })
      return readFileSync(outputPath).equals(data)
    }
    const cutOff = (): string => {
      expect(() => prover.unseal({ ...request, outputPath: sector.path('no-directory/unsealed') })).throw(
        'No such file',
      )
      const [key, ...others] = readdirSync(cacheDir)
      expect(others).eql([])
      return join(cacheDir, key!)
    }
    const key = readFileSync(cutOff())
    expect(unsealed()).equal(true)
    expect(readdirSync(cacheDir)).eql([])
    writeFileSync(cutOff(), key.subarray(0, 2016))
    expect(unsealed(), 'a part').equal(true)
    writeFileSync(cutOff(), key.with(0, key[0]! ^ 1))
    expect(unsealed(), 'it is not computed anew').equal(false)
  })

  it('cuts off what a killed process left behind the known pieces, and refuses a staged file that is too short', () => {
    sector.addPiece(1016, bytes(1016, 4))
    const whole = readFileSync(sector.stagedPath)
    writeFileSync(sector.stagedPath, Buffer.concat([whole, new Uint8Array(77).fill(9)]))
    sector.addPiece(1016)
    expect(readFileSync(sector.stagedPath).equals(Buffer.concat([whole, new Uint8Array(1024)]))).equal(true)
    writeFileSync(sector.stagedPath, whole.subarray(100))
    expect(() => sector.addPiece(1016)).throw('has 924 bytes, but its pieces take 2048')
  })

  it('makes of a piece and of a tree what the library makes of them, and takes a part of a file', () => {
    const payload = bytes(1016, 6)
    const added = sector.addPiece(1016, payload)
    const stock = new SectorOnDisk(78)
    try {
      const { sealProof, stagedPath } = stock
      const dataPath = stock.path('longer')
      writeFileSync(dataPath, Buffer.concat([payload, Buffer.from('no part of it')]))
      const piece = { sealProof, stagedPath, dataPath, dataBytes: 1016, size: 1016, existingPieceSizes: [508] }
      writeFileSync(stagedPath, new Uint8Array(512))
      const theirs = prover.addPiece({ ...piece, generator: 'stock' })
      const file = readFileSync(stagedPath)
      expect(prover.addPiece(piece)).eql(theirs)
      expect(theirs.bytesWritten).equal(1016 + 508)
      expect(readFileSync(stagedPath).equals(file)).equal(true)
      expect(hex(theirs.piece.commitment)).equal(hex(added.piece.commitment))

      const [ours, library] = [stock.path('ours'), stock.path('library')]
      const { commD } = prover.treeD({ sealProof, stagedPath, cacheDir: ours })
      expect(prover.treeD({ sealProof, stagedPath, cacheDir: library, generator: 'stock' }).commD).eql(commD)
      const tree = (cache: string) => readFileSync(join(cache, 'sc-02-data-tree-d.dat'))
      expect(tree(ours).equals(tree(library))).equal(true)
      expect(tree(ours).length).equal(2 * 2048 - 32)

      const twice = { ...piece, existingPieceSizes: [508, 1016] }
      expect(() => prover.addPiece(twice)).throw('does not fit')
      expect(() => prover.addPiece({ ...piece, dataBytes: 5000, size: 8128 })).throw('are wanted')
    } finally {
      stock.remove()
    }
  })

  it('gives the same commitment for a piece alone, in a new file, and in a sector', () => {
    const payload = bytes(900, 3)
    const added = sector.addPiece(1016, payload)
    const dataPath = sector.path('piece-0')
    const alone = prover.pieceCommitment({ sealProof: SEAL_PROOF, dataPath, size: 1016 })
    expect(hex(alone.commitment)).equal(hex(added.piece.commitment))
    const stagedPath = sector.path('other')
    const written = prover.writeAndPreprocess({ sealProof: SEAL_PROOF, dataPath, size: 1016, stagedPath })
    expect(hex(written.piece.commitment)).equal(hex(added.piece.commitment))
    expect(readFileSync(stagedPath).length).equal(1024)
  })

  it('repeats what a damocles worker computed: PC1 and PC2', () => {
    const [pc1] = recordedFrames('pc1')
    const [pc2] = recordedFrames('pc2')
    const task = pc1!.task as { prover_id: number[]; sector_id: number; ticket: number[] }
    sector.addPiece(2032)
    const { stagedPath, pieces } = sector
    const output = prover.pc1({
      sealProof: SEAL_PROOF,
      ...sector.files,
      stagedPath,
      pieces,
      proverId: Uint8Array.from(task.prover_id),
      sectorId: task.sector_id,
      ticket: Uint8Array.from(task.ticket),
    })
    const recorded = pc1!.output as { config: { path: string } }
    const moved = JSON.stringify(recorded).replaceAll(recorded.config.path, sector.cacheDir)
    expect(output).eql(JSON.parse(moved))
    const answer = pc2!.output as { comm_r: number[]; comm_d: number[] }
    const { commR, commD } = prover.pc2({ ...sector.files, phase1Output: JSON.parse(moved) })
    expect([...commR]).eql(answer.comm_r)
    expect([...commD]).eql(answer.comm_d)
  })

  it('has the C1 output in the shape that damocles processors exchange', () => {
    const numbers = ['number']
    const merkle = {
      data: { Single: { root: numbers, leaf: numbers, path: { path: [{ hashes: [numbers], index: 'number' }] } } },
    }
    const column = { column: { index: 'number', rows: [numbers], _h: 'null' }, inclusion_proof: merkle }
    expect(shapeOf(sector.preCommit().c1())).eql({
      registered_proof: 'string',
      vanilla_proofs: {
        StackedDrg2KiBV1: [
          [
            {
              comm_d_proofs: merkle,
              comm_r_last_proof: merkle,
              replica_column_proofs: { c_x: column, drg_parents: [column], exp_parents: [column] },
              labeling_proofs: [{ parents: [numbers], layer_index: 'number', node: 'number' }],
              encoding_proof: { parents: [numbers], layer_index: 'number', node: 'number' },
            },
          ],
        ],
      },
      comm_r: numbers,
      comm_d: numbers,
      replica_id: numbers,
      seed: numbers,
      ticket: numbers,
    })
  })

  it('seals with synthetic proofs: C1 works after the layers are gone', () => {
    sector.remove()
    sector = new SectorOnDisk(78, `${SEAL_PROOF}_Feat_SyntheticPoRep`)
    sector.preCommit()
    prover.syntheticProofs(sector.sealed)
    prover.clearCache({ cacheDir: sector.cacheDir })
    expect(existsSync(join(sector.cacheDir, 'sc-02-data-layer-1.dat'))).equal(false)
    expect(sector.c1().registered_proof).equal(sector.sealProof)
    const proofs = join(sector.cacheDir, 'syn-porep-vanilla-proofs.dat')
    expect(existsSync(proofs)).equal(true)
    prover.clearSyntheticProofs({ cacheDir: sector.cacheDir })
    expect(existsSync(proofs)).equal(false)
  })
})

describe('prover: threads', () => {
  it('are as many as cores are granted', function () {
    this.timeout(30_000)
    const addon = new URL('../../../plugins/prover/prover.js', import.meta.url).href
    const script = `const { prover } = await import(${JSON.stringify(addon)}); console.log(prover.version({}).threads)`
    const { RAYON_NUM_THREADS: _, ...env } = process.env
    const node = [process.execPath, '--input-type=module', '-e', script]
    const threads = (command: readonly string[], extra = {}) => {
      const { stdout, error } = spawnSync(command[0]!, command.slice(1), {
        encoding: 'utf8',
        env: { ...env, ...extra },
      })
      return error === undefined ? Number(stdout) : undefined
    }
    // A quota of a cgroup counts too, which Node does not look at.
    expect(threads(node)).within(1, availableParallelism())
    expect(threads(node, { RAYON_NUM_THREADS: '3' })).equal(3)
    const first = /^Cpus_allowed_list:\s*(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
    const onOne = threads(['taskset', '-c', first ?? '0', ...node])
    if (onOne === undefined) this.skip()
    expect(onOne).equal(1)
  })
})

describe('prover: replica updates', () => {
  let sector: SectorOnDisk
  before(() => {
    sector = new SectorOnDisk(79).preCommit()
  })
  after(() => sector.remove())

  it('encodes new data, proves it in the vanilla way, and decodes it', () => {
    const update = new SectorOnDisk(79)
    try {
      update.addPiece(2032, bytes(2032, 9))
      const files = {
        updateProof: UPDATE_PROOF,
        replicaPath: update.path('update'),
        replicaCacheDir: update.path('update-cache'),
        keyPath: sector.sealedPath,
        keyCacheDir: sector.cacheDir,
      }
      const encoded = prover.updateEncode({ ...files, stagedPath: update.stagedPath, pieces: update.pieces })
      const commitments = { commROld: sector.commR, commRNew: encoded.commRNew, commDNew: encoded.commDNew }
      const { vanillaProofs } = prover.updatePartitionProofs({ ...files, ...commitments })
      const verify = (proofs: readonly Uint8Array[], commRNew = encoded.commRNew) =>
        prover.updateVerifyPartitionProofs({
          updateProof: UPDATE_PROOF,
          ...commitments,
          commRNew,
          vanillaProofs: proofs,
        })
      expect(verify(vanillaProofs)).equal(true)
      expect(verify(vanillaProofs, encoded.commRLastNew)).equal(false)
      expect(verify([])).equal(false)
      expect(verify([new Uint8Array(10)])).equal(false)

      const outputPath = update.path('decoded')
      const { replicaPath, keyPath, keyCacheDir } = files
      const { commDNew } = encoded
      prover.updateDecode({ updateProof: UPDATE_PROOF, outputPath, replicaPath, keyPath, keyCacheDir, commDNew })
      expect(readFileSync(outputPath).equals(readFileSync(update.stagedPath))).equal(true)
    } finally {
      update.remove()
    }
  })

  it('reads data back from the new replica alone, whole and in part: the key is computed again', () => {
    const update = new SectorOnDisk(79)
    try {
      const data = bytes(2032, 9)
      update.addPiece(2032, data)
      const { commRNew, commDNew } = prover.updateEncode({
        updateProof: UPDATE_PROOF,
        replicaPath: update.path('update'),
        replicaCacheDir: update.path('update-cache'),
        keyPath: sector.sealedPath,
        keyCacheDir: sector.cacheDir,
        stagedPath: update.stagedPath,
        pieces: update.pieces,
      })
      const outputPath = update.path('decoded')
      const cacheDir = update.path('scratch')
      const unseal = (offset: number, size: number, commROld: Uint8Array = sector.commR) => {
        const upgrade = { commROld, commDNew }
        const files = { cacheDir, sealedPath: update.path('update'), outputPath }
        prover.unseal({ ...sector.identity, ...files, commD: sector.commD, offset, size, upgrade })
        return readFileSync(outputPath)
      }
      expect(unseal(0, 2032).equals(data)).equal(true)
      for (const [offset, size] of [
        [1016, 1016],
        [1, 126],
        [900, 300],
        [2031, 1],
      ] as const)
        expect(unseal(offset, size).equals(data.subarray(offset, offset + size)), `${offset}+${size}`).equal(true)
      expect(unseal(0, 0)).length(0)
      expect(unseal(0, 2032, commRNew).equals(data), 'with another commR').equal(false)
      expect(readdirSync(cacheDir)).eql([])
    } finally {
      update.remove()
    }
  })

  it('accepts the vanilla proof of a damocles worker', () => {
    const [frame] = recordedFrames('snap_prove')
    const task = frame!.task as {
      vannilla_proofs: number[][]
      comm_r_old: number[]
      comm_r_new: number[]
      comm_d_new: number[]
    }
    const request = {
      updateProof: UPDATE_PROOF,
      vanillaProofs: task.vannilla_proofs.map(proof => Uint8Array.from(proof)),
      commROld: Uint8Array.from(task.comm_r_old),
      commRNew: Uint8Array.from(task.comm_r_new),
      commDNew: Uint8Array.from(task.comm_d_new),
    }
    expect(prover.updateVerifyPartitionProofs(request)).equal(true)
  })
})

describe('prover: errors', () => {
  let sector: SectorOnDisk
  before(() => {
    sector = new SectorOnDisk(80).preCommit()
  })
  after(() => sector.remove())

  const failure = (work: () => unknown) => {
    try {
      work()
    } catch (error) {
      return error as Error & { code: string; causes: string[]; faultySectors?: number[] }
    }
    throw new Error('expected a failure')
  }

  it('names the file that is missing', () => {
    const { sealProof, cacheDir } = sector
    const error = failure(() => prover.treeD({ sealProof, stagedPath: '/nowhere/staged', cacheDir }))
    expect(error).include({ name: 'ProofsError', code: 'IO' })
    expect(error.message).contain('/nowhere/staged').contain('No such file')
    const sealedPath = sector.path('no-such-file')
    const offset = { offset: 0, size: 127, commD: sector.commD, outputPath: sector.path('out') }
    expect(failure(() => prover.unseal({ ...sector.identity, cacheDir, sealedPath, ...offset })).message).contain(
      sealedPath,
    )
  })

  it('refuses what cannot be asked', () => {
    const pieces = sector.pieces
    const unknown = failure(() => prover.unsealedCommitment({ sealProof: 'StackedDrg3KiBV1', pieces }))
    expect(unknown.code).equal('INVALID_ARGUMENT')
    expect(unknown.message).contain('StackedDrg3KiBV1')
    const short = failure(() =>
      prover.verifySeal({ ...sector.statement, seed: new Uint8Array(31), proof: new Uint8Array(192) }),
    )
    expect(short).include({ code: 'INVALID_ARGUMENT' })
    expect(short.message).contain('seed: expected 32 bytes, found 31')
    const kind = failure(() =>
      prover.winningChallenge({
        proofType: 'StackedDrgWindow2KiBV1',
        randomness: sector.seed,
        proverId: sector.proverId,
        sectorCount: 3,
      }),
    )
    expect(kind).include({ code: 'INVALID_ARGUMENT' })
    const range = { offset: 127, size: 2032, commD: sector.commD, outputPath: sector.path('out') }
    expect(failure(() => prover.unseal({ ...sector.identity, ...sector.files, ...range })).message).contain('outside')
  })

  it('refuses more data than the piece holds', () => {
    const dataPath = sector.path('long')
    writeFileSync(dataPath, new Uint8Array(600))
    const error = failure(() => prover.pieceCommitment({ sealProof: SEAL_PROOF, dataPath, size: 508 }))
    expect(error.message).contain('has 600 bytes, the piece only 508')
  })

  it('makes an error of a panic, and goes on', () => {
    for (const inThreadPool of [false, true]) {
      const error = failure(() => prover.panicForTest({ message: `boom ${inThreadPool}`, inThreadPool }))
      expect(error).include({ code: 'PANIC' })
      expect(error.message).contain(`boom ${inThreadPool}`)
      expect(error.causes[0]).match(/lib\.rs:\d+ in thread/)
    }
    expect(prover.version({}).filecoinProofsApi).equal('19.1.0')
  })

  it('knows which replicas are faulty, and why', () => {
    const corrupt = new SectorOnDisk(81).preCommit()
    try {
      writeFileSync(corrupt.sealedPath, new Uint8Array(2048).fill(3))
      const gone = { ...sector.replica, sectorId: 82, cacheDir: '/nowhere/cache' }
      const exchanged = { ...sector.replica, sectorId: 83, cacheDir: corrupt.cacheDir }
      const replicas = [sector.replica, corrupt.replica, gone, exchanged]
      const request = {
        proofType: 'StackedDrgWindow2KiBV1_2',
        randomness: sector.seed,
        proverId: sector.proverId,
        replicas,
      }
      const { proofs, faults } = prover.postVanillaProofs(request)
      expect(proofs.map(proof => proof.sectorId)).eql([80])
      expect(proofs[0]!.vanillaProof.length).greaterThan(1000)
      expect(faults.map(fault => fault.sectorId)).eql([81, 82, 83])
      expect(faults[1]!.message).contain('/nowhere/cache')
      expect(faults[2]!.message).contain('another replica')
    } finally {
      corrupt.remove()
    }
  })

  it('gives the same vanilla proof for one replica as for many, and for the challenges of each', () => {
    const statement = { proofType: 'StackedDrgWindow2KiBV1_2', randomness: filledWithOnes, proverId: sector.proverId }
    const { proofs } = prover.postVanillaProofs({ ...statement, replicas: [sector.replica] })
    const [own] = prover.fallbackChallenges({ ...statement, sectorIds: [80] })
    expect(own).deep.include({ sectorId: 80 })
    expect(own!.challenges).length(10)
    const { proofType } = statement
    const single = prover.postVanillaProof({ proofType, replica: sector.replica, challenges: own!.challenges })
    expect(hex(single.vanillaProof)).equal(hex(proofs[0]!.vanillaProof))
  })
})
