import { expect } from 'chai'
import fc from 'fast-check'
import { ON_CHAIN_STATE } from '../../../rpc-schema/manager/commitment.js'
import { goodProof, ManagerBench } from '../../daemon/manager/manager-bench.js'
import {
  advanceUntil,
  expectOnceEach,
  messagesOf,
  PRE_COMMIT,
  PROVE_COMMIT,
  reaches,
  sealedCid,
} from './chain-truth.js'

const { landed } = ON_CHAIN_STATE
const PUSH = 'Filecoin.MpoolPushMessage'
const SEED = Number(process.env.SEALYARD_SEED ?? Date.now() % 1_000_000_007)
const RUNS = 3
const LONGEST = 30

type Sealed = Awaited<ReturnType<ManagerBench['sealed']>>
interface Sector extends Sealed {
  stage: 'sealed' | 'preCommitting' | 'proving' | 'aborted'
}

/** What is known of the world without asking the manager. */
interface Model {
  readonly sectors: Sector[]
}

type Step = fc.AsyncCommand<Model, ManagerBench>

const step = (
  name: string,
  run: (model: Model, bench: ManagerBench) => Promise<void>,
  check: (model: Readonly<Model>) => boolean = () => true,
): fc.Arbitrary<Step> => fc.constant({ check, run, toString: () => name })

/** Asks as a worker does: an error that passes is no reason to stop, the question is asked again later. */
const maybe = (work: Promise<unknown>): Promise<unknown> => work.catch(() => undefined)
const at = (model: Readonly<Model>, stage: Sector['stage']) => model.sectors.find(one => one.stage === stage)

const STEPS: fc.Arbitrary<Step>[] = [
  step('allocate', async (model, bench) => {
    const one = await bench.sealed()
    const numbers = model.sectors.map(({ sid }) => sid.Number)
    expect(numbers, 'I1: a number twice').to.not.include(one.sid.Number)
    model.sectors.push({ ...one, stage: 'sealed' })
  }),
  step(
    'submit a pre-commit',
    async (model, bench) => {
      const one = at(model, 'sealed')!
      await maybe(bench.api.SubmitPreCommit(one.sector, one.pre, false))
      one.stage = 'preCommitting'
    },
    model => at(model, 'sealed') !== undefined,
  ),
  step(
    'submit it again',
    async (model, bench) => {
      const one = at(model, 'preCommitting')!
      await maybe(bench.api.SubmitPreCommit(one.sector, one.pre, true))
    },
    model => at(model, 'preCommitting') !== undefined,
  ),
  step(
    'prove',
    async (model, bench) => {
      const one = at(model, 'preCommitting')!
      const answer = (await maybe(bench.api.WaitSeed(one.sid, 5))) as { Seed: unknown } | undefined
      if (!answer?.Seed) return
      await maybe(bench.api.SubmitProof(one.sid, { Proof: goodProof(one.sid.Number) }, false))
      one.stage = 'proving'
    },
    model => at(model, 'preCommitting') !== undefined,
  ),
  step(
    'abort',
    async (model, bench) => {
      const one = at(model, 'sealed')!
      await bench.api.ReportAborted(one.sid, 'the test says so')
      one.stage = 'aborted'
    },
    model => at(model, 'sealed') !== undefined,
  ),
  step('restart', async (_, bench) => {
    await bench.manager.stop()
    await bench.startManager()
  }),
  step('lose the answer to a push', (_, bench) =>
    bench.admin.Fail({ Method: PUSH, Kind: 'drop-after-effect', Times: 1 }),
  ),
  step('refuse a push', (_, bench) => bench.admin.Fail({ Method: PUSH, Kind: 'error', Times: 1 })),
  step('forget the pool', async (_, bench) => void (await bench.admin.ForgetMessages(null))),
  step('an epoch', async (_, bench) => void (await bench.admin.Advance(1))),
  step('fifteen epochs', async (_, bench) => void (await bench.admin.Advance(15))),
  step('null rounds', async (_, bench) => void (await bench.admin.NullRounds(4))),
  fc.integer({ min: 1, max: 20 }).map(depth => ({
    check: () => true,
    run: async (_, bench) => void (await bench.admin.Reorg(depth)),
    toString: () => `a reorg of depth ${depth}`,
  })),
]

/** Brings what was begun to its end, as workers would, on a chain without faults. */
async function finish({ sectors }: Model, bench: ManagerBench): Promise<void> {
  await bench.admin.ClearFaults()
  for (const { sid, sector, pre, stage } of sectors) {
    if (stage === 'sealed' || stage === 'aborted') continue
    await advanceUntil(bench, `pre-commit of ${sid.Number}`, async () => {
      const { State } = await bench.api.PollPreCommitState(sid)
      if (State === landed) return true
      if (State >= ON_CHAIN_STATE.failed) await maybe(bench.api.SubmitPreCommit(sector, pre, true))
      return undefined
    })
    await advanceUntil(bench, `seed of ${sid.Number}`, async () => (await bench.api.WaitSeed(sid, 5)).Seed ?? undefined)
    await maybe(bench.api.SubmitProof(sid, { Proof: goodProof(sid.Number) }, false))
    await advanceUntil(bench, `proof of ${sid.Number}`, async () => {
      const { State } = await bench.api.PollProofState(sid)
      if (State === landed) return true
      if (State >= ON_CHAIN_STATE.failed) {
        await maybe(bench.api.WaitSeed(sid, 5))
        await maybe(bench.api.SubmitProof(sid, { Proof: goodProof(sid.Number) }, true))
      }
      return undefined
    })
    await reaches(bench, 'prove', sid, landed)
  }
}

describe('fault: whatever comes in whatever order', function () {
  this.timeout(180_000)

  it(`numbers, messages and sectors are one each in the end (SEALYARD_SEED=${SEED})`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.commands(STEPS, { maxCommands: LONGEST, size: 'max' }), async commands => {
        const bench = await new ManagerBench({ devnet: { manual: true } }).start()
        const model: Model = { sectors: [] }
        try {
          await bench.admin.Advance(450)
          await fc.asyncModelRun(() => ({ model, real: bench }), commands)
          await finish(model, bench)
          // A proof that a reorg has put before its seed fails, and is paid for: one for each that was sent.
          const sent = (await messagesOf(bench, PROVE_COMMIT)).length
          await expectOnceEach(bench, sent)
          for (const { sid, stage } of model.sectors) {
            const isBegun = stage === 'preCommitting' || stage === 'proving'
            const numbers = (await messagesOf(bench, PRE_COMMIT)).flatMap(({ Sectors }) => Sectors)
            expect(numbers.includes(sid.Number), `sector ${sid.Number}, ${stage}`).to.equal(isBegun)
            if (isBegun) expect(await sealedCid(bench, sid.Number)).to.be.a('string')
          }
        } finally {
          await bench.stop()
        }
      }),
      { seed: SEED, numRuns: RUNS, endOnFailure: true, interruptAfterTimeLimit: 120_000 },
    )
  })
})
