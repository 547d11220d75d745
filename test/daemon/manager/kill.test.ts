import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { managerService } from '../../../rpc-schema/manager/index.js'
import { rpcClient } from '../../../rpc-schema/rpc/client.js'
import { connectRpc } from '../../../rpc-schema/rpc/connection.js'
import { eventually } from '../../harness/eventually.js'
import { GateProxy } from '../../harness/gate-proxy.js'
import { TestDaemon } from '../../harness/test-yard.js'
import { ManagerBench } from './manager-bench.js'

const PUSH = 'Filecoin.MpoolPushMessage'

/** A manager in a process of its own, on the chain of a bench that has none of its own. */
describe('manager: kill -9', function () {
  this.timeout(120_000)
  let bench: ManagerBench
  let gate: GateProxy
  let daemon: TestDaemon
  let home: string

  beforeEach(async () => {
    gate = new GateProxy(() => bench.devnet.address)
    await gate.listen()
    bench = await new ManagerBench({ chainFor: () => `${gate.address}/rpc/v1` }).start()
    await bench.manager.stop()
    home = mkdtempSync(join(tmpdir(), 'manager-kill-'))
    mkdirSync(join(home, 'm'))
    writeFileSync(join(home, 'm', 'sector-manager.cfg'), bench.config())
    daemon = new TestDaemon('manager', join(home, 'manager.log'), () => ({
      bin: 'damocles-manager',
      args: ['--home', join(home, 'm'), 'daemon', 'run', '--listen', daemon.listen],
    }))
    await startDaemon()
  })
  afterEach(async () => {
    await daemon.kill('SIGKILL')
    await bench.stop()
    await gate.close()
    rmSync(home, { recursive: true, force: true })
  })

  async function startDaemon(): Promise<void> {
    await daemon.start()
    bench.api = rpcClient(managerService, connectRpc(daemon.origin))
  }

  for (const when of ['before', 'after'] as const) {
    it(`with a push ${when === 'before' ? 'that the node has not seen' : 'of whose effect it has not heard'}: one pre-commit in the end`, async () => {
      const held = gate.hold(PUSH, when)
      const { sector, sid, pre } = await bench.sealed()
      expect((await bench.api.SubmitPreCommit(sector, pre, false)).Res).to.equal(1)
      const call = await held
      await daemon.kill('SIGKILL')
      call.cut()
      await startDaemon()
      await bench.preCommitState(sid, 3)
      expect(await bench.landed(28, sid)).to.equal(1)
      expect(gate.calls.get(PUSH)).to.equal(when === 'before' ? 2 : 1)
    })
  }

  it('while numbers are given: none is given twice, none that was told is forgotten', async () => {
    const told: number[] = []
    const allocate = async (count: number): Promise<void> => {
      const calls = Array.from({ length: count }, async () => {
        const sector = await bench.api.AllocateSector({ AllowedMiners: [], AllowedProofTypes: [] })
        told.push(sector!.ID.Number)
      })
      await Promise.allSettled(calls)
    }
    for (let round = 0; round < 3; round++) {
      const before = told.length
      const running = allocate(60)
      await eventually('the first numbers', 10_000, () => (told.length > before + 3 ? true : undefined))
      await daemon.kill('SIGKILL')
      await running
      await startDaemon()
    }
    await allocate(10)
    expect(new Set(told).size).to.equal(told.length)
    const known = new Set(((await bench.api.ListSectors('online', 0)) ?? []).map(record => record.ID.Number))
    expect(told.filter(number => !known.has(number))).to.deep.equal([])
  })

  it('stops on SIGTERM within bounds while a call to the chain hangs', async () => {
    const held = gate.hold('Filecoin.StateMinerAllocated', 'before')
    const asked = bench.api.AllocateSector({ AllowedMiners: [], AllowedProofTypes: [] }).catch(() => 'failed')
    await held
    const start = performance.now()
    await daemon.kill('SIGTERM')
    expect(performance.now() - start).to.be.lessThan(15_000)
    expect(await asked).to.equal('failed')
  })
})
