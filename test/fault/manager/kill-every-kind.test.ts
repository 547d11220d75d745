import { expect } from 'chai'
import { z } from 'zod'
import { METHODS } from '../../../rpc-schema/actors/actor-methods.js'
import { WithdrawBalanceParams } from '../../../rpc-schema/actors/miner-control.js'
import { SUBMIT_RESULT } from '../../../rpc-schema/manager/commitment.js'
import { ExtensionOptions } from '../../../rpc-schema/manager/sector-life.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { Bitfield } from '../../../rpc-schema/wire/bitfield.js'
import type { SectorID } from '../../../rpc-schema/wire/sector-id.js'
import { finishedSector } from '../../daemon/manager/finished-sector.js'
import { goodProof, ManagerBench, MINER, PIECE_COMMITMENT } from '../../daemon/manager/manager-bench.js'
import { eventually } from '../../harness/eventually.js'
import { GateProxy } from '../../harness/gate-proxy.js'
import { pretendedWindowProof, WindowPoster } from '../../harness/window-poster.js'
import { expectOnceEach, messagesOf, PRE_COMMIT, PROVE_COMMIT, PROVE_UPDATES, TERMINATE } from './chain-truth.js'
import { ManagerProcess } from './manager-process.js'

const { ExtendSectorExpiration2: EXTEND, WithdrawBalance: WITHDRAW } = METHODS.miner
const PUSH = 'Filecoin.MpoolPushMessage'
const LIMIT_MS = 60_000
const ADDRESS = Address.fromId(MINER)
const CONFIG = `[Miners.Commitment]
Confidence = 2
[Miners.Commitment.Pre.Batch]
Threshold = 1
[Miners.Commitment.Prove.Batch]
Threshold = 1
[Miners.Commitment.Terminate.Batch]
Threshold = 1
CheckInterval = "5s"
[Miners.SnapUp]
Enabled = true
MessageConfidence = 2
[Miners.SnapUp.Retry]
LocalFailureWait = "1s"
`

