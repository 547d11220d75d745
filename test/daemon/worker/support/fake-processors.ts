import { createHash } from 'node:crypto'
import { copyFile, lstat, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { CID } from 'multiformats/cid'
import type {
  LimitName,
  Processors,
  Release,
  StageName,
  StageOutput,
  StageRun,
  StageTask,
} from '../../../../daemon/worker/processors/processors.js'
import type { AddPiecesPiece } from '../../../../rpc-schema/processor/pieces.js'
import { fromHex, toHex } from '../../../../rpc-schema/wire/bytes.js'
import { cidToCommD, commDToCid } from '../../../../rpc-schema/wire/cid.js'
import { padded, unpadded } from '../../../../rpc-schema/wire/numbers.js'
import { computeUnsealedCommitment, zeroPieceCommitment } from '../../../../rpc-schema/wire/piece.js'
import { sealProof, updateProof } from '../../../../rpc-schema/wire/proof-types.js'

export interface StageCall {
  readonly stage: StageName
  // biome-ignore lint/suspicious/noExplicitAny: tests look into tasks of every stage
  readonly task: any
}

type Gate = (call: StageCall, when: 'before' | 'after') => Promise<void> | void

const digest = (...parts: (Uint8Array | string)[]): Uint8Array => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return Uint8Array.from(hash.digest())
}

/** Commitments are elements of a field of somewhat less than 2^255. */
const fieldElement = (bytes: Uint8Array): Uint8Array => bytes.with(31, bytes[31]! & 0x3f)

/**
 * Stages that work on real files in no time and are as strict about what they find as the real ones: PC1 wants the sealed file and
 * the tree, PC2 only takes a sealed file as PC1 left it, C1 wants the trees.
 */
export class FakeProcessors implements Processors {
  readonly calls: StageCall[] = []
  readonly limits: LimitName[] = []
  /** Content of pieces by CID. */
  readonly pieces = new Map<string, Buffer>()
  /** What comes out of sealed and of upgraded sectors, by sector number. */
  readonly unsealed = new Map<number, Buffer>()
  closed = false
  /** What the end of the processors waits for. */
  closing: (() => Promise<void>) | undefined
  /** All processors of this stage are taken, by others, for as long as it is set. */
  taken: StageName | undefined
  /** Layers that PC1 computed, in order. */
  readonly layersMade: number[] = []
  /** Called before PC1 writes a layer; what it throws ends PC1 there. */
  onLayer: ((layer: number) => Promise<void> | void) | undefined
  /** Changes what a stage gives. */
  // biome-ignore lint/suspicious/noExplicitAny: tests change outputs of every stage
  readonly spoiled = new Map<StageName, (output: any) => any>()
  #gate: Gate | undefined

  gate(gate: Gate | undefined): void {
    this.#gate = gate
  }

  ran(stage: StageName): StageCall[] {
    return this.calls.filter(call => call.stage === stage)
  }

  async acquire(stage: LimitName, signal?: AbortSignal): Promise<Release> {
    signal?.throwIfAborted()
    this.limits.push(stage)
    return () => {}
  }

  async ready(): Promise<void> {}

  async close(): Promise<void> {
    await this.closing?.()
    this.closed = true
  }

  run<S extends StageName>(stage: S, task: StageTask<S>, run: StageRun = {}): Promise<StageOutput<S>> {
    const work = this.#work(stage, task, run)
    run.onWork?.(work)
    return work
  }

  async #work<S extends StageName>(stage: S, task: StageTask<S>, run: StageRun): Promise<StageOutput<S>> {
    const call: StageCall = { stage, task }
    if (this.taken === stage) {
      const { waitSignal } = run
      await new Promise((_, reject) => waitSignal?.addEventListener('abort', () => reject(waitSignal.reason)))
    }
    run.onStart?.(`fake ${stage}`)
    await this.#gate?.(call, 'before')
    this.calls.push(call)
    const work = (this.#stages as Record<string, (task: unknown) => Promise<unknown>>)[stage]
    if (work === undefined) throw new Error(`no fake for ${stage}`)
    const spoil = this.spoiled.get(stage) ?? (output => output)
    const output = spoil(await work(task))
    await this.#gate?.(call, 'after')
    return output as StageOutput<S>
  }

