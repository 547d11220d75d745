import { mkdirSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { pino } from 'pino'
import { z } from 'zod'
import { NativeVerifier } from '../../daemon/devnet/native-verifier.js'
import { ensureParameters } from '../../plugins/prover/parameters.js'
import { prover } from '../../plugins/prover/prover.js'
import { METHODS } from '../../rpc-schema/actors/actor-methods.js'
import { ComputedProofs, ComputeProofRequest, PROOF_EVENT } from '../../rpc-schema/chain/gateway.js'
import { ON_CHAIN_STATE } from '../../rpc-schema/manager/commitment.js'
import { sealyardService } from '../../rpc-schema/manager/sealyard.js'
import { rpcClient } from '../../rpc-schema/rpc/client.js'
import { connectRpc } from '../../rpc-schema/rpc/connection.js'
import { Address } from '../../rpc-schema/wire/address.js'
import { Bitfield } from '../../rpc-schema/wire/bitfield.js'
import { sectorName } from '../../rpc-schema/wire/sector-id.js'
import { fastClock, goodProof, ManagerBench, MINER } from '../daemon/manager/manager-bench.js'
import { eventually } from '../harness/eventually.js'
import { ScriptedGateway } from '../harness/scripted-gateway.js'
import { PROVER_ID, SectorOnDisk, WINNING_PROOF } from '../plugins/prover/sealed-sector.js'

const LIMIT_MS = 300_000
const TICK_MS = 50
const SPEED = 20
const miner = Address.fromId(MINER)

describe('e2e: the manager proves real sectors', function () {
  this.timeout(2 * LIMIT_MS)
  const native = new NativeVerifier()
  const sectors: SectorOnDisk[] = []
  let bench: ManagerBench
  let gateway: ScriptedGateway
  const told: string[] = []
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
    gateway = await ScriptedGateway.open()
    bench = await new ManagerBench({
      // A busy machine without a GPU needs more than the 30 s of a block.
      winning: { warmUp: true, limitMs: SPEED * LIMIT_MS },
      gateways: [gateway.url],
      clock: fastClock(SPEED),
      minerConfig: `[Miners.Proof]
Enabled = true
[Miners.Commitment]
Confidence = 2
[Miners.Commitment.Pre.Batch]
Threshold = 1
[Miners.Commitment.Prove.Batch]
Threshold = 1
`,
      // Where there is a gateway, messages go through it, unless a messager is named.
      messager: true,
      log: pino({ level: 'info' }, { write: line => void told.push(JSON.parse(line).msg) }),
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
    await gateway?.close()
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

  it('windows, with its own prover, and the chain takes the proofs', async () => {
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

  /** A sector as a block producer names it when it has won. */
  const won = async (number: number, Rand: Uint8Array) => {
    const [info] = await bench.chain.StateMinerSectors(miner, Bitfield.of([number]), [])
    const { SealProof, SectorNumber, SealedCID, SectorKeyCID: SectorKey } = info!
    const SectorInfos = [{ SealProof, SectorNumber, SealedCID, SectorKey }]
    return z.encode(ComputeProofRequest, { SectorInfos, Rand, Height: 6_000, NWVersion: 22 })
  }

  it('a won block, asked through a gateway: warm after its start, and the network takes the proof', async () => {
    stopped = true
    await ticking
    await bench.manager.stop()
    told.length = 0
    await bench.startManager()
    expect(told).to.include('warmup proof done')
    const Rand = new Uint8Array(32).fill(0xff)
    const listening = () => gateway.listeners.has(MINER) || undefined
    await eventually('it listens', LIMIT_MS, listening)
    const { Error: why, Payload } = await gateway.ask(
      MINER,
      PROOF_EVENT.computeProof,
      await won(sectors[0]!.sectorId, Rand),
    )
    expect(why).to.equal('')
    const [proof] = z.decode(ComputedProofs, JSON.parse(Payload))
    expect(proof!.PoStProof).to.equal(0)
    const replicas = [{ sectorId: sectors[0]!.sectorId, commR: sectors[0]!.commR }]
    const claim = { proofType: WINNING_PROOF, proverId: PROVER_ID, randomness: Rand, replicas }
    expect(prover.verifyWinningPost({ ...claim, proof: proof!.ProofBytes })).to.equal(true)
    const page = await (await fetch(`http://${bench.manager.address}/metrics`)).text()
    expect(page).to.include('damocles_manager_winning_posts{miner="1000",outcome="proven"} 1')
    expect(page).to.match(/winning_gateway_up\{gateway="[^"]+",miner="1000"\} 1/)
  })

  it('a won block of a sector whose file is gone: the producer is told at once', async () => {
    const { sectorId } = sectors[1]!
    rmSync(join(bench.storeDir, 'sealed', sectorName({ Miner: MINER, Number: sectorId })))
    const answer = await gateway.ask(MINER, PROOF_EVENT.computeProof, await won(sectorId, new Uint8Array(32).fill(1)))
    expect(answer.Error).to.include(`sector ${sectorId} cannot be read`)
  })
})
