import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { persistedFiles } from '../daemon/manager/storage/store-files.js'
import { ON_CHAIN_STATE } from '../rpc-schema/manager/commitment.js'
import type { managerService } from '../rpc-schema/manager/index.js'
import type { Client } from '../rpc-schema/rpc/method.js'
import { zeroPieceCommitment } from '../rpc-schema/wire/piece.js'

const SECTOR_SIZE = 2048
/** Workers of the original ask each 30 s; chains of a bench are that much faster. */
const PAUSE_MS = 100
const STEPS_BEFORE_PROOF = 12
const STEPS_AFTER_PROOF = 4

const pause = (ms = PAUSE_MS): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

/**
 * What a worker says to the manager about one CC sector, from its number to its end: 27 calls where nothing has to be asked again. The files of the
 * sector are written beforehand. Returns how many calls it took.
 */
export async function converse(api: Client<typeof managerService.methods>, storeDir: string): Promise<number> {
  let calls = 0
  const say = async <T>(answer: Promise<T>): Promise<T> => {
    calls += 1
    return answer
  }
  const sector = await say(api.AllocateSector({ AllowedMiners: [1000], AllowedProofTypes: [] }))
  if (sector === null) throw new Error('no sector')
  const { ID: sid, ProofType } = sector
  for (const file of persistedFiles(sid, ProofType, false)) {
    mkdirSync(dirname(join(storeDir, file)), { recursive: true })
    writeFileSync(join(storeDir, file), 'x')
  }
  const report = (count: number): Promise<unknown> =>
    Array.from({ length: count }).reduce<Promise<unknown>>(
      (before, _, step) =>
        before.then(() =>
          say(
            api.ReportState(sid, {
              Worker: { Instance: 'bench', Location: '/tmp/sealing' },
              StateChange: { Prev: `S${step}`, Next: `S${step + 1}`, Event: 'Step' },
              Failure: null,
            }),
          ),
        ),
      Promise.resolve(),
    )
  await say(api.AcquireDeals(sid, { MaxDeals: null, MinUsedSpace: null }))
  const Ticket = await say(api.AssignTicket(sid))
  await report(STEPS_BEFORE_PROOF)
  const CommR = new Uint8Array(32).fill(sid.Number % 250)
  CommR[31] = 0
  const submitted = await say(
    api.SubmitPreCommit(sector, { CommR, CommD: zeroPieceCommitment(SECTOR_SIZE), Ticket }, false),
  )
  if (submitted.Res !== 1) throw new Error(`pre-commit: ${submitted.Res} ${submitted.Desc}`)
  const landed = async (poll: () => Promise<{ State: number; Desc: string | null }>): Promise<void> => {
    for (let state = await say(poll()); state.State !== ON_CHAIN_STATE.landed; state = await say(poll())) {
      if (state.State > ON_CHAIN_STATE.landed) throw new Error(`state ${state.State} ${state.Desc}`)
      await pause()
    }
  }
  await landed(() => api.PollPreCommitState(sid))
  await say(api.StoreReserveSpace(sid, 2 * SECTOR_SIZE, ['persist']))
  await say(api.SubmitPersistedEx(sid, 'persist', false))
  for (
    let seed = await say(api.WaitSeed(sid, ProofType));
    seed.ShouldWait;
    seed = await say(api.WaitSeed(sid, ProofType))
  )
    await pause(seed.Delay * 1_000)
  const proof = await say(api.SubmitProof(sid, { Proof: new Uint8Array(192).fill(1) }, false))
  if (proof.Res !== 1) throw new Error(`proof: ${proof.Res} ${proof.Desc}`)
  await landed(() => api.PollProofState(sid))
  await report(STEPS_AFTER_PROOF)
  await say(api.ReportFinalized(sid))
  return calls
}
