import { expect } from 'chai'
import { silentLog } from '../../../../daemon/kit/log.js'
import type { HeadTracker } from '../../../../daemon/manager/chain/head-tracker.js'
import { NEWEST_RULES } from '../../../../daemon/manager/chain/network-version.js'
import type { ChainMessage } from '../../../../daemon/manager/commitment/chain-message.js'
import type { MessageEffects } from '../../../../daemon/manager/commitment/message-effects.js'
import type { MinerSetup } from '../../../../daemon/manager/config/load-settings.js'
import { Candidates } from '../../../../daemon/manager/snapup/candidates.js'
import type { SnapUpState } from '../../../../daemon/manager/snapup/job.js'
import { JobRepository } from '../../../../daemon/manager/snapup/job-repository.js'
import { SnapUpJobs } from '../../../../daemon/manager/snapup/snapup-jobs.js'
import { updateEffects } from '../../../../daemon/manager/snapup/update-effects.js'
import type { Ready, StepOutcome } from '../../../../daemon/manager/snapup/update-steps.js'
import { EXIT_CODES } from '../../../../rpc-schema/actors/exit-codes.js'
import { RpcTransportError } from '../../../../rpc-schema/rpc/error.js'
import { commRToCid } from '../../../../rpc-schema/wire/cid.js'
import { eventually } from '../../../harness/eventually.js'
import { onEachDatabase } from '../../../harness/on-each-database.js'
import { headAt, stubNode } from '../commitment/stub-chain.js'
import { Records } from '../proven-records.js'

const SID = { Miner: 1000, Number: 3 }
const WAIT_MS = 180_000
const LIMIT_MS = 5_000

const upgraded = {
  AccessInstance: 'p',
  SealedCID: commRToCid(new Uint8Array(32).fill(5)),
  UnsealedCID: null,
  Proof: new Uint8Array(192).fill(1),
}

