import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { z } from 'zod'
import { ExtProverSettings } from '../../../../../daemon/manager/config/ext-prover-settings.js'
import { ComputedProofs, ComputeProofRequest, PROOF_EVENT } from '../../../../../rpc-schema/chain/gateway.js'
import { Address } from '../../../../../rpc-schema/wire/address.js'
import { Bitfield } from '../../../../../rpc-schema/wire/bitfield.js'
import { eventually } from '../../../../harness/eventually.js'
import { freePort } from '../../../../harness/free-port.js'
import { ScriptedGateway } from '../../../../harness/scripted-gateway.js'
import { finishedSector } from '../../finished-sector.js'
import { ManagerBench, MINER } from '../../manager-bench.js'
import { RANDOMNESS } from './pretended-winning.js'

const CHILD = fileURLToPath(new URL('../../../../../../test/fixtures/processors/window-child.mjs', import.meta.url))
const LIMIT_MS = 20_000
/** Begins as that child does when a file is there. */
const BEGIN_LATE = `const [file, child] = process.argv.slice(3)
const look = setInterval(() => {
  if (!require('node:fs').existsSync(file)) return
  clearInterval(look)
  import(child)
}, 20)`

describe('manager: won blocks, proven by a process of [[WinPost]]', function () {
  this.timeout(60_000)
  const dir = mkdtempSync(join(tmpdir(), 'winning-way-'))
  let gateway: ScriptedGateway
  let bench: ManagerBench

  before(async () => {
    gateway = await ScriptedGateway.open()
    const Args = [CHILD, 'winner', 'first-die', join(dir, 'died')]
    const WinPost = [{ Bin: process.execPath, Args, ReadyTimeoutSecs: 600, Envs: { STAGE: 'winning_post' } }]
    bench = await new ManagerBench({
      gateways: [gateway.url],
      messager: true,
      windowProofs: ExtProverSettings.parse({ WinPost }),
      winning: { verifier: { verify: async () => true, close: async () => {} }, warmUp: true, limitMs: 600_000 },
      minerConfig:
        '[Miners.Proof]\nEnabled = true\n[Miners.Commitment]\nConfidence = 2\n[Miners.Commitment.Pre.Batch]\nThreshold = 1\n[Miners.Commitment.Prove.Batch]\nThreshold = 1\n',
      devnet: { epochMs: 20 },
    }).start()
  })
  after(async () => {
    await bench?.stop()
    await gateway?.close()
    rmSync(dir, { recursive: true, force: true })
  })

  it('gets the files of the sector; when the process dies, it is asked again in time', async () => {
    const { ID } = await finishedSector(bench)
    const [info] = await bench.chain.StateMinerSectors(Address.fromId(MINER), Bitfield.of([ID.Number]), [])
    const { SealProof, SectorNumber, SealedCID } = info!
    const SectorInfos = [{ SealProof, SectorNumber, SealedCID, SectorKey: null }]
    const asked = z.encode(ComputeProofRequest, { SectorInfos, Rand: RANDOMNESS, Height: 1, NWVersion: 22 })
    await eventually('it listens', LIMIT_MS, () => gateway.listeners.has(MINER) || undefined)
    const { Error: why, Payload } = await gateway.ask(MINER, PROOF_EVENT.computeProof, asked)
    expect(why).to.equal('')
    const [proof] = z.decode(ComputedProofs, JSON.parse(Payload))
    const { name, task } = JSON.parse(Buffer.from(proof!.ProofBytes).toString())
    expect([proof!.PoStProof, name, task.proof_type]).to.deep.equal([0, 'winner', 'StackedDrgWinning2KiBV1'])
    expect(task.replicas[0].sealed_file).to.equal(join(bench.storeDir, `sealed/s-t01000-${ID.Number}`))
  })
})

describe('manager: while those who prove won blocks get ready', function () {
  this.timeout(60_000)

  it('its API answers, so that workers can take the jobs of windows', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'winning-way-'))
    const begin = join(dir, 'begin')
    const listenPort = await freePort()
    const Args = ['-e', BEGIN_LATE, 'late', 'prove', begin, CHILD]
    const WinPost = [{ Bin: process.execPath, Args, ReadyTimeoutSecs: 600, Envs: { STAGE: 'winning_post' } }]
    const bench = new ManagerBench({
      windowProofs: ExtProverSettings.parse({ WinPost }),
      winning: { warmUp: true },
      listenPort,
    })
    let isStarted = false
    const starting = bench.start().finally(() => {
      isStarted = true
    })
    try {
      const health = await eventually('the API answers', LIMIT_MS, () =>
        fetch(`http://127.0.0.1:${listenPort}/healthcheck`).then(
          ({ status }) => status,
          () => undefined,
        ),
      )
      expect([health, isStarted]).to.deep.equal([200, false])
      writeFileSync(begin, '')
      await starting
    } finally {
      writeFileSync(begin, '')
      await starting.catch(() => {})
      await bench.stop()
      rmSync(dir, { recursive: true, force: true })
    }
  })
})
