import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { callManager, ManagerUnreachable } from '../../../daemon/worker/engine/failure.js'
import { RpcAnswerError, RpcError } from '../../../rpc-schema/rpc/error.js'
import { errorText, SealError } from '../../../rpc-schema/seal-error.js'
import { WorkerBench } from './support/bench.js'

const pending = () => ({ State: 1, Desc: null })
const failed = () => ({ State: 5, Desc: 'out of gas' })

describe('failures of a sector', () => {
  let bench: WorkerBench

  beforeEach(async () => {
    bench = await WorkerBench.make()
  })
  afterEach(() => bench.close())

  const finished = (number = 1) =>
    bench.until(() => bench.manager.sectors.size >= number && bench.manager.sector(number).finalized)
  const paused = () => bench.until(() => bench.threads[0]!.thread_state.state === 'Paused', 'a pause')

  describe('on the way to the chain', () => {
    for (const [poll, submit, label] of [
      ['PollPreCommitState', 'SubmitPreCommit', 'pre-commit'],
      ['PollProofState', 'SubmitProof', 'proof'],
    ] as const) {
      it(`hands the ${label} in again with hardReset when its message failed`, async () => {
        bench.manager.script(poll, pending, failed)
        await bench.start()
        await finished()
        const submissions = bench.manager.called(submit)
        expect(submissions.map(call => call.params.at(-1))).to.deep.equal([false, true])
        expect(bench.manager.called(poll)).to.have.length(3)
      })

      it(`sends no second hardReset of the ${label} when the answer to the first was lost`, async () => {
        bench.manager.script(poll, failed)
        let resets = 0
        bench.manager.gate((call, when) => {
          if (call.method !== submit || call.params.at(-1) !== true || when !== 'after') return
          resets += 1
          throw new RpcError(1, 'the answer is lost')
        })
        await bench.start()
        await finished()
        expect(resets).to.equal(1)
        const sector = bench.manager.sector(1)
        expect(label === 'proof' ? sector.proofs : sector.preCommits).to.have.length(2)
      })

      for (const [state, name] of [
        [4, 'NotFound'],
        [6, 'PermFailed'],
      ] as const) {
        it(`pauses when the ${label} is ${name}`, async () => {
          bench.manager.script(poll, () => ({ State: state, Desc: 'exit code 16' }))
          await bench.start()
          await paused()
          expect(bench.threads[0]!.last_error).to.match(/^permanent: .*exit code 16$/)
        })
      }

      it(`gives the sector up when the ${label} says ShouldAbort`, async () => {
        bench.manager.script(poll, () => ({ State: 7, Desc: 'sector already allocated' }))
        await bench.start()
        await finished()
        expect(bench.manager.sector(1).abortReason).to.contain('sector already allocated')
        expect(bench.manager.called('ReportFinalized')).to.have.length(0)
      })

      it(`pauses when the ${label} is mismatched`, async () => {
        bench.manager.script(submit, () => ({ Res: 3, Desc: null }))
        await bench.start()
        await paused()
        expect(bench.threads[0]!.last_error).to.match(/^permanent: .*differs/)
      })
    }

    const rejected = () => ({ Res: 4, Desc: 'ticket expired' })

    it('gives the sector up when its first pre-commit is rejected', async () => {
      bench.manager.script('SubmitPreCommit', rejected)
      await bench.start()
      await finished()
      expect(bench.manager.sector(1).abortReason).to.contain('ticket expired')
    })

    it('gives the sector up when the pre-commit is rejected after its message failed', async () => {
      bench.manager.script('PollPreCommitState', failed)
      bench.manager.script('SubmitPreCommit', () => ({ Res: 1, Desc: null }), rejected)
      await bench.start()
      await finished()
      expect(bench.manager.sector(1).abortReason).to.contain('ticket expired')
    })

    /** Paused with its files, until a person gives it up. */
    async function keptUntilAborted(reason: string): Promise<void> {
      await paused()
      expect(bench.threads[0]!.last_error).to.match(/^permanent: .*deposit is paid.*state Aborted/)
      expect(bench.threads[0]!.last_error).to.contain(reason)
      expect(bench.manager.sector(1).reports.at(-1)!.Failure!.Level).to.equal('Permanent')
      expect(bench.manager.called('ReportAborted')).to.have.length(0)
      expect(await readdir(join(bench.store, 'data/sealed'))).to.deep.equal(['s-t010000-1'])
      expect(await bench.thread.resume('Aborted')).to.equal(true)
      await finished()
      expect(bench.manager.sector(1).abortReason).to.equal('aborted by the operator')
    }

    it('keeps a pre-committed sector whose proof is rejected', async () => {
      bench.manager.script('SubmitProof', rejected)
      await bench.start()
      await keptUntilAborted('ticket expired')
    })

    it('keeps a pre-committed sector that the manager does not know', async () => {
      bench.manager.script('WaitSeed', () => {
        throw new RpcError(11_001, 'error code 11001: sector state not found')
      })
      await bench.start()
      await keptUntilAborted('11001')
    })

    it('keeps a pre-committed sector that was sent back and is rejected then', async () => {
      bench.manager.script('PollPreCommitState', () => ({ State: 6, Desc: 'exit code 16' }))
      await bench.start()
      await paused()
      bench.manager.script('SubmitPreCommit', rejected)
      expect(await bench.thread.resume('TreeDBuilt')).to.equal(true)
      await bench.until(() => bench.manager.called('SubmitPreCommit').length === 2)
      await keptUntilAborted('ticket expired')
    })

    it('takes a duplicate submission for accepted', async () => {
      bench.manager.script('SubmitPreCommit', () => ({ Res: 2, Desc: null }))
      await bench.start()
      await finished()
    })

    it('does not wait for the proof on the chain when told so', async () => {
      bench.sealing += '\nignore_proof_check = true'
      await bench.start()
      await finished()
      expect(bench.manager.called('PollProofState')).to.have.length(0)
    })

    it('waits for the seed as long as the manager says', async () => {
      const asked: number[] = []
      bench.manager.gate((call, when) => {
        if (call.method === 'WaitSeed' && when === 'before') asked.push(bench.clock.monotonic())
      })
      bench.manager.script('WaitSeed', () => ({ ShouldWait: true, Delay: 26, Seed: null }))
      await bench.start()
      await finished()
      expect(asked[1]! - asked[0]!).to.equal(26_000)
    })
  })

  it('drops the sector when the manager does not know it (11001)', async () => {
    bench.manager.script('AssignTicket', () => {
      throw new RpcError(11_001, 'error code 11001: sector state not found')
    })
    await bench.start()
    await finished()
    expect(bench.manager.sector(1).abortReason).to.contain('11001')
  })

  it('keeps the files until the manager knows that the sector is given up', async () => {
    bench.sealing += '\nmax_retries = 2'
    const broken = () => {
      throw new RpcError(1, 'database is locked')
    }
    bench.manager.script('SubmitPreCommit', () => ({ Res: 4, Desc: 'ticket expired' }))
    bench.manager.script('ReportAborted', broken, broken, broken)
    await bench.start()
    await paused()
    expect(bench.threads[0]!.last_error).to.match(/^permanent: still failing after 2 retries: .*database is locked$/)
    expect(bench.manager.called('ReportAborted')).to.have.length(3)
    expect(await readdir(join(bench.store, 'data/sealed'))).to.deep.equal(['s-t010000-1'])
    expect(await bench.thread.resume()).to.equal(true)
    await finished()
    expect(bench.manager.sector(1).abortReason).to.contain('ticket expired')
  })

  it('takes an answer that cannot be read for a temporary error, which is counted', async () => {
    const answer = Promise.reject(new RpcAnswerError('http://manager', 'AssignTicket: expected 32 bytes'))
    const failure = await callManager(answer).catch(error => error)
    expect(failure).to.be.instanceOf(SealError).and.include({ class: 'temporary' })
    expect(failure).to.not.be.instanceOf(ManagerUnreachable)
    expect(errorText(failure)).to.contain('expected 32 bytes')
  })

  it('drops the sector when the manager has closed it on its side', async () => {
    bench.manager.script('WaitSeed', () => {
      const sector = bench.manager.sector(1)
      sector.finalized = true
      sector.abortReason = 'by hand'
      throw new RpcError(1, 'precommit info not found on chain')
    })
    await bench.start()
    await bench.until(() => bench.threads[0]!.job_id === null && bench.manager.called('WaitSeed').length > 0)
    expect(bench.manager.called('ReportAborted')).to.have.length(0)
    expect(bench.manager.called('WaitSeed')).to.have.length(1)
  })

  it('tries a temporary error max_retries times, then pauses', async () => {
    bench.sealing += '\nmax_retries = 2'
    const fail = () => {
      throw new RpcError(1, 'no chain')
    }
    bench.manager.script('AssignTicket', fail, fail, fail)
    await bench.start()
    await paused()
    expect(bench.manager.called('AssignTicket')).to.have.length(3)
    expect(bench.threads[0]!.last_error).to.match(/^permanent: still failing after 2 retries: .*no chain$/)
    const failures = bench.manager
      .sector(1)
      .reports.map(report => report.Failure?.Level)
      .filter(Boolean)
    expect(failures).to.deep.equal(['Temporary', 'Temporary', 'Temporary'])
  })

  it('counts temporary errors anew after progress', async () => {
    bench.sealing += '\nmax_retries = 1'
    const fail = () => {
      throw new RpcError(1, 'no chain')
    }
    bench.manager.script('AssignTicket', fail)
    bench.manager.script('SubmitPreCommit', fail)
    bench.manager.script('WaitSeed', fail)
    await bench.start()
    await finished()
    expect(bench.manager.sector(1).abortReason).to.equal(undefined)
  })

  it('waits recover_interval between two tries', async () => {
    bench.sealing += '\nrecover_interval = "90s"'
    const asked: number[] = []
    bench.manager.gate((call, when) => {
      if (call.method === 'AssignTicket' && when === 'before') asked.push(bench.clock.monotonic())
    })
    bench.manager.script('AssignTicket', () => {
      throw new RpcError(1, 'no chain')
    })
    await bench.start()
    await finished()
    expect(asked[1]! - asked[0]!).to.equal(90_000)
  })

  it('pauses with the reason when a processor fails for good, and goes on when resumed', async () => {
    bench.processors.gate(({ stage }) => {
      if (stage === 'pc2') throw new SealError('permanent', 'pc2: out of memory')
    })
    await bench.start()
    await paused()
    const [thread] = bench.threads
    expect(thread!.last_error).to.equal('permanent: pc2: out of memory')
    expect(thread!.job_state).to.equal('PC1Done')
    const failure = bench.manager.sector(1).reports.at(-1)!.Failure
    expect(failure).to.deep.equal({ Level: 'Permanent', Desc: 'pc2: out of memory' })
    bench.processors.gate(undefined)
    expect(await bench.thread.resume()).to.equal(true)
    await finished()
  })

  it('does not journal a stage whose files cannot be brought to the disk', async () => {
    bench.processors.gate(async ({ stage, task }, when) => {
      if (stage === 'pc1' && when === 'after') await rm(task.out_path)
    })
    await bench.start()
    await paused()
    expect(bench.threads[0]).to.deep.include({ job_state: 'TicketAssigned' })
    expect(bench.threads[0]!.last_error).to.match(/^critical: cannot bring .*sealed.s-t010000-1 to the disk: ENOENT/)
    bench.processors.gate(undefined)
    await bench.thread.resume()
    await finished()
  })

  it('restores the input of a PC2 that was cut off', async () => {
    let first = true
    bench.processors.gate(({ stage }, when) => {
      if (stage !== 'pc2' || when !== 'after' || !first) return
      first = false
      throw new SealError('temporary', 'the child died')
    })
    await bench.start()
    await finished()
    expect(bench.processors.ran('pc2')).to.have.length(2)
    expect(bench.manager.sector(1).preCommits).to.have.length(1)
  })

  it('waits while the manager is down, for as long as it takes, and shows why', async () => {
    bench.sealing += '\nmax_retries = 1\nrecover_interval = "10s"'
    let down = false
    bench.processors.gate(async ({ stage }, when) => {
      if (stage !== 'pc2' || when !== 'after') return
      await bench.manager.stop()
      down = true
    })
    await bench.start()
    await bench.until(() => down)
    const since = bench.clock.monotonic()
    await bench.until(() => bench.clock.monotonic() - since > 600_000, 'ten minutes')
    expect(bench.threads[0]!.last_error).to.match(/^temporary: manager unreachable: .*ECONNREFUSED/)
    expect(bench.threads[0]!.thread_state.state).to.not.equal('Paused')
    await bench.manager.start(bench.manager.port)
    await finished()
    expect(bench.manager.sector(1).preCommits).to.have.length(1)
    await bench.settle(() => bench.threads[0]!.last_error === null)
  })

  it('starts while the manager is down and begins when it is up', async () => {
    const { port } = bench.manager
    const { toml } = bench
    expect(toml).to.contain(String(port))
    await bench.manager.stop()
    await bench.start()
    await bench.settle(() => bench.threads[0]!.last_error !== null, 'a reason')
    expect(bench.threads[0]!.last_error).to.match(/^temporary: manager unreachable: .*ECONNREFUSED/)
    await bench.manager.start(port)
    const turning = setInterval(() => bench.clock.turn(), 20)
    await bench
      .settle(() => bench.manager.sectors.size > 0 && bench.manager.sector(1).finalized)
      .finally(() => clearInterval(turning))
  })

  it('ends when the manager does not know an attached store', async () => {
    bench.manager.stores.clear()
    const worker = await bench.start()
    const reason = await worker.ended.then(
      () => undefined,
      (error: Error) => error.message,
    )
    expect(reason).to.contain('the manager does not know the attached store "persist1"')
    expect(bench.manager.sectors.size).to.equal(0)
  })

  it('asks again when no store has room, and pauses when the chosen one is not attached', async () => {
    bench.manager.script(
      'StoreReserveSpace',
      () => null,
      () => ({ Name: 'elsewhere', Path: '', Strict: false, ReadOnly: false, Weight: 0, Meta: null }),
    )
    await bench.start()
    await paused()
    expect(bench.manager.called('StoreReserveSpace')).to.have.length(2)
    expect(bench.threads[0]!.last_error).to.match(/^permanent: .*"elsewhere".*not attached/)
  })

  it('pauses when the manager does not find the persisted files', async () => {
    bench.manager.script('SubmitPersistedEx', () => false)
    await bench.start()
    await paused()
    expect(bench.threads[0]!.last_error).to.match(/^permanent: .*does not find/)
  })

  it('does not pre-commit what is not the staged data', async () => {
    bench.processors.gate(({ stage, task }, when) => {
      if (stage === 'pc2' && when === 'before') task.pc1out.comm_d = '00'.repeat(32)
    })
    await bench.start()
    await paused()
    expect(bench.threads[0]!.last_error).to.contain('PC2 sealed other data than was staged')
    expect(bench.manager.called('SubmitPreCommit')).to.have.length(0)
  })

  it('asks for work request_task_max_retries times, then takes a break', async () => {
    bench.sealing = 'request_task_max_retries = 2\nrecover_interval = "10s"\nseal_interval = "1h"'
    const asked: number[] = []
    bench.manager.gate((call, when) => {
      if (call.method === 'AllocateSector' && when === 'before') asked.push(bench.clock.monotonic() / 1_000)
    })
    const none = () => null
    bench.manager.script('AllocateSector', none, none, none)
    await bench.start()
    await finished()
    expect(asked.slice(1, 4).map((at, index) => at - asked[index]!)).to.deep.equal([10, 10, 3_600])
  })

  it('treats an error of AllocateSector like no work', async () => {
    bench.sealing = 'request_task_max_retries = 2\nrecover_interval = "10s"\nseal_interval = "1h"\nmax_retries = 0'
    bench.manager.script('AllocateSector', () => {
      throw new RpcError(1, 'sector allocated. miner: 10000')
    })
    await bench.start()
    await finished()
  })

  it('waits for deals when empty sectors are not wanted, with one sector number', async () => {
    bench.sealing = 'disable_cc = true\nrequest_task_max_retries = 1\nrecover_interval = "10s"\nseal_interval = "60s"'
    await bench.start()
    await bench.until(() => bench.manager.called('AcquireDeals').length >= 5)
    expect(bench.manager.sectors.size).to.equal(1)
    expect(bench.processors.calls).to.have.length(0)
  })

  it('finishes when ReportFinalized went through before but its answer was lost', async () => {
    let lost = false
    bench.manager.gate((call, when) => {
      if (call.method !== 'ReportFinalized' || when !== 'after' || lost) return
      lost = true
      throw new RpcError(1, 'the answer is lost')
    })
    await bench.start()
    await bench.until(() => lost && bench.threads[0]!.job_id === null)
    expect(bench.threads[0]!.last_error).to.equal(null)
    expect(bench.manager.called('ReportAborted')).to.have.length(0)
  })

  it('makes synthetic proofs and drops the layers for a synthetic proof type', async () => {
    bench.manager.proofType = 10
    await bench.start()
    await finished()
    const stages = bench.processors.calls.map(call => call.stage)
    expect(stages.slice(3, 9)).to.deep.equal(['pc2', 'synth_proof', 'c1', 'c1', 'c1', 'transfer'])
    expect(bench.processors.ran('clear_cache')[0]!.task.synthetic).to.equal(true)
  })

  it('checks PC2 by a C1 when asked to', async () => {
    bench.sealing += '\nverify_after_pc2 = true'
    await bench.start()
    await finished()
    expect(bench.processors.ran('c1')).to.have.length(2)
  })
})
