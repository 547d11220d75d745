import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { pino } from 'pino'
import { z } from 'zod'
import { ensureParameters } from '../../plugins/prover/parameters.js'
import { prover } from '../../plugins/prover/prover.js'
import { METHODS } from '../../rpc-schema/actors/actor-methods.js'
import { ComputedProofs, ComputeProofRequest, PROOF_EVENT } from '../../rpc-schema/chain/gateway.js'
import { Address } from '../../rpc-schema/wire/address.js'
import { Bitfield } from '../../rpc-schema/wire/bitfield.js'
import { sectorName } from '../../rpc-schema/wire/sector-id.js'
import { fastClock, ManagerBench, MINER } from '../daemon/manager/manager-bench.js'
import { QUICK_COMMITMENT } from '../daemon/manager/post/quick-miner.js'
import { eventually } from '../harness/eventually.js'
import { ScriptedGateway } from '../harness/scripted-gateway.js'
import { PROVER_ID, WINNING_PROOF } from '../plugins/prover/sealed-sector.js'
import { RealSectors, windowVerifier } from './real-sectors.js'

const LIMIT_MS = 300_000
const SPEED = 20
const miner = Address.fromId(MINER)

describe('e2e: the manager proves real sectors', function () {
  this.timeout(2 * LIMIT_MS)
  let bench: ManagerBench
  let real: RealSectors
  let gateway: ScriptedGateway
  const told: string[] = []

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
${QUICK_COMMITMENT}`,
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
        verifier: windowVerifier(),
      },
    }).start()
    real = new RealSectors(bench)
  })
  after(async () => {
    await real?.close()
    await bench?.stop()
    await gateway?.close()
  })

  it('windows, with its own prover, and the chain takes the proofs', async () => {
    await real.prove(3)
    await real.active(3, LIMIT_MS)
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
    await real.stopEpochs()
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
      await won(real.sectors[0]!.sectorId, Rand),
    )
    expect(why).to.equal('')
    const [proof] = z.decode(ComputedProofs, JSON.parse(Payload))
    expect(proof!.PoStProof).to.equal(0)
    const replicas = [{ sectorId: real.sectors[0]!.sectorId, commR: real.sectors[0]!.commR }]
    const claim = { proofType: WINNING_PROOF, proverId: PROVER_ID, randomness: Rand, replicas }
    expect(prover.verifyWinningPost({ ...claim, proof: proof!.ProofBytes })).to.equal(true)
    const page = await (await fetch(`http://${bench.manager.address}/metrics`)).text()
    expect(page).to.include('damocles_manager_winning_posts{miner="1000",outcome="proven"} 1')
    expect(page).to.match(/winning_gateway_up\{gateway="[^"]+",miner="1000"\} 1/)
  })

  it('a won block of a sector whose file is gone: the producer is told at once', async () => {
    const { sectorId } = real.sectors[1]!
    rmSync(join(bench.storeDir, 'sealed', sectorName({ Miner: MINER, Number: sectorId })))
    const answer = await gateway.ask(MINER, PROOF_EVENT.computeProof, await won(sectorId, new Uint8Array(32).fill(1)))
    expect(answer.Error).to.include(`sector ${sectorId} cannot be read`)
  })
})
