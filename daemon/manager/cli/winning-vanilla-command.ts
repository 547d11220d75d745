import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { Command } from 'commander'
import { proverId } from '../../../rpc-schema/processor/sector.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { cidToCommR } from '../../../rpc-schema/wire/cid.js'
import { postProof, sealProof } from '../../../rpc-schema/wire/proof-types.js'
import { parseSectorName } from '../../../rpc-schema/wire/sector-id.js'
import { silentLog } from '../../kit/log.js'
import type { Reach } from './reach.js'
import { say } from './talk.js'

const LIMIT_MS = 10 * 60_000

interface Flags {
  sealedFile: string
  cacheDir: string
  output?: string
}

/** `util sealer proving winning-vanilla`: reads the leaves that a winning PoSt would ask for from files on this machine. */
export function winningVanillaCommand(reach: Pick<Reach, 'chain'>): Command {
  return new Command('winning-vanilla')
    .description('Make the vanilla proof of a winning PoSt from the files of a sector on this machine')
    .requiredOption('--sealed-file <path>', 'the sealed file, named by its sector as in s-t01000-3')
    .requiredOption('--cache-dir <path>', 'its cache directory')
    .option('--output <path>', 'where the proof goes; default: it is only made')
    .action((flags: Flags) =>
      reach.chain(async chain => {
        const sid = parseSectorName(basename(flags.sealedFile))
        const info = await chain.StateSectorGetInfo(Address.fromId(sid.Miner), sid.Number, [])
        if (info === null) throw new Error(`${basename(flags.sealedFile)} is not on the chain, which tells its CommR`)
        const replica = {
          sectorId: sid.Number,
          commR: cidToCommR(info.SealedCID),
          sealedPath: resolve(flags.sealedFile),
          cacheDir: resolve(flags.cacheDir),
        }
        const proofType = postProof(sealProof(info.SealProof).winningPoSt).wireName
        const request = { proofType, proverId: proverId(sid.Miner), randomness: randomBytes(32), replicas: [replica] }
        // Only now: the other commands start faster without it.
        const { NativeSectorProver } = await import('../storage/sector-proofs.js')
        const prover = new NativeSectorProver(silentLog)
        try {
          const limits = { runMs: LIMIT_MS, waitMs: LIMIT_MS }
          const { proofs, faults } = await prover.prove('this machine', 'postVanillaProofs', request, limits)
          const [fault] = faults
          if (fault !== undefined) throw new Error(`sector ${fault.sectorId}: ${fault.message}`)
          const { vanillaProof } = proofs[0]!
          if (flags.output !== undefined) writeFileSync(flags.output, vanillaProof)
          say(`vanilla proof of ${vanillaProof.length} bytes${flags.output === undefined ? '' : `: ${flags.output}`}`)
        } finally {
          prover.close()
        }
      }),
    )
}