onEachDatabase('manager: the jobs of upgrades', database => {
  let records: Records
  let repository: JobRepository
  let candidates: Candidates
  let jobs: SnapUpJobs
  let effects: MessageEffects
  let outcomes: (StepOutcome | Ready | Error)[]
  let sent: number[][]
  let sendOutcome: StepOutcome
  let onSend: (() => Promise<void>) | undefined
  let steps: number
  let height: number
  let onHead: () => void

  const next = async (): Promise<StepOutcome | Ready> => {
    steps += 1
    const outcome = outcomes.shift() ?? { kind: 'again', why: 'nothing was scripted' }
    if (outcome instanceof Error) throw outcome
    return outcome
  }

  const build = (MaxAttempts: number | null, PollInterval = WAIT_MS): void => {
    const { db, book, clock } = records
    const Retry = { MaxAttempts, PollInterval, APIFailureWait: WAIT_MS, LocalFailureWait: WAIT_MS }
    const SnapUp = { MessageConfidence: 15, Retry }
    const miners = new Map([[1000, { Actor: 1000, SnapUp } as unknown as MinerSetup]])
    const heads = {
      fresh: async () => headAt(height),
      subscribe: (listener: (move: object) => void) => {
        onHead = () => listener({})
        return () => {}
      },
    } as unknown as HeadTracker
    repository = new JobRepository(db)
    candidates = new Candidates({ db, node: stubNode({}), facts: { rules: async () => NEWEST_RULES }, heads })
    const shared = { miners, db, book, heads, candidates, jobs: repository, clock, log: silentLog }
    jobs = new SnapUpJobs({
      ...shared,
      steps: { prepare: next, finish: next as never },
      sender: {
        send: async updates => {
          sent.push(updates.map(({ record }) => record.ID.Number))
          await onSend?.()
          return updates.map(update => ({ update, outcome: sendOutcome }))
        },
      },
    })
    effects = updateEffects({ ...shared, wake: () => jobs.wake() })
  }

  beforeEach(async () => {
    outcomes = []
    sent = []
    sendOutcome = { kind: 'done' }
    onSend = undefined
    steps = 0
    height = 9_000
    records = await Records.open(await database.fresh())
    build(3)
    await records.finished(3)
    await records.book.restore(SID, { actor: 'test', event: 'test' }, record => {
      record.Upgraded = true
      record.UpgradedInfo = upgraded
    })
    await records.book.transaction(trx => jobs.begin(SID, 4, trx))
    await jobs.start()
  })
  afterEach(async () => {
    await jobs.stop()
    await records.db.destroy()
  })

  const submit = async (): Promise<void> => {
    await records.book.transaction(trx => jobs.submitted(SID, trx))
    jobs.wake()
  }
  const reaches = (state: SnapUpState, attempts?: number) =>
    eventually(`the job is ${state}`, LIMIT_MS, async () => {
      const job = await repository.find(SID)
      return job?.state === state && (attempts === undefined || job.attempts === attempts) ? job : undefined
    })
  const stepped = (count: number) => eventually(`${count} steps`, LIMIT_MS, () => steps >= count || undefined)
  const inState = (state: SnapUpState): Promise<void> => repository.update(SID, { state }, 0)
  const landedEpoch = async () => (await records.book.online(SID)).UpgradeLandedEpoch

  const message = (ExitCode: number, sectorCode: number | null = null): ChainMessage =>
    ({
      id: 1,
      miner: 1000,
      cid: 'bafy',
      height: 9_100,
      sectors: [3],
      sectorCodes: [sectorCode],
      receipt: { ExitCode, Return: null, GasUsed: 1, EventsRoot: null },
    }) as unknown as ChainMessage
  const settled = (...codes: [number, (number | null)?]): Promise<void> =>
    records.book.transaction(trx => effects.settled!(message(...codes), trx))

  it('a failure that may pass is tried again after its wait, and given up after so many', async () => {
    outcomes = [new RpcTransportError('ws://h', 'lost'), { kind: 'again', why: 'refused' }, new Error('disk')]
    await submit()
    await reaches('submitting', 1)
    jobs.wake()
    records.clock.advance(WAIT_MS - 1)
    jobs.wake()
    await submitIsQuiet(1)
    records.clock.advance(1)
    jobs.wake()
    await reaches('submitting', 2)
    records.clock.advance(WAIT_MS)
    jobs.wake()
    const { note } = await reaches('failed')
    expect(note).to.equal('3 times, the last time: disk')
    expect(await records.events(3)).to.include('upgrade failed')
    outcomes = [{ kind: 'done' }]
    await submit()
    await stepped(4)
  })

  for (const hours of [2, -2])
    it(`fault 46: the clock is set by ${hours} hours: the wait after a failure is neither shorter nor longer`, async () => {
      outcomes = [{ kind: 'again', why: 'refused' }, { kind: 'done' }]
      await submit()
      await reaches('submitting', 1)
      records.clock.setBy = hours * 3_600_000
      records.clock.advance(WAIT_MS - 1)
      jobs.wake()
      await submitIsQuiet(1)
      records.clock.advance(1)
      jobs.wake()
      await stepped(2)
    })

  it('fault 46: a restart after the clock was set back does not wait for a moment that is far away now', async () => {
    await jobs.stop()
    build(3)
    outcomes = [{ kind: 'done' }]
    await repository.update(SID, { state: 'submitting', nextAt: records.clock.now() + 2 * 3_600_000 }, 0)
    await jobs.start()
    await stepped(1)
  })

  async function submitIsQuiet(count: number): Promise<void> {
    await new Promise(resolve => setImmediate(resolve))
    expect(steps).to.equal(count)
  }

  it('is looked at as often as Retry.PollInterval says, also when no head comes', async () => {
    await jobs.stop()
    build(3, 60_000)
    outcomes = [{ kind: 'done' }, { kind: 'done' }]
    await inState('submitting')
    await jobs.start()
    await stepped(1)
    await eventually('its rest', LIMIT_MS, () => records.clock.sleeping > 0 || undefined)
    records.clock.advance(59_999)
    await submitIsQuiet(1)
    records.clock.advance(1)
    await stepped(2)
  })

  it('those that are ready at the same time are sent together; what became of each is noted', async () => {
    await jobs.stop()
    const ready: Ready[] = []
    for (const number of [3, 4, 5]) {
      const sid = { Miner: 1000, Number: number }
      if (number !== 3) {
        await records.finished(number)
        await records.book.transaction(trx => jobs.begin(sid, 4, trx))
      }
      await repository.update(sid, { state: 'submitting', nextAt: 0 }, 0)
      ready.push({ kind: 'ready', update: { record: { ID: sid } } } as Ready)
    }
    build(3)
    outcomes = [ready[0]!, { kind: 'later', epoch: 20_000, why: 'closed' }, ready[2]!]
    sendOutcome = { kind: 'failed', why: 'the chain would refuse it' }
    await jobs.start()
    await reaches('failed')
    expect(sent).to.deep.equal([[3, 5]])
    const states = (await jobs.list()).map(({ sid, state, note }) => [sid.Number, state, note])
    expect(states).to.deep.equal([
      [3, 'failed', 'the chain would refuse it'],
      [4, 'submitting', 'closed'],
      [5, 'failed', 'the chain would refuse it'],
    ])
  })

  it('one that is on its way is neither tried again nor given up, whatever fails after it', async () => {
    await jobs.stop()
    build(1)
    outcomes = [{ kind: 'ready', update: { record: { ID: SID } } } as Ready]
    onSend = async () => {
      await inState('waiting')
      throw new Error('the node is gone')
    }
    await jobs.start()
    await submit()
    await eventually('a message', LIMIT_MS, () => sent.length > 0 || undefined)
    await jobs.stop()
    expect(await repository.find(SID)).to.include({ state: 'waiting', attempts: 0 })
  })

  it('waits for an epoch by the heads, not by the clock', async () => {
    outcomes = [{ kind: 'later', epoch: 9_050, why: 'closed' }, { kind: 'done' }]
    await submit()
    await stepped(1)
    await eventually('the note', LIMIT_MS, async () =>
      (await repository.find(SID))?.note === 'closed' ? true : undefined,
    )
    records.clock.advance(10 * WAIT_MS)
    height = 9_049
    onHead()
    await submitIsQuiet(1)
    height = 9_050
    onHead()
    await stepped(2)
  })

  it('a message that counts makes it landed; a reorg takes it back', async () => {
    await inState('waiting')
    await settled(EXIT_CODES.Ok, 0)
    expect((await repository.find(SID))!.state).to.equal('landed')
    expect(await landedEpoch(), 'of the tipset that holds the message').to.equal(9_099)
    await records.book.transaction(trx => effects.reverted!(message(EXIT_CODES.Ok), trx))
    expect((await repository.find(SID))!.state).to.equal('waiting')
    expect(await landedEpoch()).to.equal(null)
  })

  // biome-ignore format: a table
  const CODES: [what: string, code: number, sectorCode: number | null, state: SnapUpState][] = [
    ['out of gas is sent again',               EXIT_CODES.SysErrOutOfGas,       null,                           'submitting'],
    ['no funds are waited for',                EXIT_CODES.ErrInsufficientFunds, null,                           'submitting'],
    ['a refusal is left to a person',          EXIT_CODES.ErrIllegalArgument,   null,                           'failed'],
    ['so is one of the sector alone',          EXIT_CODES.Ok,                   EXIT_CODES.ErrIllegalArgument,  'failed'],
  ]
  for (const [what, code, sectorCode, state] of CODES) {
    it(`exit codes: ${what}`, async () => {
      await inState('waiting')
      await settled(code, sectorCode)
      expect((await repository.find(SID))!.state).to.equal(state)
      expect(await landedEpoch()).to.equal(null)
    })
  }

  it('messages that fail on the chain are paid for: after some of them a person has to look', async () => {
    build(null)
    for (let paid = 1; paid <= 5; paid++) {
      await repository.update(SID, { state: 'waiting', attempts: 0 }, 0)
      await settled(EXIT_CODES.SysErrOutOfGas)
      expect((await repository.find(SID))!.state, `message ${paid}`).to.equal(paid < 5 ? 'submitting' : 'failed')
    }
  })

  it('a message that is gone, or was never sent, is made anew after a wait', async () => {
    await inState('waiting')
    await records.book.transaction(trx => effects.dropped!(message(0), 'replaced', trx))
    expect(await repository.find(SID)).to.deep.include({ state: 'submitting', attempts: 1 })
    await inState('waiting')
    effects.available!(message(0), null)
    await reaches('submitting', 2)
  })

  it('what is not followed is not changed by a message', async () => {
    await inState('dropping')
    await settled(EXIT_CODES.Ok, 0)
    expect((await repository.find(SID))!.state).to.equal('dropping')
  })

  it('an operator stops what is not on its way; a restart goes on', async () => {
    outcomes = [{ kind: 'later', epoch: 20_000, why: 'closed' }]
    await submit()
    await stepped(1)
    await jobs.cancel(SID)
    expect((await repository.find(SID))!.state).to.equal('cancelled')
    await jobs.stop()
    build(3)
    outcomes = [{ kind: 'later', epoch: 20_000, why: 'closed' }]
    await jobs.start()
    await stepped(2)
    await inState('waiting')
    await jobs.cancel(SID)
    expect((await repository.find(SID))!.state).to.equal('waiting')
  })

  it('an upgrade is given up only while nothing of it is on its way, and is a candidate again', async () => {
    for (const state of ['waiting', 'landed'] as const) {
      await inState(state)
      const refused = await jobs.stopSending(SID).catch((error: Error) => error.message)
      expect(refused).to.include('on its way')
    }
    await inState('submitting')
    await jobs.stopSending(SID)
    expect((await repository.find(SID))!.state, 'a restart does not send it').to.equal('dropping')
    await records.book.transaction(trx => jobs.drop(SID, trx))
    expect(await repository.find(SID)).to.equal(undefined)
    expect((await candidates.list(1000))![4]!.toArray()).to.deep.equal([3])
  })

  it('a record that came from elsewhere gets a job at the start', async () => {
    await records.db('snapup_jobs').delete()
    await jobs.stop()
    build(null)
    outcomes = [{ kind: 'done' }]
    await jobs.start()
    await stepped(1)
    expect((await repository.find(SID))!.state).to.equal('submitting')
  })
})
