import { open } from 'node:fs/promises'

/** A stage that one sector has been through, as the worker's log tells it. */
export interface StageDone {
  sector: string
  stage: string
  tookMs: number
}

const CHUNK_BYTES = 64 * 1024

/** Follows the worker's log file from its beginning, so that a sector's stages of an earlier start are in the table, too. */
export class StageLog {
  readonly #file: string
  #offset = 0
  #rest = ''

  constructor(file: string) {
    this.#file = file
  }

  /** The stages finished since the last call, in order. */
  async read(): Promise<StageDone[]> {
    const handle = await open(this.#file, 'r').catch(() => undefined)
    if (handle === undefined) return []
    const found: StageDone[] = []
    try {
      const buffer = Buffer.alloc(CHUNK_BYTES)
      for (;;) {
        const { bytesRead } = await handle.read(buffer, 0, CHUNK_BYTES, this.#offset)
        if (bytesRead === 0) return found
        this.#offset += bytesRead
        const lines = (this.#rest + buffer.toString('latin1', 0, bytesRead)).split('\n')
        this.#rest = lines.pop()!
        for (const line of lines) {
          const done = stageOf(line)
          if (done) found.push(done)
        }
      }
    } finally {
      await handle.close()
    }
  }
}

/** The worker's event `stage done` with `sector`, `stage` and `tookMs`; undefined for any other line. */
function stageOf(line: string): StageDone | undefined {
  if (!line.includes('"stage done"')) return undefined
  try {
    const { msg, sector, stage, tookMs } = JSON.parse(line) as Record<string, unknown>
    if (msg !== 'stage done' || typeof sector !== 'string' || typeof stage !== 'string' || typeof tookMs !== 'number')
      return undefined
    return { sector, stage, tookMs }
  } catch {
    return undefined
  }
}
