import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { CID } from 'multiformats/cid'
import type { ProverMethod, ProverRequest, ProverResult } from '../../../../plugins/prover/calls.js'
import type { StageProver } from '../../../../plugins/stages/stage-context.js'
import { commDToCid } from '../../../../rpc-schema/wire/cid.js'

const commitmentOf = (content: Uint8Array): Uint8Array => Uint8Array.from(createHash('sha256').update(content).digest())

/** The CID that the fake prover finds for a piece with this content. */
export const fakePieceCid = (content: Uint8Array): CID => commDToCid(commitmentOf(content))

/** A prover for which the commitment of a piece is the hash of its bytes. */
export class FakeProver implements StageProver {
  readonly calls: ProverMethod[] = []
  updatesHold = true

  async call<M extends ProverMethod>(method: M, request: ProverRequest<M>): Promise<ProverResult<M>> {
    this.calls.push(method)
    if (method === 'updateVerify') return this.updatesHold as ProverResult<M>
    if (method !== 'pieceCommitment') throw new Error(`no fake for ${method}`)
    const { dataPath, size } = request as ProverRequest<'pieceCommitment'>
    const piece = { commitment: commitmentOf(await readFile(dataPath!)), size }
    return piece as ProverResult<M>
  }

  async close(): Promise<void> {}
}
