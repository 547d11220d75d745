import { expect } from 'chai'
import { z } from 'zod'
import { silentLog } from '../../../../../daemon/kit/log.js'
import { connectService } from '../../../../../daemon/manager/chain/services.js'
import { ProofEvents } from '../../../../../daemon/manager/post/winning/proof-events.js'
import { WinningDesk } from '../../../../../daemon/manager/post/winning/winning-desk.js'
import { ComputeProofRequest, gatewayService, PROOF_EVENT } from '../../../../../rpc-schema/chain/gateway.js'
import { rpcClient } from '../../../../../rpc-schema/rpc/client.js'
import { eventually } from '../../../../harness/eventually.js'
import { ScriptedGateway } from '../../../../harness/scripted-gateway.js'
import { fastClock } from '../../manager-bench.js'
import { challenged, firstByteVerifier, PretendedWinningProver, RANDOMNESS } from './pretended-winning.js'

const LIMIT_MS = 10_000
const MINERS = [1000, 2000]

describe('manager: winning proofs, by a gateway', function () {
  this.timeout(30_000)
  let gateways: ScriptedGateway[]
  let prover: PretendedWinningProver
  let events: ProofEvents
  let states: Map<string, boolean>

  const request = (...numbers: number[]) =>
    z.encode(ComputeProofRequest, {
      SectorInfos: numbers.map(number => challenged(number)),
      Rand: RANDOMNESS,
      Height: 1_000,
      NWVersion: 22,
    })
  const both = (gateway: ScriptedGateway) =>
    eventually('it listens for both miners', LIMIT_MS, () => gateway.listeners.size === MINERS.length || undefined)

  async function begin(count = 1): Promise<void> {
    for (let opened = 0; opened < count; opened++) gateways.push(await ScriptedGateway.open())
    listen(gateways.map(({ url }) => url))
  }

  function listen(urls: readonly string[]): void {
    const clock = fastClock(50)
    events = new ProofEvents({
      gateways: urls.map(url => {
        const connection = connectService('gateway', url, 'a-token', { stream: true })
        return { url, api: rpcClient(gatewayService, connection), close: () => connection.close() }
      }),
      miners: MINERS,
      desk: new WinningDesk({ prover, verifier: firstByteVerifier, clock, log: silentLog }),
      clock,
      log: silentLog,
      listening: (gateway, miner, isListening) => void states.set(`${gateway}/${miner}`, isListening),
    })
    events.start()
  }

  beforeEach(() => {
    gateways = []
    prover = new PretendedWinningProver()
    states = new Map()
  })
  afterEach(async () => {
    await events.stop()
    for (const gateway of gateways) await gateway.close()
  })

  it('each miner has its own listener; what is asked of one is answered in the name of the event', async () => {
    await begin()
    const [gateway] = gateways as [ScriptedGateway]
    await both(gateway)
    await eventually('both are told of', LIMIT_MS, () => [...states.values()].filter(Boolean).length === 2 || undefined)
    const { Error: why, Payload } = await gateway.ask(2000, PROOF_EVENT.computeProof, request(7))
    expect(why).to.equal('')
    expect(JSON.parse(Payload)).to.deep.equal([{ PoStProof: 0, ProofBytes: Buffer.from([7]).toString('base64') }])
    expect(prover.requests.map(({ miner }) => miner)).to.deep.equal([2000])
  })

  it('what cannot be proven, and what makes no sense, is answered with the reason; a method that is not known is not answered', async () => {
    await begin()
    const [gateway] = gateways as [ScriptedGateway]
    await both(gateway)
    expect((await gateway.ask(1000, PROOF_EVENT.computeProof, request())).Error).to.equal(
      'must provide sectors for winning post',
    )
    expect((await gateway.ask(1000, PROOF_EVENT.computeProof, { Rand: 7 })).Error).to.include(
      'the payload of ComputeProof makes no sense',
    )
    gateway.push(1000, 'unknown', 'SomethingNew', {})
    expect((await gateway.ask(1000, PROOF_EVENT.computeProof, request(7))).Error).to.equal('')
    expect(gateway.answers.map(({ Id }) => Id)).not.to.include('unknown')
  })

  it('a proof that is slow holds up no other', async () => {
    await begin()
    const [gateway] = gateways as [ScriptedGateway]
    await both(gateway)
    const answer = prover.answer
    let release = (): void => {}
    prover.answer = async (of, signal) => {
      if (of.replicas[0]!.number === 1)
        await new Promise<void>(done => {
          release = done
        })
      return answer(of, signal)
    }
    const slow = gateway.ask(1000, PROOF_EVENT.computeProof, request(1))
    await gateway.ask(1000, PROOF_EVENT.computeProof, request(2))
    release()
    expect((await slow).Error).to.equal('')
    expect(gateway.answers).to.have.length(2)
  })

  it('a gateway that ends its channels, refuses for a while or goes away is listened to again', async () => {
    await begin()
    const [gateway] = gateways as [ScriptedGateway]
    await both(gateway)
    gateway.refuses = true
    gateway.endAll()
    await eventually('nobody listens', LIMIT_MS, () => ![...states.values()].includes(true) || undefined)
    gateway.refuses = false
    await both(gateway)
    await gateway.ask(1000, PROOF_EVENT.computeProof, request(7))
    await gateway.restart()
    await both(gateway)
    expect((await gateway.ask(2000, PROOF_EVENT.computeProof, request(8))).Error).to.equal('')
    expect(gateway.registered).to.be.greaterThan(5)
  })

  it('one gateway that is not there does not keep it from the other', async () => {
    gateways.push(await ScriptedGateway.open())
    listen(['http://127.0.0.1:9', gateways[0]!.url])
    await both(gateways[0]!)
    expect((await gateways[0]!.ask(1000, PROOF_EVENT.computeProof, request(7))).Error).to.equal('')
  })
})
