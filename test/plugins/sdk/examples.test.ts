import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { DEFAULT_CHILD } from '../../../daemon/worker/processors/processors.js'
import { runConformance } from '../../../plugins/conformance/suite.js'
import { createBuiltInStages } from '../../../plugins/stages/built-in-stages.js'
import { sealProofByName } from '../../../rpc-schema/wire/proof-types.js'
import { OpenProcessors, rememberingLog } from '../../daemon/worker/processors/scripted.js'
import { SEAL_PROOF } from '../prover/sealed-sector.js'

const CACHING_C2 = fileURLToPath(new URL('../../../examples/typescript-c2/caching-c2.js', import.meta.url))
const TREE_D = fileURLToPath(new URL('../../../../examples/python-tree-d/tree_d.py', import.meta.url))
const PROOFS = new URL('../../../../test/vectors/development-proofs.json', import.meta.url)
const PATIENT = { readySoonMs: 60_000, answerMs: 120_000, exitMs: 30_000 }

describe('example processors', function () {
  this.timeout(180_000)
  const open = new OpenProcessors()
  let directory: string

  beforeEach(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'sealyard-examples-'))
  })

  afterEach(async () => {
    await open.closeAll()
    await rm(directory, { recursive: true, force: true })
  })

  const ofNote = (report: Awaited<ReturnType<typeof runConformance>>) =>
    report.results
      .filter(({ result }) => result !== 'pass')
      .map(({ check, result, seen }) => `${check} ${result} ${seen}`)

  describe('typescript-c2', () => {
    /** A proof and what it says, and the C1 output without the vanilla proofs: a real C2 of it fails at once. */
    const seal = JSON.parse(readFileSync(PROOFS, 'utf8')).seal as Record<string, string> & { sectorId: number }
    const bytes = (name: string): number[] => [...Buffer.from(seal[name]!, 'hex')]
    const proof = Buffer.from(seal.proof!, 'hex')
    const c1out = {
      registered_proof: seal.sealProof!,
      comm_r: bytes('commR'),
      comm_d: bytes('commD'),
      ticket: bytes('ticket'),
      seed: bytes('seed'),
    }
    const frame = { c1out, prover_id: bytes('proverId'), sector_id: seal.sectorId, miner_id: 1000 }
    const task = { ...frame, prover_id: Uint8Array.from(frame.prover_id) }

    it('gives the kept proof away while it is valid, and makes it anew when it is not', async () => {
      const { log, lines } = rememberingLog()
      const child = { ...DEFAULT_CHILD, bin: process.execPath, args: [CACHING_C2, directory] }
      const processors = open.create({ children: { c2: [child] } }, { log })
      const failure = (): Promise<Error> =>
        processors.run('c2', task).then(
          () => expect.fail('it made a proof'),
          error => error,
        )
      expect((await failure()).message).to.contain('c2 of sector 100 of miner 1000')

      const file = lines.find(line => line.msg === 'making the proof')!.file as string
      await writeFile(file, proof)
      expect(proof.equals((await processors.run('c2', task)).proof)).to.equal(true)
      const other = { ...task, sector_id: 101 }
      expect((await processors.run('c2', other).catch(error => error)).message).to.contain('c2 of sector 101')

      const damaged = Buffer.from(proof)
      damaged[100]! ^= 1
      await writeFile(file, damaged)
      await failure()
      expect(lines.filter(line => line.msg.includes('not valid'))).to.have.length(1)

      await writeFile(file, proof)
      const report = await runConformance({
        bin: process.execPath,
        args: [CACHING_C2, directory],
        env: process.env,
        stage: 'c2',
        validTask: frame,
        limits: PATIENT,
        bigFrameBytes: 2 << 20,
      })
      expect(ofNote(report)).to.deep.equal([])
    })
  })

  describe('python-tree-d', () => {
    before(function () {
      try {
        execFileSync('python3', ['--version'], { stdio: 'ignore' })
      } catch {
        console.log('        skipped: there is no python3')
        this.skip()
      }
    })

    it('conforms', async () => {
      const report = await runConformance({
        bin: 'python3',
        args: [TREE_D],
        env: process.env,
        stage: 'tree_d',
        limits: PATIENT,
        bigFrameBytes: 2 << 20,
      })
      expect(ofNote(report)).to.deep.equal([])
    })

    it('builds the tree that the proofs library builds', async () => {
      const staged = path.join(directory, 'staged')
      await writeFile(staged, Buffer.from(Array.from({ length: 2048 }, (_, i) => (i % 32 === 31 ? 0 : (i * 7) & 0xff))))
      const task = (cache: string) => ({
        registered_proof: sealProofByName(SEAL_PROOF).number,
        staged_file: staged,
        cache_dir: path.join(directory, cache),
      })
      await mkdir(path.join(directory, 'theirs'))
      const processors = open.create({ children: { tree_d: [{ ...DEFAULT_CHILD, bin: 'python3', args: [TREE_D] }] } })
      const steps: unknown[] = []
      const onProgress = (progress: unknown): void => void steps.push(progress)
      expect(await processors.run('tree_d', task('theirs'), { onProgress })).to.equal(true)
      const builtIn = createBuiltInStages({ env: process.env })
      try {
        await builtIn.run('tree_d', task('ours'))
      } finally {
        await builtIn.close()
      }
      const tree = (cache: string) => readFile(path.join(directory, cache, 'sc-02-data-tree-d.dat'))
      expect((await tree('theirs')).equals(await tree('ours'))).to.equal(true)
      expect(steps).to.have.length(6)
    })
  })
})
