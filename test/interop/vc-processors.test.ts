import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { DEFAULT_CHILD } from '../../daemon/worker/processors/processors.js'
import { runConformance } from '../../plugins/conformance/suite.js'
import { createBuiltInStages } from '../../plugins/stages/built-in-stages.js'
import { proverId } from '../../rpc-schema/processor/sector.js'
import type { StageTask } from '../../rpc-schema/processor/stages.js'
import { sealProofByName } from '../../rpc-schema/wire/proof-types.js'
import { OpenProcessors } from '../daemon/worker/processors/scripted.js'
import { buildVcProcessors, NoCargoError, type VcProcessors } from '../vc-processors/build.js'

const WORKER = fileURLToPath(new URL('../../bin/damocles-worker.js', import.meta.url))
const SEAL_PROOF = 'StackedDrg2KiBV1_1'

describe('the Rust crate vc-processors', function () {
  this.timeout(120_000)
  const open = new OpenProcessors()
  let programs: VcProcessors
  let directory: string

  before(async function () {
    this.timeout(900_000)
    try {
      programs = await buildVcProcessors()
    } catch (error) {
      if (!(error instanceof NoCargoError)) throw error
      console.log(`      skipped: ${error.message}`)
      this.skip()
    }
  })

  beforeEach(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'sealyard-vc-processors-'))
  })

  afterEach(async () => {
    await open.closeAll()
    await rm(directory, { recursive: true, force: true })
  })

  const at = (name: string): string => path.join(directory, name)
  const route = (src: string, dest: string) => ({
    src: { store_name: null, uri: src },
    dest: { store_name: 'persist1', uri: dest },
    opt: { is_dir: false, allow_link: false },
  })

  /** Bytes of a sector that are field elements. */
  const staged = (): Buffer => Buffer.from(Array.from({ length: 2048 }, (_, i) => (i % 32 === 31 ? 0 : (i * 7) & 0xff)))

  describe('its consumers under our worker', () => {
    const consumer = (stage: string) => ({ ...DEFAULT_CHILD, bin: programs.consumer, args: [stage] })

    it('transfer: a task with all its members, and an error with its causes', async () => {
      const processors = open.create({ children: { transfer: [consumer('transfer')] } })
      await writeFile(at('src'), 'replica')
      const stores = { persist1: { name: 'persist1', meta: { region: 'печать' } } }
      const task = (src: string): StageTask<'transfer'> => ({ stores, routes: [route(src, at('store/dest'))] })
      expect(await processors.run('transfer', task(at('src')))).to.equal(true)
      expect(await readFile(at('store/dest'), 'utf8')).to.equal('replica')

      const error = await processors.run('transfer', task(at('none'))).catch(failure => failure)
      expect(error).to.include({ code: 'failed', class: 'permanent', stage: 'transfer' })
      expect(error.message).to.match(/^copy a route\n\nCaused by:\n {4}0: read .*none\n {4}1: No such file/)
    })

    it('tree_d: the same file as ours', async () => {
      await writeFile(at('staged'), staged())
      const task = (cache: string): StageTask<'tree_d'> => ({
        registered_proof: sealProofByName(SEAL_PROOF).number,
        staged_file: at('staged'),
        cache_dir: at(cache),
      })
      const builtIn = createBuiltInStages({ env: process.env })
      try {
        await builtIn.run('tree_d', task('ours'))
      } finally {
        await builtIn.close()
      }
      const processors = open.create({ children: { tree_d: [consumer('tree_d')] } })
      expect(await processors.run('tree_d', task('theirs'))).to.equal(true)
      const tree = 'sc-02-data-tree-d.dat'
      expect((await readFile(at(`theirs/${tree}`))).equals(await readFile(at(`ours/${tree}`)))).to.equal(true)
    })

    it('c2: many at once, with number arrays both ways and a C1 output of 20 MB', async () => {
      const processors = open.create({ children: { c2: [consumer('c2')] } })
      const run = (sector: number, c1out: object) =>
        processors.run('c2', {
          c1out: { registered_proof: SEAL_PROOF, ...c1out },
          prover_id: proverId(1_000_000),
          sector_id: sector,
          miner_id: 1_000_000,
        })
      const ballast = 'x'.repeat(20 << 20)
      const outputs = await Promise.all([
        run(2 ** 40, { ballast }),
        ...Array.from({ length: 8 }, (_, sector) => run(sector, {})),
      ])
      for (const [index, { proof }] of outputs.entries()) {
        const echo = Buffer.from(proof)
        expect(echo.subarray(0, 32).equals(proverId(1_000_000))).to.equal(true)
        expect(Number(echo.readBigUInt64BE(32))).to.equal(index === 0 ? 2 ** 40 : index - 1)
        expect(Number(echo.readBigUInt64BE(40))).to.equal(1_000_000)
      }
      expect(Number(Buffer.from(outputs[0]!.proof).readBigUInt64BE(48))).to.be.greaterThan(20 << 20)
      expect((await run(1, { fail: 'no GPU' }).catch(error => error)).message).to.match(/^no GPU/)
    })

    it('conform: they answer no bad task, which is recommended only', async () => {
      const report = await runConformance({
        bin: programs.consumer,
        args: ['tree_d'],
        env: process.env,
        limits: { readySoonMs: 60_000, answerMs: 60_000, exitMs: 30_000 },
      })
      const ofNote = report.results.filter(({ result }) => result !== 'pass')
      expect(ofNote.map(({ check, result }) => `${check}: ${result}`)).to.deep.equal([
        'not-utf-8: warn',
        'bad-task-told: warn',
      ])
      expect(report.conforms).to.equal(true)
    })
  })

  describe('its producers and our processors', () => {
    /** What the producer got for each task. */
    async function produce(stage: string, tasks: readonly object[]): Promise<{ ok?: unknown; err?: string }[]> {
      const producer = spawn(programs.producer, [stage, process.execPath, WORKER, 'processor', stage], {
        stdio: ['pipe', 'pipe', 'pipe'],
      })
      const [stdout, stderr] = [text(producer.stdout), text(producer.stderr)]
      const exited = once(producer, 'exit')
      producer.stdin.end(tasks.map(task => `${JSON.stringify(task)}\n`).join(''))
      const [code] = await exited
      expect(code, await stderr).to.equal(0)
      return (await stdout)
        .trimEnd()
        .split('\n')
        .map(line => JSON.parse(line))
    }

    it('transfer: eight at once, and an error', async () => {
      const names = Array.from({ length: 8 }, (_, index) => `file-${index}`)
      for (const name of names) await writeFile(at(name), name)
      const tasks = [...names, 'none'].map(name => ({
        stores: { persist1: { name: 'persist1', meta: null } },
        routes: [route(at(name), at(`store/${name}`))],
      }))
      const outcomes = await produce('transfer', tasks)
      expect(outcomes.slice(0, 8)).to.deep.equal(names.map(() => ({ ok: true })))
      expect(outcomes[8]!.err).to.contain(`src path not exists: ${at('none')}`)
      for (const name of names) expect(await readFile(at(`store/${name}`), 'utf8')).to.equal(name)
    })

    it('add_pieces: the output is what ours is inside the worker', async () => {
      await writeFile(at('piece'), Buffer.alloc(1000, 7))
      const task = (name: string) => ({
        seal_proof_type: SEAL_PROOF,
        pieces: [
          { piece_file: { local: at('piece') }, payload_size: 1000, piece_size: 1016 },
          { piece_file: 'pledge' as const, payload_size: 0, piece_size: 1016 },
        ],
        staged_filepath: at(name),
      })
      const [outcome] = await produce('add_pieces', [task('theirs')])
      const builtIn = createBuiltInStages({ env: process.env })
      try {
        const pieces = await builtIn.run('add_pieces', {
          ...task('ours'),
          seal_proof_type: sealProofByName(SEAL_PROOF).number,
        })
        expect(outcome).to.deep.equal({
          ok: pieces.map(({ commitment, size }) => ({ commitment: [...commitment], size })),
        })
      } finally {
        await builtIn.close()
      }
      expect((await readFile(at('theirs'))).equals(await readFile(at('ours')))).to.equal(true)
    })

    it('tree_d and c2: what fails comes back as their error', async () => {
      await mkdir(at('cache'))
      const [tree] = await produce('tree_d', [
        { registered_proof: SEAL_PROOF, staged_file: at('none'), cache_dir: at('cache') },
      ])
      expect(tree!.err).to.contain(at('none'))
      const c1out = { registered_proof: SEAL_PROOF }
      const [c2] = await produce('c2', [{ c1out, prover_id: [...proverId(1000)], sector_id: 7, miner_id: 1000 }])
      expect(c2!.err).to.contain('c2 of sector 7 of miner 1000')
    })
  })
})
