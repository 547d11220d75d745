import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { ProverMethod, ProverRequest, ProverResult } from '../../../plugins/prover/calls.js'
import { encodeRequest } from '../../../plugins/prover/codec.js'
import { decodeResult } from '../../../plugins/prover/prover.js'

const script = fileURLToPath(new URL('../../fixtures/prover/ask-prover.js', import.meta.url))

/** A call in a new process whose proofs look for parameters in this directory. */
export function callElsewhere<M extends ProverMethod>(
  parameters: string,
  method: M,
  request: ProverRequest<M>,
): ProverResult<M> {
  const output = execFileSync(process.execPath, [script], {
    input: `${JSON.stringify({ method, request: encodeRequest(request) })}\n`,
    env: { ...process.env, FIL_PROOFS_PARAMETER_CACHE: parameters },
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  })
  return decodeResult(method, output)
}

/** The same without waiting: a process that can be killed in the middle. */
export function startElsewhere<M extends ProverMethod>(
  parameters: string,
  method: M,
  request: ProverRequest<M>,
): ChildProcess {
  const child = spawn(process.execPath, [script], {
    env: { ...process.env, FIL_PROOFS_PARAMETER_CACHE: parameters },
    stdio: ['pipe', 'ignore', 'inherit'],
  })
  child.stdin?.end(`${JSON.stringify({ method, request: encodeRequest(request) })}\n`)
  return child
}