  /** As the proofs library does: a layer that is there with the right size is taken as it is. */
  async #makeLayer(cache: string, layer: number, { registered_proof, ticket }: StageTask<'pc1'>): Promise<void> {
    const { sectorSize } = sealProof(registered_proof)
    const path = join(cache, `sc-02-data-layer-${layer}.dat`)
    const found = await stat(path).catch(() => undefined)
    if (found?.size === sectorSize) return
    this.layersMade.push(layer)
    await this.onLayer?.(layer)
    await writeFile(path, layerOf(ticket, layer, sectorSize))
  }

  readonly #stages: { [S in StageName]?: (task: StageTask<S>) => Promise<StageOutput<S>> } = {
    add_pieces: async task => {
      const { sectorSize } = sealProof(task.seal_proof_type)
      if (task.pieces.length === 0) {
        await writeFile(task.staged_filepath, Buffer.alloc(sectorSize))
        return [{ commitment: zeroPieceCommitment(sectorSize), size: unpadded(sectorSize) }]
      }
      const written = task.pieces.map(piece => ({ commitment: commitmentOf(piece), size: piece.piece_size }))
      await writeFile(task.staged_filepath, Buffer.alloc(sectorSize, toHex(written[0]!.commitment)))
      return written
    },
    tree_d: async task => {
      await writeFile(join(task.cache_dir, 'sc-02-data-tree-d.dat'), digest(await readFile(task.staged_file)))
      return true
    },
    pc1: async task => {
      await stat(task.out_path)
      await readFile(join(task.cache_path, 'sc-02-data-tree-d.dat'))
      for (const layer of [1, 2]) await this.#makeLayer(task.cache_path, layer, task)
      await copyFile(task.in_path, task.out_path)
      const pieces = task.piece_infos.map(piece => ({
        Size: padded(piece.size),
        PieceCID: commDToCid(piece.commitment),
      }))
      const commD = computeUnsealedCommitment(sealProof(task.registered_proof).sectorSize, pieces)
      return {
        registered_proof: sealProof(task.registered_proof).name,
        comm_d: toHex(commD),
        input: toHex(digest(await readFile(task.in_path))),
        ticket: toHex(task.ticket),
        proof: task.registered_proof,
      }
    },
    pc2: async task => {
      const pc1out = task.pc1out as unknown as { input: string; comm_d: string; ticket: string; proof: number }
      const input = await readFile(task.sealed_file)
      if (toHex(digest(input)) !== pc1out.input) throw new Error('the sealed file is not what PC1 left')
      for (const layer of [1, 2]) {
        const content = await readFile(join(task.cache_dir, `sc-02-data-layer-${layer}.dat`))
        if (!content.equals(layerOf(fromHex(pc1out.ticket), layer, content.length)))
          throw new Error(`layer ${layer} is of another sector`)
      }
      const left = (await readdir(task.cache_dir)).filter(name => name === 'p_aux')
      if (left.length > 0) throw new Error('files of an earlier PC2 are still there')
      await writeFile(task.sealed_file, Buffer.concat([Buffer.from('sealed'), input.subarray(6)]))
      for (const name of ['p_aux', 't_aux', 'sc-02-data-tree-r-last.dat', 'sc-02-data-tree-c-0.dat']) {
        await writeFile(join(task.cache_dir, name), `${name} of ${pc1out.ticket}`)
      }
      const comm_r = fieldElement(digest('comm_r', pc1out.input, pc1out.ticket))
      return { registered_proof: pc1out.proof, comm_r, comm_d: fromHex(pc1out.comm_d) }
    },
    synth_proof: async task => {
      await readFile(join(task.cache_path, 'sc-02-data-layer-1.dat'))
      await writeFile(join(task.cache_path, 'syn-porep-vanilla-proofs.dat'), 'synthetic')
      return true
    },
    c1: async task => {
      await readFile(join(task.cache_path, 'sc-02-data-tree-r-last.dat'))
      await readFile(task.sealed_file)
      return { registered_proof: sealProof(task.registered_proof).name, vanilla: toHex(digest(task.seed, task.comm_r)) }
    },
    c2: async task => {
      const proof = new Uint8Array(192)
      proof.set(digest('proof', (task.c1out as unknown as { vanilla: string }).vanilla))
      return { proof }
    },
    clear_cache: async task => {
      for (const name of await readdir(task.cache_path)) {
        if (name.includes('layer') || name.includes('tree-c')) await rm(join(task.cache_path, name))
      }
      return true
    },
    unseal: async task => {
      await readFile(task.sealed_file)
      const range = this.unsealed.get(task.sector_id)!.subarray(task.offset, task.offset + task.num_bytes)
      await writeFile(task.unsealed_output, range)
      return range.length
    },
    snap_decode: async task => {
      await readFile(task.new_replica_path)
      const range = this.unsealed.get(task.sector_id)!.subarray(task.offset, task.offset + task.num_bytes)
      await writeFile(task.unsealed_output, range)
      return range.length
    },
    window_post: async task => {
      const faults: number[] = []
      // What is read already needs no files of sectors.
      if (task.vanilla_files !== undefined) return { proofs: [digest('window', task.seed)], faults }
      for (const { sector_id, sealed_file, cache_dir } of task.replicas) {
        const files = [sealed_file, join(cache_dir, 'p_aux')]
        const there = await Promise.all(files.map(file => stat(file).catch(() => undefined)))
        if (there.includes(undefined)) faults.push(sector_id)
      }
      return { proofs: faults.length > 0 ? [] : [digest('window', task.seed)], faults }
    },
    transfer: async task => {
      for (const { src, dest, opt } of task.routes) {
        await mkdir(dirname(dest.uri), { recursive: true })
        await stat(src.uri)
        await rm(dest.uri, { force: true })
        if (opt?.allow_link) await symlink(src.uri, dest.uri)
        else await copyFile(src.uri, dest.uri)
      }
      return true
    },
    snap_encode: async task => {
      const { sectorSize } = updateProof(task.registered_proof)
      const made = await lstat(task.new_replica_path)
      if (!made.isFile() || made.size !== sectorSize) throw new Error('the update file is not there with its size')
      const left = (await readdir(task.new_cache_path)).filter(name => name !== 'sc-02-data-tree-d.dat')
      if (left.length > 0) throw new Error(`files of an earlier encoding are still there: ${left}`)
      await readFile(join(task.new_cache_path, 'sc-02-data-tree-d.dat'))
      await readFile(join(task.sector_cache_path, 'p_aux'))
      const key = await readFile(task.sector_path)
      const data = await readFile(task.staged_data_path)
      await writeFile(task.new_replica_path, Buffer.concat([Buffer.from('update'), data.subarray(6)]))
      for (const name of ['p_aux', 't_aux', 'sc-02-data-tree-r-last.dat']) {
        await writeFile(join(task.new_cache_path, name), `updated ${name}`)
      }
      const comm_d_new = computeUnsealedCommitment(
        sectorSize,
        task.piece_infos.map(piece => ({ Size: padded(piece.size), PieceCID: commDToCid(piece.commitment) })),
      )
      const comm_r_new = fieldElement(digest('comm_r_new', key, data))
      return { comm_r_new, comm_r_last_new: fieldElement(digest('comm_r_last', data)), comm_d_new }
    },
    snap_vanilla: async task => {
      for (const cache of [task.sector_cache_path, task.new_cache_path]) await readFile(join(cache, 'p_aux'))
      await readFile(task.sector_path)
      return [digest('vanilla', await readFile(task.new_replica_path), task.comm_r_old)]
    },
    snap_prove: async task => {
      const proof = new Uint8Array(192)
      proof.set(digest('update', task.vannilla_proofs[0]!, task.comm_r_old, task.comm_r_new, task.comm_d_new))
      return proof
    },
  }
}

const layerOf = (ticket: Uint8Array, layer: number, bytes: number): Buffer =>
  Buffer.alloc(bytes, digest(ticket, `${layer}`))

function commitmentOf(piece: AddPiecesPiece): Uint8Array {
  if (piece.piece_file === 'pledge') return zeroPieceCommitment(padded(piece.piece_size))
  const path = 'url' in piece.piece_file ? new URL(piece.piece_file.url).pathname : piece.piece_file.local
  return cidToCommD(CID.parse(basename(path, '.car')))
}
