import { execFileSync } from 'node:child_process'
import { createHash, randomFillSync } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import path from 'node:path'
import { tableText } from '../daemon/kit/terminal/table.js'
import type { Generator } from '../plugins/prover/calls.js'
import { prover } from '../plugins/prover/prover.js'
import { toHex } from '../rpc-schema/wire/bytes.js'

/**
 * Piece commitment, adding a piece, and tree-d on all cores beside the library's own functions on one: `node dist/bench/piece-commitment.js
 * [MiB…]`, default 64 and 512. Each run is a process of its own (the library's pool is held to one thread by RAYON_NUM_THREADS), so that its
 * CPU time and its memory are its own too. The results are compared byte for byte.
 */
const WORKS = ['commitment', 'add piece', 'tree-d'] as const
type Work = (typeof WORKS)[number]

interface Measured {
  readonly seconds: number
  readonly cpuSeconds: number
  readonly peakMiB: number
  readonly result: string
}

const ROUNDS = 3
/** Cores that ours must be worth, of those it is given. */
const WANTED_SHARE = 0.8

/** Any seal proof whose sectors take the data: the size of the tree is that of the sector. */
const sealProofOf = (mebibytes: number): string =>
  mebibytes === 8 ? 'StackedDrg8MiBV1_1' : mebibytes === 512 ? 'StackedDrg512MiBV1_1' : 'StackedDrg32GiBV1_1'

const [mode, ...rest] = process.argv.slice(2)
if (mode === 'measure') await measure(rest[0] as Work, rest[1] as Generator, Number(rest[2]), rest[3]!)
else await compare(mode === undefined ? [64, 512] : [mode, ...rest].map(Number))

async function measure(work: Work, generator: Generator, mebibytes: number, directory: string): Promise<void> {
  const sealProof = sealProofOf(mebibytes)
  const size = mebibytes * 2 ** 20 - mebibytes * 2 ** 13
  const dataPath = path.join(directory, 'piece')
  const stagedPath = path.join(directory, 'staged')
  const cacheDir = path.join(directory, `cache-${generator}`)
  const output = { commitment: '', 'add piece': stagedPath, 'tree-d': path.join(cacheDir, 'sc-02-data-tree-d.dat') }
  if (work !== 'tree-d') await rm(stagedPath, { force: true })
  await rm(cacheDir, { recursive: true, force: true })
  const startedAt = performance.now()
  const before = process.cpuUsage()
  const commitment =
    work === 'commitment'
      ? prover.pieceCommitment({ sealProof, dataPath, size, generator }).commitment
      : work === 'add piece'
        ? prover.addPiece({ sealProof, dataPath, size, stagedPath, existingPieceSizes: [], generator }).piece.commitment
        : prover.treeD({ sealProof, stagedPath, cacheDir, generator }).commD
  const seconds = (performance.now() - startedAt) / 1_000
  const { user, system } = process.cpuUsage(before)
  const hash = createHash('sha256').update(commitment)
  if (existsSync(output[work])) for await (const chunk of createReadStream(output[work])) hash.update(chunk)
  const measured: Measured = {
    seconds,
    cpuSeconds: (user + system) / 1e6,
    peakMiB: process.resourceUsage().maxRSS / 1024,
    result: `${toHex(commitment)} ${hash.digest('hex')}`,
  }
  process.stdout.write(JSON.stringify(measured))
}

/** The fastest of some rounds. */
function best(work: Work, generator: Generator, mebibytes: number, directory: string): Measured {
  const env = generator === 'stock' ? { ...process.env, RAYON_NUM_THREADS: '1' } : process.env
  const runs = Array.from({ length: ROUNDS }, () => {
    const args = [process.argv[1]!, 'measure', work, generator, String(mebibytes), directory]
    return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8', env })) as Measured
  })
  return runs.sort((a, b) => a.seconds - b.seconds)[0]!
}

async function compare(sizes: readonly number[]): Promise<void> {
  const cores = availableParallelism()
  const rows: (string | number)[][] = []
  for (const mebibytes of sizes) {
    const directory = await mkdtemp(path.join(tmpdir(), 'sealyard-bench-'))
    try {
      await writePiece(path.join(directory, 'piece'), mebibytes)
      for (const work of WORKS) {
        // Only sizes that are sectors have a tree.
        if (work === 'tree-d' && ![8, 512].includes(mebibytes)) continue
        const stock = best(work, 'stock', mebibytes, directory)
        const fast = best(work, 'fast', mebibytes, directory)
        const same = stock.result === fast.result
        const ratio = stock.seconds / fast.seconds
        if (!same) process.exitCode = 1
        rows.push([
          `${mebibytes} MiB`,
          work,
          stock.seconds.toFixed(2),
          fast.seconds.toFixed(2),
          `${ratio.toFixed(1)}x`,
          `${(ratio / cores).toFixed(2)}${ratio < WANTED_SHARE * cores ? ' (too little)' : ''}`,
          `${stock.cpuSeconds.toFixed(2)} / ${fast.cpuSeconds.toFixed(2)}`,
          `${Math.round(stock.peakMiB)} / ${Math.round(fast.peakMiB)}`,
          same ? 'same bytes' : 'DIFFERENT BYTES',
        ])
      }
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  }
  const header = ['size', 'work', 'library s', 'ours s', 'ratio', 'per core', 'CPU s', 'peak MiB', 'result']
  process.stdout.write(`${cores} cores; library: one thread\n${tableText(header, rows)}\n`)
}

async function writePiece(file: string, mebibytes: number): Promise<void> {
  await using handle = await open(file, 'w')
  const chunk = Buffer.alloc(127 << 13)
  for (let written = 0; written < mebibytes; written += 1) await handle.write(randomFillSync(chunk))
}