/** A message of every kind, with kill -9 of the manager around its push; in the end the chain has it once. */
describe('fault: kill -9 around the push of every kind of message', function () {
  this.timeout(120_000)
  let bench: ManagerBench
  let gate: GateProxy
  let poster: WindowPoster
  let manager: ManagerProcess

  afterEach(function () {
    if (this.currentTest?.isFailed()) console.log(manager.log.slice(-25).join('\n'))
  })
  before(async () => {
    gate = new GateProxy(() => bench.devnet.address)
    await gate.listen()
    bench = await new ManagerBench({
      chainFor: () => `${gate.address}/rpc/v1`,
      deals: true,
      minerConfig: CONFIG,
      devnet: { challengeWindow: 20, deadlines: 8, epochMs: 40 },
    }).start()
    await bench.manager.stop()
    poster = new WindowPoster({ node: bench.chain, miner: ADDRESS, prove: pretendedWindowProof })
    poster.start()
    manager = new ManagerProcess(bench)
    await start()
  })
  after(async () => {
    await poster?.stop()
    await manager?.close()
    await bench?.stop()
    await gate?.close()
  })

  const start = async (): Promise<void> => {
    await manager.start()
    bench.api = manager.api
  }

  const preCommitted = async () => {
    const { sector, sid, pre } = await bench.sealed()
    await bench.api.SubmitPreCommit(sector, pre, false)
    await bench.preCommitState(sid, 3)
    await bench.seed(sid, 5)
    return sid
  }
  const active = async (): Promise<SectorID> => {
    const { ID } = await finishedSector(bench)
    await eventually(`sector ${ID.Number} is active`, LIMIT_MS, async () => {
      const all = await bench.chain.StateMinerActiveSectors(ADDRESS, [])
      return all.some(({ SectorNumber }) => SectorNumber === ID.Number) || undefined
    })
    return ID
  }

  /** For each kind: makes a message of it be sent, and the sector that it is for. */
  const KINDS: readonly { method: number; kind: string; send(): Promise<SectorID> }[] = [
    {
      kind: 'pre-commit',
      method: PRE_COMMIT,
      async send() {
        const { sector, sid, pre } = await bench.sealed()
        expect((await bench.api.SubmitPreCommit(sector, pre, false)).Res).to.equal(SUBMIT_RESULT.accepted)
        return sid
      },
    },
    {
      kind: 'prove-commit',
      method: PROVE_COMMIT,
      async send() {
        const sid = await preCommitted()
        return traps(async () => {
          expect((await bench.api.SubmitProof(sid, { Proof: goodProof(7) }, false)).Res).to.equal(1)
          return sid
        })
      },
    },
    {
      kind: 'update',
      method: PROVE_UPDATES,
      async send() {
        const sid = await active()
        const { Deadline } = await bench.chain.StateSectorPartition(ADDRESS, sid.Number, [])
        await bench.api.SnapUpPreFetch(MINER, Deadline)
        await bench.admin.ImportDeal({ Miner: MINER, Data: new Uint8Array(1900).fill(sid.Number) })
        const Sector = { AllowedMiners: [], AllowedProofTypes: [] }
        const found = (await bench.api.AllocateSanpUpSector({
          Sector,
          Deals: { MaxDeals: null, MinUsedSpace: null },
        }))!
        const of = found.Sector.ID
        bench.writeFiles(of, 5, true)
        const CommR = new Uint8Array(32).fill(200 - of.Number)
        CommR[31] = 0
        return traps(async () => {
          const answer = await bench.api.SubmitSnapUpProof(of, {
            CommR,
            CommD: PIECE_COMMITMENT,
            AccessInstance: 'persist',
            Pieces: found.Pieces.map(({ Piece }) => Piece.PieceCID),
            Proof: goodProof(7),
          })
          expect(answer.Res).to.equal(SUBMIT_RESULT.accepted)
          return of
        })
      },
    },
    {
      kind: 'termination',
      method: TERMINATE,
      async send() {
        const sid = await active()
        return traps(async () => {
          expect((await bench.api.TerminateSector(sid)).Res).to.equal(SUBMIT_RESULT.accepted)
          return sid
        })
      },
    },
  ]

  let setTrap: () => void
  /** Only the message that is meant is caught, not those that lead to it. */
  async function traps<T>(send: () => Promise<T>): Promise<T> {
    setTrap()
    return send()
  }

  /** What operators ask for: they ask again when they hear nothing, as often as they like. */
  const WISHES: readonly { method: number; kind: string; prepare(): Promise<() => Promise<unknown>> }[] = [
    {
      kind: 'extension',
      method: EXTEND,
      async prepare() {
        const { Number: number } = await active()
        const { Expiration } = (await bench.chain.StateSectorGetInfo(ADDRESS, number, []))!
        const options = {
          ...z.decode(ExtensionOptions, {} as never),
          Numbers: Bitfield.of([number]),
          NewExpiration: Expiration + 100_000,
        }
        return () => manager.own.ExtendSectors(MINER, options)
      },
    },
    {
      kind: 'withdrawal',
      method: WITHDRAW,
      async prepare() {
        const { Owner } = await bench.chain.StateMinerInfo(ADDRESS, [])
        withdrawals += 1n
        const wish = {
          From: Owner,
          To: ADDRESS,
          Value: 0n,
          Method: WITHDRAW,
          Params: WithdrawBalanceParams.encode({ AmountRequested: withdrawals }),
          Exid: '',
          Repeat: false,
          Miner: MINER,
          GasFeeCap: 0n,
        }
        return () => manager.own.SendMessage(wish)
      },
    },
  ]
  let withdrawals = 0n

  for (const { kind, method, prepare } of WISHES)
    for (const when of ['before', 'after'] as const)
      it(`fault 23: ${kind}, killed ${when === 'before' ? 'before the node has it' : 'when the node has it and the manager does not know'}, asked for again and again: on the chain once`, async () => {
        const ask = await prepare()
        const already = (await messagesOf(bench, method)).length
        const held = gate.hold(PUSH, when)
        ask().catch(() => undefined)
        const call = await held
        await manager.kill()
        call.cut()
        await start()
        const landed = async () => (await messagesOf(bench, method)).slice(already)
        await eventually(`${kind} on the chain`, LIMIT_MS, async () => {
          await ask()
          return (await landed()).length > 0 || undefined
        })
        const height = (await bench.admin.Status()).Height
        await eventually('some epochs more', LIMIT_MS, async () => {
          await ask()
          return (await bench.admin.Status()).Height > height + 10 ? true : undefined
        })
        expect((await landed()).map(({ Receipt }) => Receipt?.ExitCode)).to.deep.equal([0])
        await expectOnceEach(bench)
      })

  for (const { kind, method, send } of KINDS)
    for (const when of ['before', 'after'] as const)
      it(`fault 23: ${kind}, killed ${when === 'before' ? 'before the node has it' : 'when the node has it and the manager does not know'}: on the chain once`, async () => {
        let caught: (call: { cut(): void }) => void
        const held = new Promise<{ cut(): void }>(resolve => {
          caught = resolve
        })
        setTrap = () => void gate.hold(PUSH, when).then(caught!)
        if (method === PRE_COMMIT) setTrap()
        const before = gate.calls.get(PUSH) ?? 0
        const sid = await send()
        const call = await held
        await manager.kill()
        call.cut()
        await start()
        await eventually(`${kind} of ${sid.Number} on the chain`, LIMIT_MS, async () => {
          const landed = (await messagesOf(bench, method)).filter(({ Sectors }) => Sectors.includes(sid.Number))
          return landed.some(({ Receipt }) => Receipt?.ExitCode === 0) || undefined
        })
        expect((gate.calls.get(PUSH) ?? 0) - before).to.be.greaterThan(0)
        const height = (await bench.admin.Status()).Height
        await eventually('some epochs more', LIMIT_MS, async () =>
          (await bench.admin.Status()).Height > height + 10 ? true : undefined,
        )
        expect(await bench.landed(method, sid)).to.equal(1)
        await expectOnceEach(bench)
      })
})
