import { Command, InvalidArgumentError, Option } from 'commander'
import { proofService } from '../../rpc-schema/gpuproxy/index.js'
import type { StageTask } from '../../rpc-schema/processor/stages.js'
import { rpcClient } from '../../rpc-schema/rpc/client.js'
import { connectRpc } from '../../rpc-schema/rpc/connection.js'
import { createProverPool } from '../prover/pool.js'
import { defineProcessor } from '../sdk/index.js'
import { outsourceC2 } from './outsource.js'

interface RunOptions {
  gpuproxyUrl: string
  pollTaskInterval: number
  token?: string
}

/** Documents of tens of megabytes are sent. */
const CALL_TIMEOUT_MS = 300_000

const seconds = (text: string): number => {
  if (!/^\d+(\.\d+)?$/.test(text) || Number(text) === 0) throw new InvalidArgumentError('expected seconds.')
  return Number(text)
}

/** The command line of `cluster_c2_plugin`: a `c2` processor whose proofs are made behind a gpuproxy. */
export function clusterC2Program(version: string): Command {
  const program = new Command('cluster_c2_plugin')
    .description('a c2 processor that has proofs made by a gpuproxy')
    .version(version, '-V, --version', 'print the version')
  program
    .command('run')
    .description('serve a worker on stdin and stdout')
    .addOption(
      new Option('--gpuproxy-url <url>', 'where gpuproxy is')
        .env('C2PROXY_LISTEN_URL')
        .default('http://127.0.0.1:18888'),
    )
    .addOption(
      new Option('--poll-task-interval <seconds>', 'between two looks at a task')
        .env('C2PROXY_POLL_TASK_INTERVAL')
        .argParser(seconds)
        .default(60),
    )
    .addOption(new Option('--token <token>', 'for a server that wants one').env('C2PROXY_TOKEN'))
    .addOption(new Option('--log-level <level>', 'RUST_LOG decides').env('C2PROXY_LOG_LEVEL').hideHelp())
    .addOption(new Option('--no-gpu', 'nothing is proven here').hideHelp())
    .action(run)
  return program
}

async function run({ gpuproxyUrl, pollTaskInterval, token }: RunOptions): Promise<void> {
  const url = /^https?:\/\//.test(gpuproxyUrl) ? gpuproxyUrl : `http://${gpuproxyUrl}`
  const api = rpcClient(
    proofService,
    connectRpc(url, { path: '/', timeoutMs: CALL_TIMEOUT_MS, ...(token && { token }) }),
  )
  let pool: ReturnType<typeof createProverPool> | undefined
  const verify = async (
    { c1out, prover_id, sector_id }: StageTask<'c2'>,
    proof: Uint8Array,
  ): Promise<boolean | undefined> => {
    pool ??= createProverPool({ threads: 1 })
    const bytes = (name: string): Uint8Array => Uint8Array.from(c1out[name] as number[])
    try {
      return await pool.call('verifySeal', {
        sealProof: c1out.registered_proof,
        proverId: prover_id,
        sectorId: sector_id,
        ticket: bytes('ticket'),
        seed: bytes('seed'),
        commR: bytes('comm_r'),
        commD: bytes('comm_d'),
        proof,
      })
    } catch {
      return undefined
    }
  }
  await defineProcessor('c2', async (task, { log, signal }) => ({
    proof: await outsourceC2(task, { api, verify, pollMs: pollTaskInterval * 1000, log, signal }),
  })).serve()
}
