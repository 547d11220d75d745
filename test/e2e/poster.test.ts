import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { NativeVerifier } from '../../daemon/devnet/native-verifier.js'
import { ensureParameters } from '../../plugins/prover/parameters.js'
import { METHODS } from '../../rpc-schema/actors/actor-methods.js'
import { ON_CHAIN_STATE } from '../../rpc-schema/manager/commitment.js'
import { sealyardService } from '../../rpc-schema/manager/sealyard.js'
import { rpcClient } from '../../rpc-schema/rpc/client.js'
import { connectRpc } from '../../rpc-schema/rpc/connection.js'
import { Address } from '../../rpc-schema/wire/address.js'
import { sectorName } from '../../rpc-schema/wire/sector-id.js'
import { goodProof, ManagerBench, MINER } from '../daemon/manager/manager-bench.js'
import { eventually } from '../harness/eventually.js'
import { SectorOnDisk } from '../plugins/prover/sealed-sector.js'

const LIMIT_MS = 300_000
const TICK_MS = 50
const miner = Address.fromId(MINER)

describe('e2e: the poster proves real sectors', function () {
  this.timeout(2 * LIMIT_MS)
  const native = new NativeVerifier()
  const sectors: SectorOnDisk[] = []
  let bench: ManagerBench
  let stopped = false
  let ticking: Promise<void> | undefined

  /** Epochs pass quickly, but none while a proof is being made: how fast this machine is does not matter. */
  async function tick(): Promise<void> {
    const connection = connectRpc(`http://${bench.manager.address}`, { path: '/rpc/v0' })
    const own = rpcClient(sealyardService, connection)
    while (!stopped) {
      const windows = await own.PostTimeline(MINER, 4)
      const isProving = windows.some(({ Outcome, Partitions, Steps }) => {
        const steps = Steps.map(({ Step }) => Step)
        return Outcome === 'running' && Partitions > 0 && steps.includes('begun') && !steps.includes('verified')
      })
      if (!isProving) await bench.admin.Advance(1)
      await new Promise(resolve => setTimeout(resolve, TICK_MS))
    }
    await connection.close()
  }

  before(async () => {
    await ensureParameters({ sectorSize: 2048 })
    bench = await new ManagerBench({
      // Its own provers and verifier; the chain looks at window proofs only.
      poster: {},
      devnet: {
        challengeWindow: 60,
        deadlines: 4,
        startEpoch: 5_000,
        manual: true,
        verifier: {
          verifySeal: async () => true,
          verifyAggregate: async () => true,
          verifyUpdate: async () => true,
          verifyWindowPost: post => native.verifyWindowPost(post),
          pieceCommitment: piece => native.pieceCommitment(piece),
          close: () => native.close(),
        },
      },
    }).start()
  })
  after(async () => {
    stopped = true
    await ticking
    await bench?.stop()
    for (const sector of sectors) sector.remove()
  })

  type Sealed = Awaited<ReturnType<ManagerBench['sealed']>> & { readonly onDisk: SectorOnDisk }

  async function sealedOnDisk(): Promise<Sealed> {
    const sealed = await bench.sealed()
    const { sid } = sealed
    const onDisk = new SectorOnDisk(sid.Number).preCommit()
    sectors.push(onDisk)
    const files = { sealed: onDisk.sealedPath, cache: onDisk.cacheDir }
    for (const [dir, path] of Object.entries(files)) {
      mkdirSync(join(bench.storeDir, dir), { recursive: true })
      symlinkSync(path, join(bench.storeDir, dir, sectorName(sid)))
    }
    return { ...sealed, onDisk }
  }

  async function proven({ sector, sid, pre, onDisk }: Sealed): Promise<void> {
    const { api } = bench
    await api.SubmitPreCommit(sector, { ...pre, CommR: onDisk.commR }, false)
    await bench.preCommitState(sid, ON_CHAIN_STATE.landed)
    if (!(await api.SubmitPersistedEx(sid, 'persist', false))) throw new Error('files not found')
    await bench.seed(sid, sector.ProofType)
    await api.SubmitProof(sid, { Proof: goodProof(sid.Number) }, false)
    await bench.proofState(sid, ON_CHAIN_STATE.landed)
    await api.ReportFinalized(sid)
  }

  it('with its own prover, and the chain takes the proofs', async () => {
    const all: Sealed[] = []
    for (let count = 0; count < 3; count++) all.push(await sealedOnDisk())
    ticking = tick()
    await Promise.all(all.map(proven))
    await eventually('three active sectors', LIMIT_MS, async () => {
      const { Active } = await bench.chain.StateMinerSectorCount(miner, [])
      return Active === 3 || undefined
    })
    const sent = await bench.admin.Messages({ Miner: MINER, Method: METHODS.miner.SubmitWindowedPoSt })
    expect(sent.map(({ Receipt }) => Receipt?.ExitCode)).to.satisfy((codes: number[]) =>
      codes.every(code => code === 0),
    )
    expect((await bench.chain.StateMinerPower(miner, [])).MinerPower.RawBytePower).to.equal(6144n)
  })
})
