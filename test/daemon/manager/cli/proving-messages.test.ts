import { expect } from 'chai'
import { METHODS } from '../../../../rpc-schema/actors/actor-methods.js'
import { Address } from '../../../../rpc-schema/wire/address.js'
import { Bitfield } from '../../../../rpc-schema/wire/bitfield.js'
import { faultCutoffPassed, newDeadlineInfo, nextNotElapsed } from '../../../../rpc-schema/wire/deadline.js'
import { pretendedWindowProof, WindowPoster } from '../../../harness/window-poster.js'
import { finishedSector } from '../finished-sector.js'
import { ManagerBench, MINER } from '../manager-bench.js'
import { type Outcome, utilOf } from './run-cli.js'

const miner = Address.fromId(MINER)
const BETWEEN_EPOCHS_MS = 20

for (const messager of [false, true]) {
  describe(`manager: commands that change partitions and numbers, ${messager ? 'by a messager' : "by the node's pool"}`, function () {
    this.timeout(120_000)
    let bench: ManagerBench
    let poster: WindowPoster
    let left: Bitfield
    const util = (...args: string[]) => utilOf(bench)(...args)
    const proving = (...args: string[]) => util('sealer', 'proving', '--miner', `t0${MINER}`, ...args)
    const actor = (...args: string[]) => util('sealer', 'actor', '--miner', `t0${MINER}`, ...args)
    const landed = async (Method: number): Promise<number> =>
      (await bench.admin.Messages({ Miner: MINER, Method })).length
    const partitionOf = async (number: number) => {
      const at = await bench.chain.StateSectorPartition(miner, number, [])
      return { ...at, ...(await bench.chain.StateMinerPartitions(miner, at.Deadline, []))[at.Partition]! }
    }

    before(async () => {
      bench = await new ManagerBench({
        messager,
        devnet: { manual: true, challengeWindow: 60, deadlines: 8 },
        minerConfig: `[Miners.Commitment]
Confidence = 2
[Miners.Commitment.Pre.Batch]
Threshold = 1
[Miners.Commitment.Prove.Batch]
Threshold = 1
[Miners.Commitment.Terminate.Batch]
Threshold = 1
CheckInterval = "1s"
`,
      }).start()
      left = Bitfield.EMPTY
      poster = new WindowPoster({
        node: bench.chain,
        miner,
        prove: pretendedWindowProof,
        get skip() {
          return left
        },
      })
      await passing(async () => {
        for (let count = 0; count < 2; count++) await finishedSector(bench)
      })
      await poster.activate(bench.admin)
    })
    after(() => bench?.stop())

    /** Epochs pass, and windows are proven, for as long as something takes. */
    async function passing<T>(work: () => Promise<T>): Promise<T> {
      let done = false
      const result = work().finally(() => {
        done = true
      })
      while (!done) {
        await forward(1)
        await new Promise(resolve => setTimeout(resolve, BETWEEN_EPOCHS_MS))
      }
      return result
    }
    const forward = async (epochs: number): Promise<void> => {
      const { Height } = await bench.chain.ChainHead()
      await poster.advanceTo(Height + epochs, bench.admin)
    }
    /** To where a deadline can be changed: nobody can dispute its last window any more, and the next one is not near. */
    async function pastDisputes(deadline: number): Promise<void> {
      for (;;) {
        const { Index, WPoStPeriodDeadlines } = await bench.chain.StateMinerProvingDeadline(miner, [])
        if (Index === (deadline + 6) % WPoStPeriodDeadlines) return
        await forward(5)
      }
    }
    async function becomesFaulty(number: number): Promise<void> {
      left = Bitfield.of([number])
      while (!(await partitionOf(number)).FaultySectors.has(number)) await forward(30)
      left = Bitfield.EMPTY
      await pastDisputes((await partitionOf(number)).Deadline)
    }
    const done = (outcome: Outcome): string => {
      expect(outcome.stderr).to.equal('')
      expect(outcome.code).to.equal(0)
      return outcome.stdout
    }

    it('recover-faults declares what is faulty, each time it has become so', async () => {
      const { Deadline } = await partitionOf(1)
      const recover = (...more: string[]) => proving('recover-faults', '--deadline', String(Deadline), ...more)
      await becomesFaulty(1)
      expect(done(await recover('--dry-run'))).to.match(
        /^Message:\n\tMethod: DeclareFaultsRecovered \(11\)\n\tFrom: f0103 [\s\S]*"Sectors":[\s\S]*\tCosts at most: [\d.]+ \w*FIL\n$/,
      )
      expect(await landed(METHODS.miner.DeclareFaultsRecovered)).to.equal(0)
      expect(done(await passing(() => recover()))).to.match(/\nMessage ID: baf\w+\n1 sectors declared as recovering\n$/)
      expect((await partitionOf(1)).RecoveringSectors.toArray()).to.deep.equal([1])
      expect((await recover()).stdout).to.include(`no faulty sectors in deadline ${Deadline} that are not declared`)
      expect((await proving('recover-faults', '--deadline', '8')).stderr).to.include('there are 8, from 0 on')
      while (!(await partitionOf(1)).FaultySectors.isEmpty) await forward(30)
      expect((await partitionOf(1)).ActiveSectors.has(1)).to.equal(true)

      await becomesFaulty(1)
      const target = async () => {
        const present = await bench.chain.StateMinerProvingDeadline(miner, [])
        return nextNotElapsed(newDeadlineInfo(present.PeriodStart, Deadline, present.CurrentEpoch, present))
      }
      while (!faultCutoffPassed(await target())) await forward(5)
      const late = await recover()
      expect([late.code, late.stderr]).to.satisfy(
        ([code, text]: [number, string]) =>
          code === 1 && /too late to declare recoveries .* cutoff is epoch/.test(text),
      )
      expect(await landed(METHODS.miner.DeclareFaultsRecovered)).to.equal(1)
      while (faultCutoffPassed(await target())) await forward(5)
      expect(done(await passing(() => recover()))).to.not.include('sent before')
      expect((await partitionOf(1)).RecoveringSectors.toArray()).to.deep.equal([1])
      expect(await landed(METHODS.miner.DeclareFaultsRecovered)).to.equal(2)
      while (!(await partitionOf(1)).FaultySectors.isEmpty) await forward(30)
    })

    it('compact-partitions removes sectors that have ended', async () => {
      const { Deadline, Partition } = await partitionOf(2)
      done(await passing(() => util('sealer', 'sectors', 'terminate', '--actor', String(MINER), '--really-do-it', '2')))
      const isTerminated = async () => !(await partitionOf(2)).LiveSectors.has(2)
      while (!(await isTerminated())) {
        await forward(5)
        await new Promise(resolve => setTimeout(resolve, BETWEEN_EPOCHS_MS))
      }
      await pastDisputes(Deadline)
      const compact = (partitions: string, ...more: string[]) =>
        proving('compact-partitions', '--deadline', String(Deadline), '--partitions', partitions, ...more)
      expect(done(await compact(String(Partition)))).to.match(
        /^Message:\n\tMethod: CompactPartitions \(19\)\n[\s\S]*\nPass --really-do-it to actually execute this action\n$/,
      )
      expect((await compact('7', '--really-do-it')).stderr).to.match(/partition index 7 out of bounds/)
      expect((await compact('x', '--really-do-it')).stderr).to.match(/expected a whole number/)
      expect((await proving('compact-partitions', '--deadline', '8', '--partitions', '0')).stderr).to.include(
        'deadline 8 out of range: there are 8, from 0 on',
      )
      expect(await landed(METHODS.miner.CompactPartitions)).to.equal(0)
      const twice = `${Partition},${Partition}`
      expect(done(await passing(() => compact(twice, '--really-do-it')))).to.match(
        /\nMessage ID: baf\w+\ncompacted 1 partitions\n$/,
      )
      const parts = await bench.chain.StateMinerPartitions(miner, Deadline, [])
      expect(parts.some(({ AllSectors }) => AllSectors.has(2))).to.equal(false)
      expect(await landed(METHODS.miner.CompactPartitions)).to.equal(1)
    })

    it('compact-allocated masks numbers, and the manager gives none of them', async () => {
      const mask = (...more: string[]) => actor('compact-allocated', ...more)
      expect((await mask('--mask-last-offset', '1', '--mask-upto-n', '3')).stderr).to.include('more than one mask flag')
      expect((await mask('--really-do-it')).stderr).to.include("no 'mask' flags set")
      expect(done(await mask('--mask-upto-n', '40'))).to.match(
        /\nNumbers up to 39 can never be used after this\.\nPass --really-do-it/,
      )
      const sent = await passing(() => mask('--mask-upto-n', '40', '--really-do-it'))
      expect(done(sent)).to.match(/\nCompactSectorNumbers Message ID: baf\w+\n$/)
      expect((await bench.chain.StateMinerAllocated(miner, []))!.last).to.equal(39)
      const next = await bench.api.AllocateSector({ AllowedMiners: [], AllowedProofTypes: [] })
      expect(next!.ID.Number).to.be.greaterThan(39)
    })
  })
}
